# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a stream of SQL as frames, one for each section, and counts and hashes both sides on the way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Callable

from ..manifest import Section
from ..postgres.sections import SectionScanner, SectionStart
from ..tools.processes import Runner
from .section_writer import SectionWriter


@dataclass(frozen=True)
class WrittenDump:
    """What reached the file: sizes in bytes, checksums in hexadecimal."""

    sections: tuple[Section, ...]
    plain_size: int
    stored_size: int
    stored_sha256: str

    @property
    def databases(self) -> tuple[str, ...]:
        """The databases in their order; none where they cannot be told apart."""
        return tuple(section.database for section in self.sections if section.database is not None)


class DumpWriter:
    """Feed it the SQL by :meth:`write`; end with :meth:`finish` or :meth:`abort`.

    ``amend`` says, when another section begins, what the one that ends has to hold besides.
    """

    def __init__(
        self,
        runner: Runner,
        codec: str,
        level: int | None,
        file: BinaryIO,
        scanner: SectionScanner,
        on_section: Callable[[str, str | None], None],
        amend: Callable[[str, str | None], bytes] = lambda _kind, _database: b"",
    ) -> None:
        self._runner = runner
        self._codec = codec
        self._level = level
        self._file = file
        self._scanner = scanner
        self._on_section = on_section
        self._amend = amend
        self._section: SectionWriter | None = None
        self._start = SectionStart("", None)
        self._sections: list[Section] = []
        self._plain_size = 0
        self._stored_size = 0
        self._stored_hash = hashlib.sha256()
        self._stored_offset = 0

    def write(self, chunk: bytes) -> None:
        """Take the next SQL; raises OSError when the file cannot hold it."""
        for part in self._scanner.feed(chunk):
            self._take(part)

    def finish(self) -> WrittenDump:
        """End the last frame; raises OSError as :meth:`write` does."""
        for part in self._scanner.finish():
            self._take(part)
        self._close_section()
        return WrittenDump(tuple(self._sections), self._plain_size, self._stored_size, self._stored_hash.hexdigest())

    def abort(self) -> None:
        """Stop the compressor; never raises."""
        if self._section is not None:
            self._section.abort()

    def _take(self, part: SectionStart | bytes | memoryview) -> None:
        if isinstance(part, SectionStart):
            if self._section is not None:
                self._section.write(self._amend(self._start.kind, self._start.database))
            self._close_section()
            self._start = part
            self._on_section(part.kind, part.database)
            return
        if self._section is None:
            self._stored_offset = self._stored_size
            self._section = SectionWriter(self._runner, self._codec, self._level, self._store)
        self._section.write(part)

    def _close_section(self) -> None:
        section, self._section = self._section, None
        if section is None:
            return
        try:
            section.close()
        except BaseException:
            section.abort()
            raise
        self._sections.append(
            Section(
                kind=self._start.kind,
                database=self._start.database,
                offset=self._plain_size,
                length=section.length,
                sha256=section.sha256,
                stored_offset=self._stored_offset,
                stored_length=self._stored_size - self._stored_offset,
            )
        )
        self._plain_size += section.length

    def _store(self, packed: bytes) -> None:
        view = memoryview(packed)
        while view:
            written = self._file.write(view)
            view = view[written or 0 :]
        self._stored_hash.update(packed)
        self._stored_size += len(packed)
