# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump a server into unfinished work: look, stream, look again, and only then call it whole."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from ..manifest import GLOBALS, WHOLE, DatabaseFacts, LeftOut, Manifest
from ..names import DumpName
from ..policy.changes import (
    DatabaseState,
    forged_sections,
    left_out_before,
    left_out_during,
    new_or_renamed,
    told_without_contents,
    unusable_names,
)
from ..postgres.connection import Connection
from ..postgres.dump_source import DumpOptions, DumpSource
from ..postgres.omissions import Omissions
from ..postgres.restrict import new_restrict_key
from ..postgres.sections import SectionScanner
from ..postgres.server import ServerLook, databases_to_dump, look_at_server, look_into_database, new_roles_with_memberships, roles_in_use
from ..postgres.session import Session, StatementFailed
from ..tools.codecs import choose_codec
from ..tools.errors import ConnectionFailed, DumpFailed, EngineError, UsageError, VolumeError
from ..tools.progress import format_bytes
from ..version import VERSION
from ..volume.durable import set_mode
from .context import Context
from .dump_jobs import DumpJobs, JobSettings
from .dump_writer import DumpWriter, WrittenDump

_NOTHING_CHANGED = "No backup was made and no older one was touched"
# Before this version pg_dumpall wrote more around each database than pg_dump does.
_IN_PARTS = 12
# From this version on, clients can ask for a primary.
_KNOW_PRIMARIES = 14
# The server counts milliseconds.
_LONGEST_LOCK_WAIT = (2**31 - 1) // 1000


@dataclass(frozen=True)
class DumpSettings:
    """Which server, what of it, and how it is stored; ``level`` None is the codec's own. ``jobs``: databases at a time."""

    connection: Connection
    options: DumpOptions = DumpOptions()
    codec: str = "auto"
    level: int | None = None
    jobs: int = 1


@dataclass(frozen=True)
class _Server:
    """What the first look found and decided."""

    look: ServerLook
    states: list[DatabaseState]
    expected: tuple[str, ...]
    left_out: list[LeftOut]


def check_server(context: Context, settings: DumpSettings) -> None:
    """Raise what :func:`dump_server` would raise before it starts to dump; changes nothing."""
    _check(settings)
    choose_codec(settings.codec, settings.level)
    _first_look(context, context.session(settings.connection), settings.options)


def dump_server(context: Context, settings: DumpSettings, path: str, started: datetime) -> Manifest:
    """Dump into the new file at ``path`` and return its manifest, without a sequence yet.

    Raises ConnectionFailed, DumpFailed, UsageError, or OSError where the file cannot be written.
    """
    _check(settings)
    codec = choose_codec(settings.codec, settings.level)
    session = context.session(settings.connection)
    server = _first_look(context, session, settings.options)
    settings = replace(settings, connection=_connection_to(context, settings, server))
    session = context.session(settings.connection)
    facts = _look_into_databases(session, server)
    unread = told_without_contents(facts)
    for sentence in unread:
        context.progress.say(sentence)
    options = replace(settings.options, unlogged_contents=not server.look.in_recovery)
    if context.clients.knows_restrict_key():
        options = replace(options, restrict_key=new_restrict_key())
    context.progress.start("dumping %s" % settings.connection.address)
    try:
        settings = replace(settings, options=options, codec=codec)
        written, warnings = _write(context, settings, session, server, path)
    finally:
        context.progress.done()
    # Clients up to version 11 do not say where a database begins.
    dumped = None if any(section.kind == WHOLE for section in written.sections) else written.databases
    left_out, noticed = _second_look(session, server, dumped, options)
    # The file wears the backup's own time to the second, so that a later write shows on any kind of volume.
    os.utime(path, (started.timestamp(), started.timestamp()))
    return Manifest(
        file_name=DumpName(started, codec).file_name,
        codec=codec,
        stored_size=written.stored_size,
        stored_sha256=written.stored_sha256,
        modified_ns=os.stat(path).st_mtime_ns,
        plain_size=written.plain_size,
        started=started,
        finished=context.now().replace(microsecond=0),
        sequence=0,
        sections=written.sections,
        engine_version=VERSION,
        server_version=server.look.version,
        server_version_number=server.look.version_number,
        client_version=context.clients.version("pg_dumpall")[1],
        restrict_key=options.restrict_key,
        only_database=options.only_database,
        databases=_facts_in_order(facts, written.databases),
        left_out=tuple(left_out),
        roles=tuple(sorted(server.look.roles.values())),
        tablespaces=tuple(server.look.tablespaces.values()),
        warnings=(*unread, *noticed, *warnings),
        from_standby=server.look.in_recovery,
    )


def _connection_to(context: Context, settings: DumpSettings, server: _Server) -> Connection:
    """The way to the server that was looked at: a name may lead to a primary and to its standbys, of which pg_dump dumps less."""
    connection = settings.connection.knowing(server.look.version_number, server.look.superuser_logs_in)
    oldest = min(context.clients.version(program)[0] for program in ("psql", "pg_dumpall"))
    return replace(connection, only_primary=not server.look.in_recovery and oldest >= _KNOW_PRIMARIES)


def _first_look(context: Context, session: Session, options: DumpOptions) -> _Server:
    look = _look(session)
    client_major, client_version = context.clients.version("pg_dumpall")
    if client_major < look.major:
        raise DumpFailed(
            "The server is PostgreSQL %s and cannot be dumped by the older pg_dumpall %s. %s; install client programs of "
            "version %d or newer, or name their folder in client_folder." % (look.version, client_version, _NOTHING_CHANGED, look.major)
        )
    if options.role_passwords and not look.reads_passwords:
        raise DumpFailed(
            "The user %s is no superuser and may not read the passwords of roles. %s; back up as a superuser, or set "
            "role_passwords to false and set passwords anew after a restore." % (look.user, _NOTHING_CHANGED)
        )
    states = _states(look)
    problems = unusable_names(states, list(look.roles.values()))
    if problems:
        raise DumpFailed("%s %s." % (" ".join(problems), _NOTHING_CHANGED))
    left_out = left_out_before(states, options.exclude_databases)
    missing = {entry.name for entry in left_out}
    expected = tuple(state.name for state in states if state.name not in missing and state.why_left_out is None)
    if options.only_database is not None:
        expected = (_only(options.only_database, states, expected),)
        left_out = []
    for entry in left_out:
        context.progress.say("Database %s is left out: %s." % (entry.name, entry.reason))
    return _Server(look, states, expected, left_out)


def _look(session: Session) -> ServerLook:
    try:
        return look_at_server(session)
    except StatementFailed as error:
        raise DumpFailed("The server does not say what it holds: %s. %s." % (error.message.rstrip("."), _NOTHING_CHANGED)) from error


def _look_into_databases(session: Session, server: _Server) -> list[DatabaseFacts]:
    facts = []
    for entry in server.look.databases:
        if entry.name not in server.expected:
            continue
        try:
            facts.append(look_into_database(session, entry, server.look.in_recovery))
        except (ConnectionFailed, StatementFailed) as error:
            if entry.oid in {other.oid for other in _look(session).databases if other.name == entry.name}:
                raise DumpFailed("Database %s cannot be looked into: %s. %s." % (entry.name, error.words, _NOTHING_CHANGED)) from error
            # It was dropped or renamed a moment ago; the second look tells.
    return facts


def _only(name: str, states: list[DatabaseState], expected: tuple[str, ...]) -> str:
    if name in expected:
        return name
    for state in states:
        if state.name == name:
            raise DumpFailed("Database %s cannot be dumped: %s. %s." % (name, state.why_left_out, _NOTHING_CHANGED))
    raise UsageError(
        "The variable database names %r, but the server has only %s. %s." % (name, ", ".join(sorted(expected)), _NOTHING_CHANGED)
    )


def _states(look: ServerLook) -> list[DatabaseState]:
    return [DatabaseState(entry.oid, entry.name, entry.allows_connections, entry.connection_limit) for entry in look.databases]


def _write(context: Context, settings: DumpSettings, session: Session, server: _Server, path: str) -> tuple[WrittenDump, list[str]]:
    """The dump in the new file at ``path``, made to last, and what the client programs said. Raises as :func:`dump_server` does."""
    one_by_one = settings.jobs == 1 or settings.options.only_database is not None or context.clients.version("pg_dumpall")[0] < _IN_PARTS
    with open(path, "xb", buffering=0) as file:
        set_mode(file.fileno())
        try:
            if one_by_one:
                written, warnings = _stream(context, settings, _Amendments(session, server, settings.options), file)
            else:
                written, warnings = _in_parts(context, settings, session, server, file, path)
        except EngineError as error:
            if isinstance(error, (DumpFailed, VolumeError, UsageError)) or error.code >= 128:
                raise
            raise DumpFailed("%s %s; run the backup again." % (error.message, _NOTHING_CHANGED)) from error
        os.fsync(file.fileno())
    if os.path.getsize(path) != written.stored_size:
        raise DumpFailed("The volume holds another number of bytes than were written. %s; look at the volume." % _NOTHING_CHANGED)
    context.progress.say("Dumped %s of SQL into %s." % (format_bytes(written.plain_size), format_bytes(written.stored_size)))
    return written, warnings


class _Amendments:
    """What sections have to hold besides what the client programs write."""

    def __init__(self, session: Session, server: _Server, options: DumpOptions) -> None:
        self._session = session
        self._roles = tuple(server.look.roles)
        self._omissions = Omissions(session, options.only_database, options.restrict_key)

    def at_end_of(self, kind: str, database: str | None) -> bytes:
        """The SQL for the end of a section, asked for when the programs have written it."""
        if kind == GLOBALS:
            self._check_roles()
        # Asked for only now, so that no role is named that came after the globals: the second look would tell.
        return self._omissions.at_end_of(kind, database)

    def _check_roles(self) -> None:
        newcomers = new_roles_with_memberships(self._session, self._roles)
        if newcomers:
            raise DumpFailed(
                "The roles %s were created while roles and memberships were dumped, so that the dump might not restore. %s; run the "
                "backup again." % (", ".join(newcomers), _NOTHING_CHANGED)
            )


def _stream(context: Context, settings: DumpSettings, amendments: _Amendments, file: BinaryIO) -> tuple[WrittenDump, list[str]]:
    """One stream, taken apart while it passes."""

    def on_section(kind: str, database: str | None) -> None:
        context.progress.step(database if database is not None else kind)

    source = DumpSource(context.runner, context.clients, settings.connection, settings.options)
    scanner = SectionScanner(settings.options.restrict_key)
    writer = DumpWriter(context.runner, settings.codec, settings.level, file, scanner, on_section, amendments.at_end_of)
    try:
        for chunk in source.chunks():
            writer.write(chunk)
            context.progress.advance(len(chunk))
        written = writer.finish()
    finally:
        writer.abort()
        source.end()
    if not scanner.complete:
        raise DumpFailed("The dump does not end as a whole one ends. %s; run the backup again." % _NOTHING_CHANGED)
    return written, source.warnings


def _in_parts(
    context: Context, settings: DumpSettings, session: Session, server: _Server, file: BinaryIO, path: str
) -> tuple[WrittenDump, list[str]]:
    """Several databases at a time."""

    def to_dump() -> list[str]:
        excluded = settings.options.exclude_databases
        return [name for name in databases_to_dump(session) if name not in excluded]

    how = JobSettings(settings.jobs, settings.connection, settings.options, settings.codec, settings.level)
    jobs = DumpJobs(context, how, file, path, _Amendments(session, server, settings.options).at_end_of)
    try:
        written = jobs.run(to_dump, {entry.name: int(entry.row["size"]) for entry in server.look.databases})
    finally:
        jobs.close()
    return written, jobs.warnings


def _check(settings: DumpSettings) -> None:
    if settings.jobs < 1:
        raise UsageError("jobs is %d, but must be 1 or more. Nothing was changed." % settings.jobs)
    if not 1 <= settings.options.lock_wait_seconds <= _LONGEST_LOCK_WAIT:
        # Without a limit, as pg_dump understands 0, one session that forgot a lock would end all backups without a word.
        raise UsageError(
            "lock_wait_seconds is %d, but must be from 1 to %d. Nothing was changed."
            % (settings.options.lock_wait_seconds, _LONGEST_LOCK_WAIT)
        )


def _second_look(
    session: Session, before: _Server, dumped: tuple[str, ...] | None, options: DumpOptions
) -> tuple[list[LeftOut], list[str]]:
    """What is left out of the dump, and what else is to be told of it."""
    look = _look(session)
    noticed = []
    if look.running_since != before.look.running_since:
        noticed.append(
            "Another server answered at the end of the dump than at its beginning, or it was restarted meanwhile. Standbys behind one name "
            "are not at the same moment, and a dump that is made of several may lack a role; let the host be one of them, or have a drill."
        )
    newcomers = new_or_renamed(before.look.roles, look.roles)
    needed = roles_in_use(session, list(newcomers))
    if needed:
        raise DumpFailed(
            "The roles %s were created or renamed while the dump ran and own or may use something, so that the dump would not "
            "restore. %s; run the backup again." % (", ".join(needed), _NOTHING_CHANGED)
        )
    places = {oid: place.name for oid, place in look.tablespaces.items()}
    known_places = {oid: place.name for oid, place in before.look.tablespaces.items()}
    if new_or_renamed(known_places, places):
        raise DumpFailed("A tablespace was created or renamed while the dump ran. %s; run the backup again." % _NOTHING_CHANGED)
    if dumped is None:
        return before.left_out, noticed
    after = _states(look)
    possible = set(before.expected)
    if options.only_database is None:
        possible.update(state.name for state in after if state.why_left_out is None and state.name not in options.exclude_databases)
    forged = forged_sections(dumped, possible)
    if forged:
        raise DumpFailed(
            "The dump has sections of %s that pg_dumpall cannot have written; somebody may have tried to forge them. %s; find out who "
            "can see the processes of this machine and write into the databases." % (", ".join(forged), _NOTHING_CHANGED)
        )
    remaining = {state.name for state in after}
    renamed_or_new = left_out_during(before.states, after, dumped) if options.only_database is None else []
    lost = [name for name in before.expected if name not in dumped and name in remaining]
    lost = [name for name in lost if name not in {entry.name for entry in renamed_or_new}]
    if lost:
        raise DumpFailed(
            "The dump lacks the databases %s although the server has them. %s; run the backup again." % (", ".join(lost), _NOTHING_CHANGED)
        )
    told = {entry.name for entry in before.left_out}
    return before.left_out + [entry for entry in renamed_or_new if entry.name not in told], noticed


def _facts_in_order(facts: list[DatabaseFacts], databases: tuple[str, ...]) -> tuple[DatabaseFacts, ...]:
    by_name = {fact.name: fact for fact in facts}
    if not databases:
        return tuple(facts)
    return tuple(by_name[name] for name in databases if name in by_name)
