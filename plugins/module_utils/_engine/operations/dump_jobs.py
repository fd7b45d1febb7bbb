# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump several databases of a server at a time into one file, which holds what ``pg_dumpall`` would have written."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import BinaryIO, Callable, Iterable, Mapping

from ..manifest import DATABASE, END, GLOBALS, Section
from ..postgres.connection import Connection
from ..postgres.dump_source import DATABASES_HEADING, DumpOptions, DumpSource, database_heading
from ..postgres.dumped_names import find_client_encoding
from ..postgres.sections import CLUSTER_END, SectionScanner, SectionStart
from ..tools.errors import DumpFailed
from ..tools.workers import Workers
from ..volume.lanes import Lanes
from .context import Context
from .dump_writer import WrittenDump
from .section_writer import SectionWriter


@dataclass(frozen=True)
class JobSettings:
    """How many databases at a time, from where, and how they are stored."""

    jobs: int
    connection: Connection
    options: DumpOptions
    codec: str
    level: int | None


class DumpJobs:
    """One dump: :meth:`run` once, :meth:`close` always.

    ``amend`` says of each section, when its programs have ended, what it has to hold besides.
    """

    def __init__(
        self, context: Context, settings: JobSettings, file: BinaryIO, path: str, amend: Callable[[str, str | None], bytes]
    ) -> None:
        self._amend = amend
        self._context = context
        self._settings = settings
        self._lanes = Lanes(file, path)
        self._encoding = "utf_8"
        self._sections: dict[int, Section] = {}
        self._warnings: dict[int, list[str]] = {}
        self._counting = threading.Lock()

    @property
    def warnings(self) -> list[str]:
        """What the client programs said, in the order of the file."""
        return [warning for number in sorted(self._warnings) for warning in self._warnings[number]]

    def run(self, list_databases: Callable[[], Iterable[str]], sizes: Mapping[str, int]) -> WrittenDump:
        """Dump the globals, then ask which databases there are, then dump those, the largest by ``sizes`` first.

        Raises what :class:`DumpSource` raises, EngineError, or OSError where the file cannot be written.
        """
        self._dump(self._lanes.add(), GLOBALS, None)
        numbered = [(self._lanes.add(), name) for name in list_databases()]
        end = self._lanes.add()
        numbered.sort(key=lambda entry: -sizes.get(entry[1], 0))
        workers = Workers(self._settings.jobs, "dump", self._context.runner.stop_all)
        workers.run(lambda entry: self._dump(entry[0], DATABASE, entry[1]), numbered)
        self._dump(end, END, None)
        return self._written()

    def close(self) -> None:
        """Let go of the file; safe to call at any time, never raises."""
        self._lanes.close()

    def _dump(self, number: int, kind: str, database: str | None) -> None:
        """Write one section into its lane."""
        self._context.progress.step(database if database is not None else kind)
        settings = self._settings
        source = DumpSource(self._context.runner, self._context.clients, settings.connection, settings.options)
        writer = SectionWriter(self._context.runner, settings.codec, settings.level, lambda packed: self._lanes.write(number, packed))
        try:
            if database is not None:
                self._dump_database(source, writer, database)
            elif kind == GLOBALS:
                self._dump_globals(source, writer)
            else:
                writer.write(CLUSTER_END)
            writer.write(self._amend(kind, database))
            writer.close()
        finally:
            writer.abort()
            source.end()
        stored_length = self._lanes.finish(number)
        self._warnings[number] = source.warnings
        self._sections[number] = Section(kind, database, 0, writer.length, writer.sha256, 0, stored_length)

    def _dump_globals(self, source: DumpSource, writer: SectionWriter) -> None:
        scanner = SectionScanner(self._settings.options.restrict_key)
        ended = False
        encoding = None
        for chunk in source.globals_chunks():
            encoding = encoding or find_client_encoding(chunk)
            for part in scanner.feed(chunk):
                ended = self._write_globals(writer, part, ended)
        for part in scanner.finish():
            ended = self._write_globals(writer, part, ended)
        _check(scanner, "the roles and tablespaces")
        self._encoding = encoding or self._encoding
        writer.write(DATABASES_HEADING)

    def _write_globals(self, writer: SectionWriter, part: SectionStart | bytes | memoryview, ended: bool) -> bool:
        """Write what comes before the end mark, which stands behind the databases; whether that was reached."""
        if isinstance(part, SectionStart):
            return part.kind == END
        if not ended:
            writer.write(part)
            self._advance(len(part))
        return ended

    def _dump_database(self, source: DumpSource, writer: SectionWriter, database: str) -> None:
        scanner = SectionScanner(self._settings.options.restrict_key)
        writer.write(database_heading(database, self._encoding))
        try:
            for chunk in source.database_chunks(database, self._encoding):
                # Only looked through: that it is restricted by our key, and how it ends.
                for _part in scanner.feed(chunk):
                    pass
                writer.write(chunk)
                self._advance(len(chunk))
        except DumpFailed as error:
            raise DumpFailed("Database %s was not dumped: %s" % (database, error.message), error.details) from error
        for _part in scanner.finish():
            pass
        _check(scanner, "database %s" % database)

    def _advance(self, count: int) -> None:
        with self._counting:
            self._context.progress.advance(count)

    def _written(self) -> WrittenDump:
        """The sections where they came to lie."""
        sections: list[Section] = []
        plain = stored = 0
        for number in sorted(self._sections):
            each = self._sections[number]
            length = each.stored_length or 0
            sections.append(Section(each.kind, each.database, plain, each.length, each.sha256, stored, length))
            plain, stored = plain + each.length, stored + length
        return WrittenDump(tuple(sections), plain, self._lanes.size, self._lanes.sha256)


def _check(scanner: SectionScanner, what: str) -> None:
    if not scanner.complete:
        raise DumpFailed(
            "The dump of %s does not end as a whole one ends. No backup was made and no older one was touched; run the backup again." % what
        )
