# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage that fails, or a machine that dies, at a chosen step."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import Any, Callable, Iterator

CHANGING = ("open", "write", "pwrite", "fsync", "fchmod", "utime", "link", "rename", "replace", "unlink", "mkdir", "rmdir")


class Death(BaseException):
    """The process was killed; from here on it does nothing any more, not even clean up."""


class Steps:
    """Counts the calls that change a volume, and lets one of them go wrong."""

    def __init__(self) -> None:
        self.made: list[str] = []

    @contextmanager
    def watched(self, before: Callable[[int, str], None], after: Callable[[int, str], None] = lambda number, name: None) -> Iterator[None]:
        """Call ``before`` and ``after`` around each such call of this block with its number, from 1, and its name."""
        real = {name: getattr(os, name) for name in CHANGING}

        def step(name: str) -> Callable[..., Any]:
            def call(*arguments: Any, **options: Any) -> Any:
                if name == "open" and not arguments[1] & os.O_CREAT and os.path.isfile(arguments[0]):
                    return real[name](*arguments, **options)
                self.made.append(name)
                number = len(self.made)
                before(number, name)
                result = real[name](*arguments, **options)
                after(number, name)
                return result

            return call

        for name in CHANGING:
            setattr(os, name, step(name))
        try:
            yield
        finally:
            for name, function in real.items():
                setattr(os, name, function)


def dies_at(action: Callable[[], Any], number: int, done_first: bool) -> bool:
    """Run ``action`` and kill it at the step of that number, before or after the step itself; whether it got that far."""
    steps = Steps()

    def before(at: int, name: str) -> None:
        if at > number or (at == number and not done_first):
            raise Death(name)

    def after(at: int, name: str) -> None:
        if at == number:
            raise Death(name)

    with steps.watched(before, after):
        try:
            action()
        except Death:
            return True
    # An action may end well although its last cleaning up was cut short.
    return len(steps.made) >= number


def dies_after(action: Callable[[], Any], name: str) -> None:
    """Run ``action`` and kill it right after its first call of ``os.NAME``."""
    steps = Steps()

    def after(at: int, made: str) -> None:
        if made == name:
            raise Death(name)

    def before(at: int, made: str) -> None:
        if name in steps.made[:-1]:
            raise Death(name)

    with steps.watched(before, after):
        try:
            action()
        except Death:
            return
    raise AssertionError("os.%s was never called" % name)


def fails_at(action: Callable[[], Any], number: int, code: int = errno.ENOSPC, for_ever: bool = False) -> tuple[bool, BaseException | None]:
    """Run ``action`` and let the step of that number fail: whether it got that far, and what it raised."""
    steps = Steps()

    def before(at: int, name: str) -> None:
        if at == number or (for_ever and at > number):
            raise OSError(code, os.strerror(code), name)

    raised = None
    with steps.watched(before):
        try:
            action()
        except Exception as error:
            raised = error
    return len(steps.made) >= number, raised
