# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump what a drill restored once more, and hold each part against the backup."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from ..manifest import DATABASE, GLOBALS, Manifest, Section
from ..policy.drill import EQUAL, NOT_COMPARED, judge, why_not_comparable
from ..postgres.connection import Connection
from ..postgres.contents import contents_of
from ..postgres.dump_source import DumpOptions, DumpSource
from ..postgres.omissions import Omissions
from ..postgres.restrict import new_restrict_key
from ..postgres.role_filter import TargetGlobals, filter_globals
from ..postgres.sections import SectionScanner, SectionStart
from ..postgres.session import StatementFailed
from ..tools.errors import ConnectionFailed, DrillFailed, DumpFailed
from .context import Context
from .section_reader import SectionReader


class Comparison:
    """Compares the server behind ``connection`` with the backup in ``file``, part by part.

    ``folders``: where the server has the tablespaces of the backup, by name.
    """

    def __init__(
        self, context: Context, manifest: Manifest, file: BinaryIO, connection: Connection, folders: dict[str, str], server_version: str
    ) -> None:
        self._context = context
        self._manifest = manifest
        self._connection = connection
        self._reader = SectionReader(context, manifest, file)
        self._folders = folders
        client_version = context.clients.version("pg_dumpall")[1]
        self._why_not = why_not_comparable(manifest, client_version, server_version)
        self._same_programs = (manifest.client_version, manifest.server_version) == (client_version, server_version)
        self._options = DumpOptions(only_database=manifest.only_database, unlogged_contents=not manifest.from_standby)
        self._key = manifest.restrict_key if context.clients.knows_restrict_key() else None

    def close(self) -> None:
        """End whatever still works for it."""
        self._reader.close()

    def compare(self) -> dict[str | None, tuple[str, str]]:
        """For each database, and None for the roles and tablespaces: the comparison in a word, and why it is not ``equal``.

        Raises DrillFailed where the server cannot be dumped, BackupDamaged and VolumeError where the backup cannot be read.
        """
        if not self._manifest.has_sections:
            return {}
        wanted = [section for section in self._manifest.sections if section.kind in (GLOBALS, DATABASE)]
        checksums = self._checksums() if self._same_programs and self._key else {}
        found: dict[str | None, tuple[str, str]] = {}
        for section in wanted:
            self._context.progress.step("comparing %s" % (section.database or "roles"))
            if checksums.get((section.kind, section.database)) == section.sha256:
                found[section.database] = EQUAL, ""
            else:
                found[section.database] = self._compare_contents(section)
        return found

    def _checksums(self) -> dict[tuple[str, str | None], str]:
        """The sha256 of each section of a new dump of the whole server."""
        checksums: dict[tuple[str, str | None], str] = {}
        for start, chunks in self._new_dump(self._options):
            checksum = hashlib.sha256()
            for chunk in chunks:
                checksum.update(chunk)
            checksums[(start.kind, start.database)] = checksum.hexdigest()
        return checksums

    def _compare_contents(self, section: Section) -> tuple[str, str]:
        stored: Iterable[bytes | memoryview] = self._reader.chunks(section)
        if section.kind == GLOBALS:
            before = contents_of(self._plain_globals(stored, {}))
            places = {place.name: place.location for place in self._manifest.tablespaces or ()}
            after = None
            for start, chunks in self._new_dump(self._options, stop_after=GLOBALS):
                if start.kind == GLOBALS:
                    after = contents_of(self._plain_globals(chunks, places))
        else:
            before = contents_of(stored)
            after = None
            for start, chunks in self._new_dump(replace(self._options, only_database=section.database)):
                if start.kind == DATABASE:
                    after = contents_of(chunks)
        if after is None:
            return NOT_COMPARED, "a new dump of the drill's server does not hold it"
        return judge(before.definitions == after.definitions, before.differing_tables(after), self._why_not)

    def _plain_globals(self, chunks: Iterable[bytes | memoryview], folders: dict[str, str]) -> Iterator[bytes]:
        """Roles and tablespaces without what a restore never changes of the role that connects, and with the backup's folders."""
        known = TargetGlobals(self._connection.user or "", frozenset(), frozenset(), folders=folders)
        return filter_globals((bytes(chunk) for chunk in chunks), known)

    def _new_dump(self, options: DumpOptions, stop_after: str | None = None) -> Iterator[tuple[SectionStart, Iterator[bytes | memoryview]]]:
        """Each section of a new dump with its SQL; what a caller does not read is passed over."""
        key = self._key
        if key is None and self._context.clients.knows_restrict_key():
            key = new_restrict_key()
        source = DumpSource(self._context.runner, self._context.clients, self._connection, replace(options, restrict_key=key))
        scanner = SectionScanner(key)
        omissions = Omissions(self._context.session(self._connection), options.only_database, key)
        sections = _Sections(_parts(source, scanner, omissions))
        try:
            for start, chunks in sections:
                yield start, chunks
                if start.kind == stop_after:
                    return
        except DumpFailed as error:
            words = error.message.partition(" No backup was made")[0]
            raise DrillFailed("What was restored cannot be dumped again: %s" % words) from error
        except (ConnectionFailed, StatementFailed) as error:
            raise DrillFailed("What was restored cannot be dumped again: %s" % error.words) from error
        finally:
            source.end()
        if not scanner.complete:
            raise DrillFailed("A new dump of what was restored does not end as a whole one ends.")


def _parts(source: DumpSource, scanner: SectionScanner, omissions: Omissions) -> Iterator[SectionStart | bytes | memoryview]:
    start: SectionStart | None = None
    for part in _scanned(source, scanner):
        if isinstance(part, SectionStart):
            if start is not None:
                yield omissions.at_end_of(start.kind, start.database)
            start = part
        yield part


def _scanned(source: DumpSource, scanner: SectionScanner) -> Iterator[SectionStart | bytes | memoryview]:
    for chunk in source.chunks():
        yield from scanner.feed(chunk)
    yield from scanner.finish()


class _Sections:
    """Groups what a scanner yields by sections."""

    def __init__(self, parts: Iterator[SectionStart | bytes | memoryview]) -> None:
        self._parts = parts
        self._next: SectionStart | None = None

    def __iter__(self) -> Iterator[tuple[SectionStart, Iterator[bytes | memoryview]]]:
        for _passed_over in self._chunks():
            pass
        while self._next is not None:
            start, self._next = self._next, None
            chunks = self._chunks()
            yield start, chunks
            for _passed_over in chunks:
                pass

    def _chunks(self) -> Iterator[bytes | memoryview]:
        for part in self._parts:
            if isinstance(part, SectionStart):
                self._next = part
                return
            yield part
