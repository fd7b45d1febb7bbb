# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in several threads: its order, its ends, and whose failure is told."""

from __future__ import annotations

import os
import signal
import threading
from typing import Callable

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import Interrupted
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.signals import interruptible
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.workers import Workers

_SECONDS = 20.0


class Programs:
    """Stands for programs that threads wait for: they end when halted, or when let go."""

    def __init__(self) -> None:
        self.halted = threading.Event()
        self.free = threading.Event()
        self.halts = 0

    def halt(self) -> None:
        self.halts += 1
        self.halted.set()
        self.free.set()

    def wait(self) -> None:
        assert self.free.wait(_SECONDS)
        if self.halted.is_set():
            raise ValueError("halted")


def no_thread_is_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]


def workers(count: int, halt: Callable[[], None] = lambda: None) -> Workers:
    return Workers(count, "worker", halt)


def test_every_piece_is_done_once_and_in_its_order() -> None:
    done: list[int] = []
    workers(1).run(done.append, range(5))
    assert done == [0, 1, 2, 3, 4]
    done.clear()
    workers(3).run(done.append, range(50))
    assert sorted(done) == list(range(50))


def test_no_piece_is_no_work() -> None:
    workers(3).run(lambda piece: pytest.fail("called"), [])


def test_as_many_at_a_time_as_are_allowed() -> None:
    meeting = threading.Barrier(3, timeout=_SECONDS)
    workers(3).run(lambda piece: meeting.wait() and None, range(3))


def test_the_first_failure_halts_the_others_and_begins_no_more() -> None:
    programs = Programs()
    begun: list[str] = []

    def work(piece: str) -> None:
        begun.append(piece)
        if piece == "bad":
            raise KeyError(piece)
        programs.wait()

    with pytest.raises(KeyError, match="bad"):
        workers(2, programs.halt).run(work, ["good", "bad", "later"])
    assert begun == ["good", "bad"] and programs.halts and no_thread_is_left()


def test_others_end_by_themselves_where_they_may() -> None:
    programs = Programs()
    ended: list[str] = []

    def work(piece: str) -> None:
        if piece == "bad":
            programs.free.set()
            raise KeyError(piece)
        programs.wait()
        ended.append(piece)

    with pytest.raises(KeyError, match="bad"):
        workers(2, programs.halt).run(work, ["good", "bad", "later"], let_others_end=True)
    assert ended == ["good"] and programs.halts == 0 and no_thread_is_left()


def test_a_signal_halts_them_all() -> None:
    programs = Programs()
    begun = threading.Barrier(2, action=lambda: os.kill(os.getpid(), signal.SIGTERM), timeout=_SECONDS)

    def work(_piece: int) -> None:
        begun.wait()
        programs.wait()

    with interruptible(), pytest.raises(Interrupted):
        workers(2, programs.halt).run(work, range(9), let_others_end=True)
    assert programs.halts and no_thread_is_left()
