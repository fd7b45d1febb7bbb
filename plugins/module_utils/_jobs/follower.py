# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log, collected while it runs, so that it outlives the pod and can be shown as it comes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, Callable

from .watching import ClusterError

try:
    from urllib3.exceptions import HTTPError

    CONNECTION_ERRORS: tuple[type[Exception], ...] = (HTTPError, OSError)
except ImportError:  # the door tells which library is missing before anything here is used
    CONNECTION_ERRORS = (OSError,)

# The end of a log matters most; a program that floods it must not fill our memory.
KEPT_LINES = 20_000
_RETRY_SECONDS = 1.0
_BARREN_READS = 2
_FRACTION_DIGITS = 9


class Follower:
    """Reads one log in a thread of its own; ``open_log`` opens it, ``say`` gets each line as it comes."""

    def __init__(self, open_log: Callable[..., Any], say: Callable[[str], None] | None = None) -> None:
        self._open_log = open_log
        self._say = say
        self._lines: list[str] = []
        self._lock = threading.Lock()
        self._last_stamp = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="log", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def text(self, wait_seconds: float = 0.0) -> str:
        """What was read so far, after waiting a while for the rest; stops the reading."""
        self._thread.join(wait_seconds)
        self._stop.set()
        with self._lock:
            return "".join(line + "\n" for line in self._lines)

    def _follow(self) -> None:
        barren = 0
        while not self._stop.is_set() and barren < _BARREN_READS:
            known = self._last_stamp
            try:
                response = self._open_log(follow=True, timestamps=True)
                for line in read_lines(response.stream(amt=65536, decode_content=False)):
                    self._take(line, known)
                    if self._stop.is_set():
                        return
                # A clean end is the container's, or that of a connection which somebody closed: ask once more.
                barren = barren + 1 if self._last_stamp == known else 0
            except ClusterError as error:
                if not error.passing:
                    return
            except CONNECTION_ERRORS:
                # The connection broke; the log is asked for again, and what is known already is left out.
                barren = 0
            self._stop.wait(_RETRY_SECONDS)

    def _take(self, line: str, known: str) -> None:
        stamp, text = split_stamp(line)
        if stamp:
            if stamp <= known:
                # Read before the connection broke.
                return
            self._last_stamp = stamp
        with self._lock:
            self._lines.append(text)
            del self._lines[:-KEPT_LINES]
        if self._say is not None:
            self._say(text)


def read_lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """Whole lines out of a stream of bytes; the last one need not end."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
    if rest:
        yield rest.decode("utf-8", "replace")


def split_stamp(line: str) -> tuple[str, str]:
    """The time that Kubernetes writes before each line, in a form that sorts as text, and the line itself."""
    stamp, space, text = line.partition(" ")
    if not (space and len(stamp) >= len("2026-01-01T00:00:00Z") and stamp[10] == "T" and stamp.endswith("Z")):
        return "", line
    seconds, _point, fraction = stamp[:-1].partition(".")
    return "%s.%s" % (seconds, fraction.ljust(_FRACTION_DIGITS, "0")), text
