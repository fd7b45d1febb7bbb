# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log that is followed while connections break."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._jobs import follower
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.follower import Follower, read_lines, split_stamp
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import ClusterError

LINES = [b"2026-11-23T19:04:34.%dZ line %d\n" % (100 + number, number) for number in range(8)]


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "_RETRY_SECONDS", 0.001)


class Connections:
    """Each opening gives the next list of chunks; an exception in it breaks the connection there."""

    def __init__(self, *connections: list[Any]) -> None:
        self.connections = list(connections)

    def __call__(self, **_options: Any) -> Any:
        self.current = self.connections.pop(0) if len(self.connections) > 1 else self.connections[0]
        if isinstance(self.current, Exception):
            raise self.current
        return self

    def stream(self, **_options: Any) -> Iterator[bytes]:
        for chunk in self.current:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def read(*connections: Any) -> tuple[str, list[str]]:
    """What is collected, and what was said as it came."""
    heard: list[str] = []
    reader = Follower(Connections(*connections), heard.append)
    reader.start()
    return reader.text(wait_seconds=5), heard


WHOLE = "".join("line %d\n" % number for number in range(8))


def test_a_log_is_read_to_its_end() -> None:
    text, heard = read(LINES)
    assert text == WHOLE
    assert heard == WHOLE.splitlines()


def test_a_broken_connection_neither_loses_nor_repeats_a_line() -> None:
    text, heard = read([*LINES[:3], OSError("reset")], [*LINES[:6], LINES[6][:9], OSError("reset")], LINES)
    assert text == WHOLE
    assert heard == WHOLE.splitlines()


def test_a_connection_that_somebody_ends_cleanly_is_opened_again() -> None:
    assert read(LINES[:3], LINES)[0] == WHOLE


def test_a_silent_api_server_is_asked_again_and_a_refusal_is_final() -> None:
    assert read(ClusterError("busy", 500, passing=True), LINES)[0] == WHOLE
    assert read([*LINES[:2], OSError()], ClusterError("gone", 404), LINES)[0] == "line 0\nline 1\n"


def test_lines_of_the_same_moment_are_all_kept() -> None:
    same = [b"2026-11-23T19:04:34.1Z a\n", b"2026-11-23T19:04:34.1Z b\n"]
    assert read(same)[0] == "a\nb\n"


def test_only_the_end_of_a_flood_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "KEPT_LINES", 3)
    assert read(LINES)[0] == "line 5\nline 6\nline 7\n"


def test_lines_are_whole_however_the_bytes_come() -> None:
    data = "eins\nzw\u00f6lf\n\nlast".encode()
    for size in range(1, len(data) + 1):
        chunks = (data[start : start + size] for start in range(0, len(data), size))
        assert list(read_lines(chunks)) == ["eins", "zw\u00f6lf", "", "last"]


@pytest.mark.parametrize(
    ("line", "stamp", "text"),
    [
        ("2026-11-23T19:04:34.1Z hello you", "2026-11-23T19:04:34.100000000", "hello you"),
        ("2026-11-23T19:04:34Z ", "2026-11-23T19:04:34.000000000", ""),
        ("no stamp at all here", "", "no stamp at all here"),
        ("", "", ""),
    ],
)
def test_stamps_sort_as_text(line: str, stamp: str, text: str) -> None:
    assert split_stamp(line) == (stamp, text)
