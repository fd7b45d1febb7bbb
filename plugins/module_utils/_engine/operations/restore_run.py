# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a restore that touches the target: globals, then one database after another, then the last look."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO, Callable, Iterable, Iterator

from ..backups import Backup
from ..manifest import BUILT_IN, GLOBALS, WHOLE, Manifest, Section
from ..names import format_name_time
from ..policy.preflight import tablespaces_to_skip
from ..postgres.preamble_filter import drop_unknown_settings
from ..postgres.psql_stream import Outcome, feed_psql
from ..postgres.role_filter import TargetGlobals, filter_globals
from ..postgres.session import StatementFailed
from ..targets import ASIDE_PREFIX, UnfinishedNote
from ..tools.errors import ConnectionFailed, EngineError, Interrupted, RestoredWithErrors, RestoreFailed
from ..tools.processes import Runner
from ..tools.workers import Piece, Workers
from .context import Context
from .replacement import Room
from .restore_look import Look
from .restore_places import Places
from .restore_request import DROP, RestoreRequest
from .section_reader import SectionReader
from .unfinished import UnfinishedNotes

RESTORED = "restored"
WITH_ERRORS = "restored with errors"
FAILED = "failed"
NOT_STARTED = "not started"
SKIPPED = "skipped"
_CHECKS_GRANTORS = 16
_EVERYTHING = "the whole dump"

# changed, databases, message -> the result of the run
Report = Callable[[bool, list, str], dict]


class RestoreRun:
    """One restore of a proven backup into a target that was looked at; :meth:`run` once."""

    def __init__(self, context: Context, request: RestoreRequest, backup: Backup, manifest: Manifest, seen: Look, file: BinaryIO) -> None:
        self.warnings: list[str] = []
        self._context = context
        self._request = request
        self._backup = backup
        self._manifest = manifest
        self._seen = seen
        self._file = file
        connection = request.connection.for_restore(seen.target.version_number, seen.target.superuser_logs_in)
        self._session = context.session(connection)
        # What only fills databases can be ended by itself: making room, and giving it back, goes on.
        self._filling = replace(context, runner=Runner(context.runner))
        self._filler = self._filling.session(connection)
        self._telling = threading.Lock()
        present = frozenset(database.name for database in seen.target.databases)
        self._room = Room(context, self._session, present)
        self._notes = UnfinishedNotes(self._session, self._room.door(), seen.target.unfinished)
        self._begun = format_name_time(context.now())
        self._entries = {name: _entry(name) for name in seen.wish.names}
        self._first_error = ""
        self._error_count = 0
        self._unknown = frozenset(name.encode("ascii") for name in seen.target.unknown_settings)

    def run(self, report: Report) -> dict[str, Any]:
        """Restore; raises RestoreFailed, RestoredWithErrors or Interrupted with ``report``'s result in ``details``."""
        begun = time.monotonic()
        total = sum(section.length for section in self._sections())
        self._context.progress.start("restoring %s" % self._backup.name, total)
        try:
            self._restore_sections()
            self._finish()
        except Interrupted as error:
            message = "The restore of backup %s was ended by a signal. %s" % (self._backup.name, self._what_became())
            error.message, error.args = message, (message,)
            error.details = report(True, self._databases(), message)
            raise
        except EngineError as error:
            message = "Restoring backup %s failed: %s %s" % (self._backup.name, _sentence(error.words), self._what_became())
            raise RestoreFailed(message, report(True, self._databases(), message)) from error
        finally:
            self._context.progress.done()
        if self._error_count:
            message = "Backup %s was restored with %d %s, as keep_going allows; the first: %s %s" % (
                self._backup.name,
                self._error_count,
                "error" if self._error_count == 1 else "errors",
                _sentence(self._first_error),
                self._what_became(),
            )
            raise RestoredWithErrors(message, report(True, self._databases(), message))
        restored = [entry for entry in self._databases() if entry["state"] == RESTORED]
        message = "Backup %s was restored, %d %s in %d s." % (
            self._backup.name,
            len(restored),
            "database" if len(restored) == 1 else "databases",
            round(time.monotonic() - begun),
        )
        return report(True, self._databases(), message)

    def _sections(self) -> list[Section]:
        if not self._manifest.has_sections:
            return list(self._manifest.sections)
        return [section for section in self._manifest.sections if section.kind == GLOBALS or section.database in self._entries]

    def _restore_sections(self) -> None:
        sections = self._sections()
        if self._manifest.has_sections and all(section.stored_offset is not None for section in sections):
            # The databases through which room is made for others are ready before that begins.
            first = [section for section in sections if section.kind == GLOBALS or section.database in BUILT_IN]
            for section in first:
                self._restore_alone(section)
            others = [section for section in sections if section not in first]
            if self._request.jobs > 1:
                others.sort(key=lambda section: -section.length)
            self._several(self._restore_alone, others)
            return
        with self._reading() as reader:
            if self._manifest.has_sections:
                for section in sections:
                    self._restore_section(section, reader)
            else:
                self._restore_into_place(sections, list(self._seen.wish.names), reader)

    def _several(self, work: Callable[[Piece], None], pieces: list[Piece]) -> None:
        """As many at a time as the request allows. When one fails, those that were begun reach their ends, and no other begins."""
        if self._request.jobs > 1:
            Workers(self._request.jobs, "restore", self._filling.runner.stop_all).run(work, pieces, let_others_end=True)
        else:
            for piece in pieces:
                work(piece)

    @contextmanager
    def _reading(self) -> Iterator[SectionReader]:
        reader = SectionReader(self._filling, self._manifest, self._file)
        try:
            yield reader
        finally:
            reader.close()

    def _restore_alone(self, section: Section) -> None:
        with self._reading() as reader:
            self._restore_section(section, reader)

    def _restore_section(self, section: Section, reader: SectionReader) -> None:
        self._context.progress.step(section.database or section.kind)
        if section.kind == GLOBALS:
            outcome = self._feed([section], reader)
            self.warnings.extend("the roles and tablespaces: %s" % error for error in outcome.errors)
            self._judge(outcome, "the roles and tablespaces")
        elif _is_empty(section.database, self._seen):
            self._entries[str(section.database)]["state"] = SKIPPED
        else:
            self._restore_into_place([section], [str(section.database)], reader)

    def _restore_into_place(self, sections: list[Section], names: list[str], reader: SectionReader) -> None:
        """Make room, feed, and either let the old ones go or put them back."""
        begun = time.monotonic()
        places = Places(self._room, self._seen, drop_first=self._request.replace_method == DROP)
        for name in names:
            self._entries[name]["state"] = FAILED
        made = [name for name in names if name not in BUILT_IN]
        try:
            places.take(names)
            for name in made:
                self._notes.begin(name, UnfinishedNote(self._backup.name, self._begun))
            if self._seen.single is not None:
                self._room.create(self._seen.single)
            outcome = self._feed(sections, reader)
            for name in names:
                self._entries[name].update(seconds=round(time.monotonic() - begun, 3), errors=list(outcome.errors))
                self._entries[name]["bytes"] = sum(section.length for section in sections)
            places.outcome = outcome
            self._judge(outcome, ", ".join(names) or _EVERYTHING)
        except BaseException:
            for name in names:
                self._entries[name]["note"] = places.undo(name)
                if places.undone(name):
                    self._notes.end(name)
            raise
        for name in made:
            self._notes.end(name)
        for name in names:
            self._entries[name]["state"] = WITH_ERRORS if outcome.error_count else RESTORED
        self.warnings.extend(places.let_go())

    def _feed(self, sections: list[Section], reader: SectionReader) -> Outcome:
        """Feed one psql, connected where nothing is renamed or dropped, with what of these sections fits the target."""
        chunks = self._counted(sections, reader)
        if self._unknown:
            chunks = drop_unknown_settings(chunks, self._unknown)
        if self._seen.single is not None:
            return feed_psql(self._filler, chunks, self._seen.single, self._request.keep_going)
        if sections[0].kind in (GLOBALS, WHOLE):
            chunks = self._for_globals(chunks)
        names = [section.database for section in sections if section.database is not None] or list(self._entries)
        return feed_psql(self._filler, chunks, self._room.door(*names), self._request.keep_going)

    def _counted(self, sections: list[Section], reader: SectionReader) -> Iterator[bytes | memoryview]:
        for section in sections:
            for chunk in reader.chunks(section):
                yield chunk
                with self._telling:
                    self._context.progress.advance(len(chunk))

    def _for_globals(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        target = self._seen.target
        skipped = tablespaces_to_skip(self._manifest, target, self._seen.wish)
        present = frozenset(place.name for place in target.tablespaces) | skipped
        # Older servers take anybody for a grantor, and older clients write grants in any order.
        first_role = target.first_role if target.major >= _CHECKS_GRANTORS else None
        known = TargetGlobals(target.user, target.roles, present, self._seen.wish.chosen, first_role, self._request.tablespace_folders)
        return filter_globals((bytes(chunk) for chunk in chunks), known)

    def _judge(self, outcome: Outcome, what: str) -> None:
        with self._telling:
            self._error_count += outcome.error_count
            if outcome.errors and not self._first_error:
                self._first_error = outcome.errors[0]
        self.warnings.extend("%s: %s" % (what, warning) for warning in outcome.warnings)
        if not outcome.whole or (outcome.error_count and not self._request.keep_going):
            raise RestoreFailed("%s: %s" % (what, outcome.why))

    def _finish(self) -> None:
        """Statistics, durability, and a last look at what is there."""
        restored = [name for name, entry in self._entries.items() if entry["state"] in (RESTORED, WITH_ERRORS)]
        if self._request.analyze:
            self._several(self._gather_statistics, restored)
        self._session.execute("CHECKPOINT;\n")
        present = self._session.ask("SELECT json_agg(datname) FROM pg_catalog.pg_database")
        missing = [name for name in (*self._entries, *(self._request.expected_databases or ())) if name not in present]
        if missing:
            raise RestoreFailed("the target does not hold %s although no error was met" % ", ".join(missing))
        present = [name for name in present if not name.startswith(ASIDE_PREFIX)]
        if self._request.expected_count is not None and len(present) != self._request.expected_count:
            raise RestoreFailed(
                "%d databases were expected and there are %d: %s" % (self._request.expected_count, len(present), ", ".join(sorted(present)))
            )

    def _gather_statistics(self, name: str) -> None:
        self._context.progress.step("statistics of %s" % name)
        try:
            self._filler.execute("ANALYZE;\n", name)
        except (ConnectionFailed, StatementFailed) as error:
            self.warnings.append("The statistics of %s were not gathered: %s" % (name, error.words))

    def _databases(self) -> list[dict[str, Any]]:
        return list(self._entries.values())

    def _what_became(self) -> str:
        """Which databases are whole and which are not."""
        sentences = []
        for state, words in (
            (RESTORED, "Restored: %s."),
            (WITH_ERRORS, "Restored with errors: %s."),
            (FAILED, "Not restored: %s."),
            (NOT_STARTED, "Not begun: %s."),
        ):
            entries = [entry for entry in self._databases() if entry["state"] == state]
            names = [entry["name"] + (" (%s)" % entry["note"] if "note" in entry else "") for entry in entries]
            if names:
                sentences.append(words % ", ".join(names))
        return " ".join(sentences)


def foreseen(manifest: Manifest, seen: Look) -> list[dict[str, Any]]:
    """What a run would begin with: all databases not started, but for those that it would skip."""
    return [
        dict(_entry(name), state=SKIPPED if manifest.has_sections and _is_empty(name, seen) else NOT_STARTED) for name in seen.wish.names
    ]


def _is_empty(name: str | None, seen: Look) -> bool:
    """Whether every server has the database and the dump adds nothing to it."""
    return name in BUILT_IN and name not in seen.wish.filled | seen.wish.amended


def _entry(name: str) -> dict[str, Any]:
    return {"name": name, "state": NOT_STARTED, "seconds": 0.0, "bytes": 0, "errors": []}


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."
