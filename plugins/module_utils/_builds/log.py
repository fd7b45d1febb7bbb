# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Build's log, collected while it runs; a connection that breaks costs no line and repeats none."""

from __future__ import annotations

import threading
from typing import Any, Callable

from .._jobs.follower import CONNECTION_ERRORS, KEPT_LINES, read_lines
from .._jobs.watching import ClusterError

_RETRY_SECONDS = 1.0


class BuildLog:
    """Reads one log in a thread of its own; ``open_log`` opens it from its beginning, ``say`` gets each line as it comes."""

    def __init__(self, open_log: Callable[[], Any], say: Callable[[str], None] | None = None) -> None:
        self._open_log = open_log
        self._say = say
        self._lines: list[str] = []
        self._count = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="build-log", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def text(self, wait_seconds: float) -> str:
        """What was read, after waiting a while for the rest; stops the reading."""
        self._stop.set()
        self._thread.join(wait_seconds)
        with self._lock:
            return "".join(line + "\n" for line in self._lines)

    def _follow(self) -> None:
        while True:
            # Asked before reading, so that what the Build wrote last is read.
            last = self._stop.is_set()
            try:
                for number, line in enumerate(read_lines(self._open_log().stream(amt=65536, decode_content=False))):
                    if number >= self._count:
                        self._take(line)
            except ClusterError as error:
                if not error.passing:
                    return
            except CONNECTION_ERRORS:
                pass  # asked for again below; what is known already is left out
            if last:
                return
            self._stop.wait(_RETRY_SECONDS)

    def _take(self, line: str) -> None:
        with self._lock:
            self._count += 1
            self._lines.append(line)
            del self._lines[:-KEPT_LINES]
        if self._say is not None:
            self._say(line)
