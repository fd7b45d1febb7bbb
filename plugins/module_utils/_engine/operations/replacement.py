# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases make room for restored ones, and come back when the restore does not reach its end."""

from __future__ import annotations

import time

from ..manifest import BUILT_IN
from ..names import format_name_time
from ..postgres.quoting import quote_identifier, quote_literal
from ..postgres.session import Session, StatementFailed
from ..targets import AsideNote, TargetDatabase, aside_name
from .context import Context

_RENAME_TRIES = 5
_RENAME_PAUSE_SECONDS = 0.5
_PROVIDER_OPTIONS = {"icu": " ICU_LOCALE %s", "builtin": " BUILTIN_LOCALE %s"}

_TERMINATE = "SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE datid = %d;\n"
_COPY_SETTINGS = """
INSERT INTO pg_catalog.pg_db_role_setting (setdatabase, setrole, setconfig)
SELECT new.oid, setting.setrole, setting.setconfig
FROM pg_catalog.pg_db_role_setting setting, pg_catalog.pg_database new
WHERE setting.setdatabase = %d AND new.datname = %s
AND NOT EXISTS (SELECT FROM pg_catalog.pg_db_role_setting WHERE setdatabase = new.oid AND setrole = setting.setrole);
"""
_GRANTS = """
SELECT coalesce(json_agg(format('GRANT %%s ON DATABASE %%I TO %%s%%s', privilege_type, %s::text,
                                CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                                CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)), '[]')
FROM pg_catalog.pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE oid = %d"""

_TOLD = """
SELECT json_build_object('privileges', datacl IS NOT NULL, 'comment', shobj_description(oid, 'pg_database') IS NOT NULL)
FROM pg_catalog.pg_database WHERE datname = %s"""


class Room:
    """Makes room for one database after another; every method raises ConnectionFailed or StatementFailed."""

    def __init__(self, context: Context, session: Session, present: frozenset[str]) -> None:
        self._context = context
        self._session = session
        self._present = present

    def door(self, *names: str) -> str:
        """A database to be connected to while ``names`` are renamed, dropped or created."""
        for other in (self._session.connection.maintenance_database, *reversed(BUILT_IN)):
            if other not in names and other in self._present:
                return other
        return self._session.connection.maintenance_database

    def set_aside(self, database: TargetDatabase) -> str:
        """Rename ``database`` so that it keeps everything and nobody finds it; returns the name it has now.

        One of those that every server has is made anew at once, as empty as initdb made it. Should this fail half-way,
        :meth:`put_back` undoes what was done.
        """
        aside = aside_name(database)
        note = AsideNote(database.name, database.allows_connections, database.comment, format_name_time(self._context.now()))
        old, new = quote_identifier(database.name), quote_identifier(aside)
        door = self.door(database.name)
        self._execute(
            door,
            "COMMENT ON DATABASE %s IS %s;\nALTER DATABASE %s ALLOW_CONNECTIONS false;\n" % (old, quote_literal(note.write()), old),
        )
        self._rename_when_quiet(door, database.oid, "ALTER DATABASE %s RENAME TO %s;\n" % (old, new))
        if database.name in BUILT_IN:
            self._create_like(door, database)
        return aside

    def put_back(self, database: TargetDatabase) -> None:
        """Drop what stands in the place of ``database`` and let it be what it was; also after half of :meth:`set_aside`."""
        door = self.door(database.name)
        aside = aside_name(database)
        if self.exists(door, aside):
            self.drop(database.name)
            self._rename_when_quiet(
                door, database.oid, "ALTER DATABASE %s RENAME TO %s;\n" % (quote_identifier(aside), quote_identifier(database.name))
            )
        name = quote_identifier(database.name)
        comment = "NULL" if database.comment is None else quote_literal(database.comment)
        allowed = "true" if database.allows_connections else "false"
        self._execute(door, "COMMENT ON DATABASE %s IS %s;\nALTER DATABASE %s ALLOW_CONNECTIONS %s;\n" % (name, comment, name, allowed))

    def drop_aside(self, database: TargetDatabase) -> None:
        """The new one is whole: let the old one go. What was set for ``postgres`` and ``template1`` goes over, save what the dump told."""
        door = self.door(database.name)
        aside = aside_name(database)
        if database.name in BUILT_IN and self.exists(door, aside):
            self._take_over(door, database)
        self.drop(aside, door)

    def drop(self, name: str, door: str | None = None) -> None:
        """Drop a database, ending its sessions; nothing happens where there is none of that name."""
        door = self.door(name) if door is None else door
        query = "SELECT json_agg(datistemplate) FROM pg_catalog.pg_database WHERE datname = %s" % quote_literal(name)
        found = self._session.execute(query + ";\n", door).strip()
        if not found:
            return
        if found == "[true]":
            self._execute(door, "ALTER DATABASE %s IS_TEMPLATE false;\n" % quote_identifier(name))
        self._execute(door, "DROP DATABASE %s WITH (FORCE);\n" % quote_identifier(name))

    def exists(self, door: str, name: str) -> bool:
        """Whether the server has a database of this name."""
        query = "SELECT to_json(EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = %s))" % quote_literal(name)
        return bool(self._session.ask(query, door))

    def create(self, name: str) -> None:
        """Create an empty database from the pristine template."""
        self._execute(self.door(name), "CREATE DATABASE %s TEMPLATE template0;\n" % quote_identifier(name))

    def _create_like(self, door: str, database: TargetDatabase) -> None:
        facts = database.facts
        statement = "CREATE DATABASE %s TEMPLATE template0 OWNER %s ENCODING %s LC_COLLATE %s LC_CTYPE %s TABLESPACE %s" % (
            quote_identifier(facts.name),
            quote_identifier(facts.owner),
            quote_literal(facts.encoding),
            quote_literal(facts.collate),
            quote_literal(facts.ctype),
            quote_identifier(facts.tablespace),
        )
        if facts.locale_provider in _PROVIDER_OPTIONS and facts.locale is not None:
            statement += " LOCALE_PROVIDER %s" % facts.locale_provider
            statement += _PROVIDER_OPTIONS[facts.locale_provider] % quote_literal(facts.locale)
        statement += " CONNECTION LIMIT %d IS_TEMPLATE %s;\n" % (database.connection_limit, "true" if database.is_template else "false")
        self._execute(door, statement)

    def _take_over(self, door: str, database: TargetDatabase) -> None:
        name = quote_identifier(database.name)
        told = self._session.ask(_TOLD % quote_literal(database.name), door)
        statements = []
        if not told["privileges"]:
            grants = self._session.ask(_GRANTS % (quote_literal(database.name), database.oid), door)
            statements += ["REVOKE ALL ON DATABASE %s FROM PUBLIC" % name, *grants]
        if database.comment is not None and not told["comment"]:
            statements.append("COMMENT ON DATABASE %s IS %s" % (name, quote_literal(database.comment)))
        self._execute(
            door, "".join(statement + ";\n" for statement in statements) + _COPY_SETTINGS % (database.oid, quote_literal(database.name))
        )

    def _rename_when_quiet(self, door: str, oid: int, rename: str) -> None:
        for attempt in range(1, _RENAME_TRIES + 1):
            self._execute(door, _TERMINATE % oid)
            try:
                self._execute(door, rename)
                return
            except StatementFailed:
                # A session that was told to end may need a moment for it.
                if attempt == _RENAME_TRIES:
                    raise
            time.sleep(_RENAME_PAUSE_SECONDS)

    def _execute(self, door: str, statements: str) -> str:
        return self._session.execute(statements, door)
