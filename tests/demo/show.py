# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the demos tell their story."""

from __future__ import annotations

import os
import sys
import time


class Show:
    """Prints the story: a heading for each act, a line for each thing done and how long it took."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def act(self, text: str) -> None:
        print("\n%s" % self._style("1", text), flush=True)

    def done(self, what: str, result: str, seconds: float) -> None:
        print("  %s %-28s %-64s %5.1f s" % (self._style("32", "✓"), what, result, seconds), flush=True)

    def lost(self, what: str, result: str) -> None:
        print("  %s %-28s %s" % (self._style("31", "✗"), what, result), flush=True)

    def table(self, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
        widths = [max(len(row[column]) for row in [headings, *rows]) for column in range(len(headings))]
        for number, row in enumerate([headings, *rows]):
            line = "   ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            print("      " + (self._style("2", line) if number == 0 else line), flush=True)

    def wait(self, what: str) -> None:
        """Something that takes its time and is told before it is over."""
        print("  %s %s" % (self._style("2", "…"), self._style("2", what)), flush=True)

    def end(self, text: str) -> None:
        print("\n%s %s All in all %.0f s." % (self._style("32;1", "Done."), text, time.monotonic() - self._begun))

    def _style(self, code: str, text: str) -> str:
        return "\x1b[%sm%s\x1b[0m" % (code, text) if self._colour else text
