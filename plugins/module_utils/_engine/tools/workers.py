# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pieces of work at a time, each done by programs that threads wait for."""

from __future__ import annotations

import queue
import threading
from collections import deque
from typing import Callable, Iterable, TypeVar

from .signals import postponed

Piece = TypeVar("Piece")

_STOP_PAUSE_SECONDS = 0.1


class Workers:
    """At most ``count`` threads. ``halt`` ends the programs that they wait for, and may be called again and again."""

    def __init__(self, count: int, name: str, halt: Callable[[], None]) -> None:
        self._count = count
        self._name = name
        self._halt = halt
        self._stopping = threading.Event()

    def run(self, work: Callable[[Piece], None], pieces: Iterable[Piece], let_others_end: bool = False) -> None:
        """Do ``work`` for every piece, begun in their order, and return when no thread is left.

        Raises what the first of them raised that failed. No other is begun then, and those that were are halted, unless
        ``let_others_end``. A signal halts them in any case.
        """
        waiting = deque(pieces)
        outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._work, args=(work, waiting, outcomes), name="%s-%d" % (self._name, number), daemon=True)
            for number in range(min(self._count, len(waiting)))
        ]
        try:
            for thread in threads:
                thread.start()
            failures = []
            for _thread in threads:
                failure = outcomes.get()
                if failure is not None and not let_others_end:
                    raise failure
                failures.append(failure)
            for thread in threads:
                thread.join()
        except BaseException:
            self._stopping.set()
            with postponed():
                while any(thread.is_alive() for thread in threads):
                    # A thread may just have been starting its next program.
                    self._halt()
                    for thread in threads:
                        thread.join(_STOP_PAUSE_SECONDS)
            raise
        for failure in filter(None, failures):
            raise failure

    def _work(self, work: Callable[[Piece], None], waiting: deque[Piece], outcomes: queue.SimpleQueue[BaseException | None]) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    piece = waiting.popleft()
                except IndexError:
                    break
                work(piece)
            outcomes.put(None)
        except BaseException as failure:  # handed over to the main thread
            self._stopping.set()
            outcomes.put(failure)
