# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says while it works, also where nobody can hear it."""

from __future__ import annotations

import io

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.progress import StreamProgress, format_bytes


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class BrokenPipe(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (165 << 20, "165 MiB"), (3 << 30, "3.0 GiB"), (2 << 40, "2.0 TiB")],
)
def test_bytes_are_written_in_three_figures_or_so(number: int, text: str) -> None:
    assert format_bytes(number) == text


def test_a_log_gets_a_line_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = StreamProgress(stream, clock)
    progress.start("dumping", 4 << 20)
    for _second in range(40):
        clock.now += 1
        progress.advance(1 << 16)
    progress.done()
    assert [line.split(",")[0] for line in stream.getvalue().splitlines()] == [
        "dumping: 960 KiB of 4.0 MiB (23 %)",
        "dumping: 1.9 MiB of 4.0 MiB (46 %)",
    ]


def test_a_terminal_gets_one_line_that_goes_away() -> None:
    stream, clock = Terminal(), Clock()
    progress = StreamProgress(stream, clock)
    progress.start("dumping")
    clock.now += 1
    progress.advance(10)
    progress.say("Done.")
    assert "\n" not in stream.getvalue()[: -len("Done.\n")] and stream.getvalue().endswith("\r\x1b[KDone.\n")


def test_a_run_goes_on_when_nobody_hears_it_any_more() -> None:
    clock = Clock()
    progress = StreamProgress(BrokenPipe(), clock)
    progress.say("Removed one.")
    progress.start("dumping")
    clock.now += 60
    progress.advance(1)
    progress.done()
