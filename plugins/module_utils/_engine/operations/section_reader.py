# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of single sections out of a stored dump, checked once more on its way to the server."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO, Generator, Iterator

from ..manifest import Manifest, Section
from ..tools.codecs import decode
from ..tools.errors import BackupDamaged, VolumeError
from .context import Context


class _Place:
    """A place of one's own in an open file."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        self._descriptor = file.fileno()
        self._offset = offset

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes from here on."""
        data = os.pread(self._descriptor, size, self._offset)
        self._offset += len(data)
        return data


class SectionReader:
    """Reads sections of the dump in ``file``, which others may read at the same time.

    :meth:`close` ends what works for it; the file stays open.
    """

    def __init__(self, context: Context, manifest: Manifest, file: BinaryIO) -> None:
        self._context = context
        self._manifest = manifest
        self._file = file
        self._stream: Generator[bytes, None, None] | None = None
        self._position = 0
        self._rest = memoryview(b"")

    def chunks(self, section: Section) -> Iterator[bytes | memoryview]:
        """The SQL of ``section``; its last piece only after length and checksum were found right.

        Raises BackupDamaged where they are not those of the manifest, and VolumeError where they cannot be read.
        """
        checksum = hashlib.sha256()
        length = 0
        held: bytes | memoryview | None = None
        for chunk in self.unchecked(section):
            length += len(chunk)
            if length > section.length:
                raise self._damaged(section, "it holds more SQL than its manifest says")
            checksum.update(chunk)
            if held is not None:
                yield held
            held = chunk
        if length != section.length:
            raise self._damaged(section, "it holds less SQL than its manifest says")
        if checksum.hexdigest() != section.sha256:
            raise self._damaged(section, "its SQL is not what was dumped")
        if held is not None:
            yield held

    def close(self) -> None:
        """End the decoder; safe to call at any time."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._position, self._rest = 0, memoryview(b"")

    def unchecked(self, section: Section) -> Iterator[bytes | memoryview]:
        """The SQL of ``section`` as it lies there; callers may stop reading at any time."""
        if section.stored_offset is None:
            return self._slice(section)
        self.close()
        self._stream = self._decoded(section.stored_offset, section.stored_length)
        return self._stream

    def _slice(self, section: Section) -> Iterator[memoryview]:
        """A section of a dump without frames: one decoder goes on from section to section."""
        if self._stream is None or self._position > section.offset:
            self.close()
            self._stream = self._decoded(0, None)
        end = section.offset + section.length
        while self._position < end:
            if not self._rest:
                self._rest = memoryview(next(self._stream, b""))
                if not self._rest:
                    return
            wanted = self._position >= section.offset
            piece = self._rest[: (end if wanted else section.offset) - self._position]
            self._rest = self._rest[len(piece) :]
            self._position += len(piece)
            if wanted:
                yield piece

    def _decoded(self, offset: int, length: int | None) -> Generator[bytes, None, None]:
        try:
            yield from decode(self._context.runner, self._manifest.codec, _Place(self._file, offset), length)
        except OSError as error:
            raise VolumeError("%s could not be read: %s" % (self._manifest.file_name, error.strerror)) from error

    def _damaged(self, section: Section, why: str) -> BackupDamaged:
        what = section.kind if section.database is None else "database %s" % section.database
        return BackupDamaged("The section of %s in %s changed since it was proven: %s." % (what, self._manifest.file_name, why))
