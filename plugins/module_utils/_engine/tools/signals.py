# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGTERM and SIGINT become an exception, so that every ``finally`` on the way out does its work."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import Any, Iterator

from .errors import Interrupted

_NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _Postponed:
    """How many blocks hold a signal back, and the one that came meanwhile; touched by the main thread alone."""

    depth = 0
    number: int | None = None


@contextmanager
def interruptible(ignored_before: bool = False, ignored_after: bool = False) -> Iterator[None]:
    """Raise Interrupted inside this block when asked to end; a second signal does not disturb the cleaning up.

    A signal that was ignored before stays ignored, because ``nohup`` means it, unless ``ignored_before``. With
    ``ignored_after`` signals are ignored from the block's end on: the outcome stands, and the exit code shall say it.
    """

    def interrupt(number: int, _frame: Any) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        if _Postponed.depth:
            _Postponed.number = number
            return
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in _NUMBERS}
    before = {number: handler for number, handler in before.items() if ignored_before or handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            afterwards = signal.SIG_IGN if ignored_after else handler
            signal.signal(number, afterwards if afterwards is not None else signal.SIG_DFL)


@contextmanager
def postponed() -> Iterator[None]:
    """Raise Interrupted only at the end of this block, which must be short: nothing in it is left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _Postponed.depth += 1
    try:
        yield
    finally:
        _Postponed.depth -= 1
    number = _Postponed.number
    if number is not None and not _Postponed.depth:
        _Postponed.number = None
        raise Interrupted(number)
