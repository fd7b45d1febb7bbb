# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a restore that touches the target: globals, then one database after another, then the last look."""

from __future__ import annotations

import time
from typing import Any, BinaryIO, Callable, Iterable, Iterator

from ..backups import Backup
from ..manifest import DATABASE, GLOBALS, WHOLE, Manifest, Section
from ..policy.preflight import tablespaces_to_skip
from ..postgres.preamble_filter import drop_unknown_settings
from ..postgres.psql_stream import MOST_ERRORS, Outcome, feed_psql
from ..postgres.role_filter import TargetGlobals, filter_globals
from ..postgres.session import StatementFailed
from ..targets import ASIDE_PREFIX, BUILT_IN, TargetDatabase, aside_name
from ..tools.errors import ConnectionFailed, EngineError, Interrupted, RestoredWithErrors, RestoreFailed
from .context import Context
from .replacement import Room
from .restore_look import Look
from .restore_request import DROP, RestoreRequest
from .section_reader import SectionReader

RESTORED = "restored"
FAILED = "failed"
NOT_STARTED = "not started"
SKIPPED = "skipped"
_EVERYTHING = "the whole dump"

# changed, databases, message -> the result of the run
Report = Callable[[bool, list, str], dict]


class RestoreRun:
    """One restore of a proven backup into a target that was looked at; :meth:`run` once, :meth:`close` always."""

    def __init__(self, context: Context, request: RestoreRequest, backup: Backup, manifest: Manifest, seen: Look, file: BinaryIO) -> None:
        self.warnings: list[str] = []
        self._context = context
        self._request = request
        self._backup = backup
        self._manifest = manifest
        self._seen = seen
        self._reader = SectionReader(context, manifest, file)
        self._session = context.session(request.connection)
        present = frozenset(database.name for database in seen.target.databases)
        self._room = Room(context, self._session, present)
        self._entries = {name: _entry(name) for name in seen.wish.names}
        self._first_error = ""
        self._error_count = 0
        self._unknown = frozenset(name.encode("ascii") for name in seen.target.unknown_settings)

    def close(self) -> None:
        """End whatever still works for this run."""
        self._reader.close()

    def run(self, report: Report) -> dict[str, Any]:
        """Restore; raises RestoreFailed, RestoredWithErrors or Interrupted with ``report``'s result in ``details``."""
        begun = time.monotonic()
        total = sum(section.length for section in self._sections())
        self._context.progress.start("restoring %s" % self._backup.name, total)
        try:
            for section in self._sections():
                self._context.progress.step(section.database or section.kind)
                self._restore_section(section)
            self._finish()
        except Interrupted as error:
            message = "The restore of backup %s was ended by a signal. %s" % (self._backup.name, self._what_became())
            error.message, error.args = message, (message,)
            error.details = report(True, self._databases(), message)
            raise
        except EngineError as error:
            message = "Restoring backup %s failed: %s %s" % (self._backup.name, _sentence(error.message), self._what_became())
            raise RestoreFailed(message, report(True, self._databases(), message)) from error
        finally:
            self._context.progress.done()
        if self._error_count:
            message = "Backup %s was restored with %d errors, as keep_going allows; the first: %s %s" % (
                self._backup.name,
                self._error_count,
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

    def _sections(self) -> Iterator[Section]:
        for section in self._manifest.sections:
            if section.kind in (GLOBALS, WHOLE) or (section.kind == DATABASE and section.database in self._entries):
                yield section

    def _restore_section(self, section: Section) -> None:
        if section.kind == GLOBALS:
            outcome = self._feed(section, self._for_globals(self._chunks(section)))
            self.warnings.extend("the roles and tablespaces: %s" % error for error in outcome.errors)
            self._judge(outcome, "the roles and tablespaces")
        elif section.kind == WHOLE:
            self._restore_into_place(section, list(self._seen.wish.names), lambda: self._whole(section))
        elif section.database in BUILT_IN and section.database not in self._seen.wish.filled:
            self._entries[section.database]["state"] = SKIPPED
        else:
            name = str(section.database)
            self._restore_into_place(section, [name], lambda: self._chunks(section))

    def _restore_into_place(self, section: Section, names: list[str], chunks: Callable[[], Iterable[bytes | memoryview]]) -> None:
        """Make room, feed, and either let the old ones go or put them back."""
        begun = time.monotonic()
        asides: list[TargetDatabase] = []
        made: list[str] = []
        outcome = None
        try:
            for name in names:
                self._entries[name]["state"] = FAILED
                self._make_room(name, asides, made)
            if self._seen.single is not None:
                self._room.create(self._seen.single)
            outcome = self._feed(section, chunks(), self._seen.single)
            for name in names:
                self._note(self._entries[name], section, outcome, begun)
            self._judge(outcome, ", ".join(names) or _EVERYTHING)
        except BaseException:
            self._undo(names, asides, made, outcome)
            raise
        for name in names:
            self._entries[name]["state"] = RESTORED
        self._let_go(asides, outcome)

    def _make_room(self, name: str, asides: list[TargetDatabase], made: list[str]) -> None:
        database = self._seen.target.database(name)
        if database is None:
            made.append(name)
        elif name in self._seen.verdict.replaced:
            if name not in BUILT_IN and (self._request.replace_method == DROP or database.invalid):
                self._room.drop(name)
                made.append(name)
            else:
                asides.append(database)
                self._room.set_aside(database)

    def _undo(self, names: list[str], asides: list[TargetDatabase], made: list[str], outcome: Outcome | None) -> None:
        """Leave nothing half restored behind; what cannot be undone is told."""
        for name in names:
            database = next((each for each in asides if each.name == name), None)
            _surely(self._undo_one, name, database, name in made and not _somebody_elses(outcome))

    def _undo_one(self, name: str, database: TargetDatabase | None, ours: bool) -> None:
        entry = self._entries[name]
        try:
            if database is not None:
                self._room.put_back(database)
                entry["note"] = "the old database is back as it was"
            elif ours:
                self._room.drop(name)
                entry["note"] = "what was restored of it was dropped"
            else:
                entry["note"] = "it may hold a part of the backup"
        except (ConnectionFailed, StatementFailed) as error:
            entry["note"] = "what was restored of it could not be dropped: %s" % error.message
            if database is not None:
                entry["note"] = "the old database could not be put back, look for %s: %s" % (aside_name(database), error.message)

    def _let_go(self, asides: list[TargetDatabase], outcome: Outcome) -> None:
        for database in asides:
            if outcome.error_count:
                self.warnings.append(
                    "The old database %s is kept as %s, because the new one met errors; drop it when nobody needs it."
                    % (database.name, aside_name(database))
                )
                continue
            try:
                _surely(self._room.drop_aside, database)
            except (ConnectionFailed, StatementFailed) as error:
                self.warnings.append(
                    "The database %s was replaced, but what it was could not be dropped; drop %s: %s"
                    % (database.name, aside_name(database), error.message)
                )

    def _chunks(self, section: Section) -> Iterable[bytes | memoryview]:
        chunks = self._counted(self._reader.chunks(section))
        return drop_unknown_settings(chunks, self._unknown) if self._unknown else chunks

    def _counted(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        for chunk in chunks:
            yield chunk
            self._context.progress.advance(len(chunk))

    def _for_globals(self, chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
        target = self._seen.target
        skipped = tablespaces_to_skip(self._manifest, target, self._seen.wish)
        present = frozenset(place.name for place in target.tablespaces) | skipped
        known = TargetGlobals(target.user, target.roles, present, self._seen.wish.chosen)
        return filter_globals((bytes(chunk) for chunk in chunks), known)

    def _whole(self, section: Section) -> Iterable[bytes | memoryview]:
        chunks = self._chunks(section)
        return chunks if self._seen.single is not None else self._for_globals(chunks)

    def _feed(self, section: Section, chunks: Iterable[bytes | memoryview], database: str | None = None) -> Outcome:
        if database is None:
            database = self._room.door(*([section.database] if section.database is not None else self._entries))
        return feed_psql(self._session, chunks, database, self._request.keep_going)

    def _judge(self, outcome: Outcome, what: str) -> None:
        self._error_count += outcome.error_count
        if outcome.errors and not self._first_error:
            self._first_error = outcome.errors[0]
        self.warnings.extend("%s: %s" % (what, warning) for warning in outcome.warnings)
        if not outcome.whole or (outcome.error_count and not self._request.keep_going):
            raise RestoreFailed("%s: %s" % (what, outcome.why))

    def _note(self, entry: dict[str, Any], section: Section, outcome: Outcome, begun: float) -> None:
        entry["seconds"] = round(time.monotonic() - begun, 3)
        entry["bytes"] = section.length
        entry["errors"] = list(outcome.errors[:MOST_ERRORS])

    def _finish(self) -> None:
        """Statistics, durability, and a last look at what is there."""
        restored = [name for name, entry in self._entries.items() if entry["state"] == RESTORED]
        if self._request.analyze:
            for name in restored:
                self._context.progress.step("statistics of %s" % name)
                try:
                    self._session.execute("ANALYZE;\n", name)
                except (ConnectionFailed, StatementFailed) as error:
                    self.warnings.append("The statistics of %s were not gathered: %s" % (name, error.message))
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

    def _databases(self) -> list[dict[str, Any]]:
        return list(self._entries.values())

    def _what_became(self) -> str:
        """Which databases are whole and which are not."""
        sentences = []
        for state, words in ((RESTORED, "Restored: %s."), (FAILED, "Not restored: %s."), (NOT_STARTED, "Not begun: %s.")):
            entries = [entry for entry in self._databases() if entry["state"] == state]
            names = [entry["name"] + (" (%s)" % entry["note"] if "note" in entry else "") for entry in entries]
            if names:
                sentences.append(words % ", ".join(names))
        return " ".join(sentences)


def _entry(name: str) -> dict[str, Any]:
    return {"name": name, "state": NOT_STARTED, "seconds": 0.0, "bytes": 0, "errors": []}


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."


def _surely(action: Callable[..., None], *arguments: Any) -> None:
    """Do what must not be left half done; the signal that came in between is obeyed afterwards."""
    try:
        action(*arguments)
    except Interrupted:
        action(*arguments)
        raise


def _somebody_elses(outcome: Outcome | None) -> bool:
    """Whether the database came from elsewhere after the look, so that it is not ours to drop."""
    return outcome is not None and any("database" in error and "already exists" in error for error in outcome.errors)
