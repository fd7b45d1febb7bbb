# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells a person while it works: a line that redraws itself on a terminal, now and then a line in a log."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Callable, TextIO

_TERMINAL_SECONDS = 0.2
_LOG_SECONDS = 15.0


def format_bytes(number: float) -> str:
    """``number`` of bytes in binary units, three figures or so: ``165 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:
            return ("%d %s" if unit == "B" or number >= 100 else "%.1f %s") % (number, unit)
        number /= 1024
    return "%.1f TiB" % number


class Progress:
    """Says nothing; the base of those that do, and enough for callers that want silence."""

    def say(self, sentence: str) -> None:
        """Tell one thing that happened."""

    def start(self, what: str, total: int | None = None) -> None:
        """Begin to count bytes of ``what``; ``total`` is None where nobody can know it."""

    def step(self, what: str) -> None:
        """Name the part that is being worked on, such as a database."""

    def advance(self, count: int) -> None:
        """Count ``count`` more bytes."""

    def done(self) -> None:
        """End the count."""


class StreamProgress(Progress):
    """Writes to a stream: rates and names, never data or secrets."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._pause = _TERMINAL_SECONDS if self._terminal else _LOG_SECONDS
        self._what = ""
        self._part = ""
        self._total: int | None = None
        self._count = 0
        self._begun = 0.0
        self._shown = 0.0
        self._drawn = False

    def say(self, sentence: str) -> None:
        self._wipe()
        self._write(sentence + "\n")

    def start(self, what: str, total: int | None = None) -> None:
        self._what, self._part, self._total, self._count = what, "", total, 0
        self._begun = self._shown = self._clock()

    def step(self, what: str) -> None:
        self._part = what

    def advance(self, count: int) -> None:
        self._count += count
        now = self._clock()
        if now - self._shown >= self._pause:
            self._shown = now
            self._show(now)

    def done(self) -> None:
        self._wipe()
        self._what = ""

    def _show(self, now: float) -> None:
        rate = self._count / max(now - self._begun, 0.001)
        line = "%s: %s" % (self._what, format_bytes(self._count))
        if self._total:
            line += " of %s (%d %%)" % (format_bytes(self._total), min(100, 100 * self._count // self._total))
        line += ", %s/s" % format_bytes(rate)
        if self._part:
            line += ", " + self._part
        if self._terminal:
            self._write("\r\x1b[K" + line)
            self._drawn = True
        else:
            self._write(line + "\n")

    def _wipe(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _write(self, text: str) -> None:
        # A reader that has gone, or a log on a full disk, must not end a run.
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
