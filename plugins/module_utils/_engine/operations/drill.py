# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drill: restore a backup into a throw-away server, and prove that what comes out is what went in."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..backups import Backup
from ..manifest import Manifest
from ..policy.drill import DIFFERENT, EQUAL, NOT_COMPARED, initdb_options, least_room, usual_room, wish_for
from ..policy.selection import select
from ..postgres.connection import Connection
from ..postgres.scratch_server import ScratchServer, check_folder, check_programs, last_words, scratch_server
from ..tools.errors import DrillFailed, EngineError, Interrupted, RestoreFailed, SelectionError, TargetRefused, UsageError, VolumeError
from ..tools.progress import format_bytes
from ..volume.catalog import read_catalog
from ..volume.drill_record import FAILED, PASSED, DrillRecord, read_drill, write_drill
from ..volume.pins import pin
from ..volume.root import Volume, open_volume
from .context import Context
from .drill_compare import Comparison
from .listing import summarize
from .restore import RestoreRequest, restore
from .scratch import free_room, scratch_folder, scratch_parent, sweep_scratch
from .verify import prove_and_record

_ALMOST_FULL = 32 << 20


@dataclass(frozen=True)
class DrillRequest:
    """Drill ``wanted`` (a selection as for a restore) of the volume at ``root``.

    ``scratch``: the folder in which the throw-away server gets one of its own (None: that of temporary files).
    ``scratch_size``: bytes that may be used there, where the file system does not tell. ``server_settings``: what the
    server needs besides, such as shared_preload_libraries. ``compare``: dump again and compare.
    """

    root: str
    wanted: str = "latest"
    maximum_age: timedelta | None = None
    scratch: str | None = None
    scratch_size: int | None = None
    server_settings: Mapping[str, str] = field(default_factory=dict)
    compare: bool = True
    dry_run: bool = False


def drill(context: Context, request: DrillRequest) -> dict[str, Any]:
    """Drill and say what became of each database; the volume remembers how it ended.

    Raises UsageError and SelectionError before anything is done, BackupDamaged, VolumeError, TargetRefused, RestoreFailed
    or DrillFailed with the result so far in ``details``, and Interrupted. The server and its files are gone in any case.
    """
    if os.geteuid() == 0:
        raise UsageError(
            "A drill starts a PostgreSQL server, which does not run as root. Nothing was changed; run the drill as another user who may "
            "read the backups, such as postgres (become_user)."
        )
    parent = scratch_parent(request.scratch, request.root)
    check_folder(os.path.join(parent, "bandr-drill-xxxxxxxx"))
    major = check_programs(context.clients)
    volume = open_volume(request.root, writable=False)
    selection = select(read_catalog(volume).backups, request.wanted, context.now(), request.maximum_age)
    if selection.backup is None:
        raise SelectionError("Nothing was selected to drill: say latest, a time, or a file name. Nothing was changed.")
    run = _Drill(context, request, volume, selection.backup, parent, major)
    run.warnings += selection.warnings
    run.warnings += ["The newer backup %s was passed over: %s." % (backup.name, why) for backup, why in selection.skipped]
    return run.plan() if request.dry_run else run.run()


class _Drill:
    """One drill of one backup, gathered for its report."""

    def __init__(self, context: Context, request: DrillRequest, volume: Volume, backup: Backup, parent: str, major: int) -> None:
        self.warnings: list[str] = []
        self._context = context
        self._request = request
        self._volume = volume
        self._backup = backup
        self._parent = parent
        self._major = major
        self._begun = time.monotonic()
        self._started = context.now().replace(microsecond=0)
        self._manifest: Manifest | None = None
        self._server_version: str | None = None
        self._connection = Connection()
        self._databases: list[dict[str, Any]] = []
        self._globals: dict[str, Any] = {"comparison": NOT_COMPARED, "why": "the drill did not come that far"}

    def plan(self) -> dict[str, Any]:
        """What :meth:`run` would do; nothing is read to its end, and no server started."""
        if self._backup.manifest is not None:
            self._check(self._backup.manifest)
        return self._report("Backup %s would be restored into a throw-away server in %s." % (self._backup.name, self._parent))

    def run(self) -> dict[str, Any]:
        """The whole drill."""
        for sentence in sweep_scratch(self._parent):
            self._context.progress.say(sentence)
        try:
            with pin(self._volume, self._backup.file_name):
                message = self._drill()
        except Interrupted:
            raise
        except EngineError as error:
            self._remember(FAILED, error.reason, error.message)
            details = dict(self._report(error.message), **{key: error.details[key] for key in ("problems",) if key in error.details})
            error.details = {**details, "changed": False}
            raise
        self._remember(PASSED, "", message)
        return self._report(message)

    def _drill(self) -> str:
        if self._backup.manifest is not None:
            # What cannot work need not wait for the whole backup to be read.
            self._check(self._backup.manifest)
        manifest = self._manifest = prove_and_record(self._context, self._volume, self._backup, must_record=False, stored_only=True)
        self._check(manifest)
        with scratch_folder(self._parent) as folder:
            wish = wish_for(manifest)
            self._context.progress.say("Starting a throw-away server in %s." % folder)
            clients = self._context.clients
            with scratch_server(
                self._context.runner, clients, folder, wish.superuser, initdb_options(wish), self._request.server_settings
            ) as server:
                folders = {place.name: server.make_place() for place in manifest.tablespaces or ()}
                self._restore(server, folders)
                self._look_around(server, manifest)
                if self._request.compare:
                    self._compare(manifest, folders)
        return self._verdict()

    def _check(self, manifest: Manifest) -> None:
        """Raise what forbids a drill before it begins."""
        dumped = (manifest.server_version_number or 0) // 10000
        if self._major < dumped:
            raise UsageError(
                "Backup %s is of PostgreSQL %s, and the server programs here are of the older version %d. Nothing was changed; drill with "
                "those of version %d or newer." % (self._backup.name, manifest.server_version, self._major, dumped)
            )
        free = free_room(self._parent)
        room = free if self._request.scratch_size is None else min(free, self._request.scratch_size)
        if room < least_room(manifest):
            raise UsageError(
                "The drill of backup %s needs at least %s in the scratch folder %s, and there is room for %s. Nothing was changed; make "
                "room, or name a larger folder in scratch."
                % (self._backup.name, format_bytes(least_room(manifest)), self._parent, format_bytes(room))
            )
        warning = "The databases of backup %s took %s, and the scratch folder %s has room for %s." % (
            self._backup.name,
            format_bytes(usual_room(manifest)),
            self._parent,
            format_bytes(room),
        )
        if room < usual_room(manifest) and warning not in self.warnings:
            self.warnings.append(warning)

    def _restore(self, server: ScratchServer, folders: dict[str, str]) -> None:
        request = RestoreRequest(
            root=self._request.root,
            wanted="%s/%s" % (self._backup.tier, self._backup.file_name),
            connection=server.connection,
            tablespace_folders=folders,
        )
        try:
            result = restore(self._context, request)
        except TargetRefused as error:
            problems = error.details.get("problems") or [error.message]
            raise TargetRefused(
                "Backup %s cannot be restored into the throw-away server of a drill; the backup itself is whole. %s"
                % (self._backup.name, " ".join(problems)),
                error.details,
            ) from error
        except RestoreFailed as error:
            self._take(error.details)
            hint = ""
            if free_room(self._parent) < _ALMOST_FULL:
                hint = " The scratch folder %s is full; make room, or name a larger one in scratch." % self._parent
            elif not _answers(self._context, server):
                hint = " The throw-away server has ended. %s" % last_words(server.folder)
            raise RestoreFailed("The drill failed. %s%s" % (error.message, hint)) from error
        self._take(result)

    def _take(self, result: dict[str, Any]) -> None:
        self.warnings += [warning for warning in result.get("warnings") or () if warning not in self.warnings]
        self._databases = [
            dict({key: entry[key] for key in ("name", "state", "seconds", "bytes", "errors")}, comparison=NOT_COMPARED, why="")
            for entry in result.get("databases") or ()
        ]

    def _look_around(self, server: ScratchServer, manifest: Manifest) -> None:
        """See that every role and database is there."""
        session = self._context.session(server.connection)
        there = session.ask(
            "SELECT json_build_object('roles', (SELECT json_agg(rolname) FROM pg_catalog.pg_roles),"
            " 'databases', (SELECT json_agg(datname) FROM pg_catalog.pg_database), 'version', current_setting('server_version'),"
            " 'version_number', current_setting('server_version_num')::integer)"
        )
        self._server_version = there["version"].split()[0]
        self._connection = server.connection.knowing(there["version_number"], superuser=True)
        missing = ["role %s" % name for name in manifest.roles or () if name not in there["roles"]]
        missing += ["database %s" % name for name in manifest.database_names if name not in there["databases"]]
        if missing:
            raise DrillFailed(
                "Backup %s was restored without an error, and yet the server lacks: %s." % (self._backup.name, ", ".join(missing))
            )

    def _compare(self, manifest: Manifest, folders: dict[str, str]) -> None:
        with open(self._backup.path, "rb", buffering=0) as file:
            comparison = Comparison(self._context, manifest, file, self._connection, folders, self._server_version or "")
            self._context.progress.start("comparing %s" % self._backup.name)
            try:
                found = comparison.compare()
            finally:
                comparison.close()
                self._context.progress.done()
        for entry in self._databases:
            entry["comparison"], entry["why"] = found.get(entry["name"], (NOT_COMPARED, "databases cannot be told apart in this backup"))
        known = found.get(None, (NOT_COMPARED, "roles cannot be told apart in this backup"))
        self._globals = {"comparison": known[0], "why": known[1]}

    def _verdict(self) -> str:
        parts = [(entry["name"], entry) for entry in self._databases] + [("the roles and tablespaces", self._globals)]
        different = ["%s (%s)" % (name, entry["why"]) for name, entry in parts if entry["comparison"] == DIFFERENT]
        if different:
            raise DrillFailed(
                "Backup %s was restored, and what came out is not what was dumped: %s. The backup is as it was written; restore it only if "
                "nothing better is at hand, and report this." % (self._backup.name, "; ".join(different))
            )
        equal = sum(entry["comparison"] == EQUAL for entry in self._databases)
        return "Backup %s passed its drill: %d %s restored in %d s, %d of them equal to the backup when dumped again." % (
            self._backup.name,
            len(self._databases),
            "database was" if len(self._databases) == 1 else "databases were",
            round(time.monotonic() - self._begun),
            equal,
        )

    def _remember(self, result: str, reason: str, message: str) -> None:
        if not self._volume.remembers:
            return
        finished = self._context.now().replace(microsecond=0)
        before = read_drill(self._volume)
        last_passed = finished if result == PASSED else (None if before is None else before.last_passed)
        record = DrillRecord(
            backup=self._backup.name,
            file_name=self._backup.file_name,
            tier=self._backup.tier,
            result=result,
            reason=reason,
            message=message,
            started=self._started,
            finished=finished,
            seconds=round(time.monotonic() - self._begun, 3),
            last_passed=last_passed,
        )
        try:
            write_drill(self._volume, record)
        except VolumeError as error:
            # How it ended is told all the same.
            self.warnings.append(error.message)

    def _report(self, message: str) -> dict[str, Any]:
        summary = summarize(self._backup, self._context.now())
        if self._manifest is not None:
            summary.update(databases=list(self._manifest.database_names), plain_size=self._manifest.plain_size)
        return {
            "changed": False,
            "backup": summary,
            "databases": self._databases,
            "globals": self._globals,
            "server_version": self._server_version,
            "problems": [],
            "warnings": self.warnings,
            "seconds": round(time.monotonic() - self._begun, 3),
            "message": message,
        }


def _answers(context: Context, server: ScratchServer) -> bool:
    try:
        context.session(server.connection).ask("SELECT 1")
    except EngineError:
        return False
    return True
