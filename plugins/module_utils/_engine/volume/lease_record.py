# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small file in which the holder of a lock shows that it lives."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass

from .holder import Holder, read_holder, write_holder

# The file keeps its size for ever: rewriting it needs no room, so that a full volume can still be locked and swept.
_SIZE = 512
_FREE = b"{}".ljust(_SIZE)
_FILE_MODE = 0o640


@dataclass(frozen=True)
class LeaseState:
    """What the file said at one moment; two states are equal when not a byte differs."""

    content: bytes

    @property
    def free(self) -> bool:
        """Whether nobody holds the lock."""
        return self.content in (b"", _FREE)

    @property
    def owner(self) -> str | None:
        """The token of who holds it; None also where the file was caught half-written."""
        owner = self._field("owner")
        return owner if isinstance(owner, str) else None

    @property
    def seconds(self) -> float:
        """How long its holder may stand still."""
        seconds = self._field("seconds")
        return float(seconds) if isinstance(seconds, (int, float)) else 0.0

    @property
    def holder(self) -> Holder | None:
        """The process that holds it, where that can be read."""
        return read_holder(self.content)

    @property
    def name(self) -> str:
        """The holder for a sentence."""
        return str(self.holder or "an unknown process")

    def _field(self, name: str) -> object:
        try:
            known = json.loads(self.content)
        except ValueError:
            return None
        return known.get(name) if isinstance(known, dict) else None


@dataclass(frozen=True)
class LeaseRecord:
    """The file at ``path``; it is never removed. Every method raises OSError."""

    path: str

    def read(self) -> LeaseState:
        """What it says now."""
        # Opened anew each time: only then does a network file system look whether another machine has written.
        descriptor = self._open()
        try:
            return LeaseState(os.pread(descriptor, _SIZE, 0))
        finally:
            os.close(descriptor)

    def claim(self, holder: Holder, owner: str, counter: int, seconds: float) -> None:
        """Write the holder down; ``counter`` must differ from the one before."""
        self._write(write_holder(holder, owner=owner, counter=counter, seconds=seconds).ljust(_SIZE))

    def clear(self) -> None:
        """Write down that nobody holds it."""
        self._write(_FREE)

    def _write(self, content: bytes) -> None:
        descriptor = self._open()
        try:
            if os.pwrite(descriptor, content, 0) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self.path)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
