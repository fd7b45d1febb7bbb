# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the SQL of one section as a frame of its own, and counts and hashes it on the way."""

from __future__ import annotations

import hashlib
from typing import Callable

from ..tools.codecs import Frame, open_frame
from ..tools.processes import Runner


class SectionWriter:
    """Feed it by :meth:`write`; end with :meth:`close` or :meth:`abort`. Compressed bytes go to ``sink``, in order."""

    def __init__(self, runner: Runner, codec: str, level: int | None, sink: Callable[[bytes], None]) -> None:
        self._frame: Frame | None = open_frame(runner, codec, level, sink)
        self._hash = hashlib.sha256()
        self.length = 0

    @property
    def sha256(self) -> str:
        """Checksum of the SQL so far, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, part: bytes | memoryview) -> None:
        """Take the next SQL; raises what the sink raised, or EngineError."""
        if self._frame is None:
            raise ValueError("this section is closed")
        self._hash.update(part)
        self.length += len(part)
        self._frame.write(part)

    def close(self) -> None:
        """End the frame: all of its bytes are in the sink then. Raises as :meth:`write` does."""
        if self._frame is not None:
            self._frame.close()
            self._frame = None

    def abort(self) -> None:
        """Stop the compressor unless the section is closed; never raises."""
        if self._frame is not None:
            self._frame.abort()
            self._frame = None
