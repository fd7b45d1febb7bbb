# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file that is written in several places at once, and is in order all the same."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from typing import BinaryIO, Iterator

from .durable import FILE_MODE, set_mode

_CHUNK = 1 << 20


class Lanes:
    """Stretches of ``file`` that follow one another in the order of :meth:`add`, filled at the same time.

    The first lane that is not finished writes into the file itself. Those behind it wait with what they have
    in files beside it, named after ``path``, until their turn comes; so there is never more of them than is ahead of its turn.
    Each lane is written and finished by one thread at a time. ``size`` and ``sha256`` are those of the file once all lanes are finished.
    """

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._file = file
        self._path = path
        self._hash = hashlib.sha256()
        self._lanes: list[_Lane] = []
        self._turn = 0
        self.size = 0

    @property
    def sha256(self) -> str:
        """Checksum of the file in hexadecimal."""
        return self._hash.hexdigest()

    def add(self) -> int:
        """One more lane behind all others; returns its number. Only while no lane is being finished."""
        number = len(self._lanes)
        self._lanes.append(_Lane("%s.%d" % (self._path, number), ahead=number == self._turn))
        return number

    def write(self, number: int, data: bytes) -> None:
        """Append ``data`` to a lane; raises OSError."""
        lane = self._lanes[number]
        with lane.lock:
            lane.length += len(data)
            if lane.ahead:
                self._store(data)
            else:
                lane.wait_with(data)

    def finish(self, number: int) -> int:
        """Nothing more comes in this lane; returns how many bytes it got. Raises OSError."""
        lane = self._lanes[number]
        with lane.lock:
            lane.finished = True
            ahead = lane.ahead
            if not ahead:
                lane.rest()
        if ahead:
            self._pass_on(number + 1)
        return lane.length

    def close(self) -> None:
        """Remove what still waits; never raises."""
        for lane in self._lanes:
            with lane.lock:
                lane.forget()

    def _pass_on(self, number: int) -> None:
        """Let the next lane write into the file, and so on over lanes that have finished already."""
        for lane in self._lanes[number:]:
            with lane.lock:
                count = 0
                for data in lane.waited():
                    self._store(data)
                    count += len(data)
                if count != lane.length:
                    raise OSError(errno.EIO, "%d bytes waited and %d are there" % (lane.length, count))
                lane.forget()
                lane.ahead = True
                if not lane.finished:
                    return
        self._turn = len(self._lanes)

    def _store(self, data: bytes) -> None:
        _write(self._file, data)
        self._hash.update(data)
        self.size += len(data)


class _Lane:
    """One stretch. ``ahead``: everything before it is in the file."""

    def __init__(self, path: str, ahead: bool) -> None:
        self.lock = threading.Lock()
        self.ahead = ahead
        self.finished = False
        self.length = 0
        self._path = path
        self._waiting: BinaryIO | None = None
        self._rests = False

    def wait_with(self, data: bytes) -> None:
        if self._waiting is None:
            self._waiting = open(self._path, "x+b", buffering=0, opener=_opener)  # noqa: SIM115 (closed by forget)
            set_mode(self._waiting.fileno())
        _write(self._waiting, data)

    def rest(self) -> None:
        """Let go of the file until its turn comes: a thousand small databases may wait behind a large one."""
        self._rests = self._waiting is not None
        self._close()

    def waited(self) -> Iterator[bytes]:
        if self._rests:
            self._waiting = open(self._path, "rb", buffering=0)  # noqa: SIM115 (closed by forget)
        if self._waiting is None:
            return
        self._waiting.seek(0)
        while True:
            data = self._waiting.read(_CHUNK)
            if not data:
                return
            yield data

    def forget(self) -> None:
        if self._waiting is not None or self._rests:
            self._close()
            self._rests = False
            try:
                os.unlink(self._path)
            except OSError:
                # The folder of unfinished work goes as a whole.
                pass

    def _close(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, FILE_MODE)


def _write(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]
