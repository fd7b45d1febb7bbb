# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``pg_dumpall`` leaves out of a dump without a word, as SQL to be added to it.

It takes ``postgres`` and ``template1`` for granted, and with them who owns them, who may use them, their comments and
settings, and what roles have set for them; and it never writes what ``ALTER ROLE ALL`` has set for everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ..manifest import BUILT_IN, DATABASE, GLOBALS
from ..targets import UNFINISHED_SETTING
from .quoting import quote_identifier, quote_literal
from .session import Session

# No conversion on the way: what the server stores passes as it is, whatever encoding it is in.
_RAW = "SET client_encoding = 'SQL_ASCII';\n"
_ENCODING = "pg_encoding_to_char((SELECT encoding FROM pg_catalog.pg_database WHERE datname = current_database()))"
_SETTINGS = """
  (SELECT coalesce(json_agg(json_build_object('role', r.rolname, 'setting', setting.text) ORDER BY r.rolname NULLS FIRST, setting.place), '[]')
   FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole,
        unnest(s.setconfig) WITH ORDINALITY AS setting (text, place)
   WHERE %s AND (s.setrole = 0 OR r.oid IS NOT NULL) AND strpos(setting.text, {note}) <> 1)""".replace(
    "{note}", quote_literal(UNFINISHED_SETTING + "=")
)
_OF_EVERYBODY = "SELECT json_build_object('encoding', %s, 'settings', %s)" % (_ENCODING, _SETTINGS % "s.setdatabase = 0 AND s.setrole = 0")
_OF_DATABASE = """
SELECT json_build_object(
  'encoding', %s,
  'name', d.datname,
  'owner', pg_get_userbyid(d.datdba),
  'owned_by_first_role', d.datdba = 10,
  'is_template', d.datistemplate,
  'connection_limit', d.datconnlimit,
  'comment', shobj_description(d.oid, 'pg_database'),
  'labels', (SELECT coalesce(json_agg(json_build_array(provider, label) ORDER BY provider), '[]') FROM pg_catalog.pg_shseclabel
             WHERE objoid = d.oid AND classoid = 'pg_catalog.pg_database'::regclass),
  'settings', %s,
  'privileges', CASE WHEN d.datacl IS NOT NULL THEN
      (SELECT coalesce(json_agg(json_build_object(
                 'grantor', pg_get_userbyid(a.grantor), 'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                 'privilege', a.privilege_type, 'grantable', a.is_grantable) ORDER BY a.place), '[]')
       FROM aclexplode(d.datacl) WITH ORDINALITY AS a (grantor, grantee, privilege_type, is_grantable, place)) END
) FROM pg_catalog.pg_database d WHERE d.datname = current_database()""" % (_ENCODING, _SETTINGS % "s.setdatabase = d.oid")

_BORN_COMMENTS = {"postgres": "default administrative connection database", "template1": "default template for new databases"}
_BORN_TEMPLATE = "template1"
_ALL_PRIVILEGES = frozenset(("CREATE", "TEMPORARY", "CONNECT"))
# Settings that hold a list of names; PostgreSQL's own programs keep the same list.
_LISTS = frozenset(
    ("local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces")
    + ("unix_socket_directories",)
)
_ELEMENT = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"\s][^,]*?))\s*(?:,|$)')


@dataclass(frozen=True)
class Omissions:
    """What to add to a dump of the server behind ``session``: of all of it, or of one database with its roles."""

    session: Session
    only_database: str | None = None
    restrict_key: str | None = None

    def at_end_of(self, kind: str, database: str | None) -> bytes:
        """The SQL for the end of a section; mostly none. Raises ConnectionFailed or StatementFailed."""
        if kind == GLOBALS and self.only_database is None:
            return omitted_globals(self.session, self.restrict_key)
        if kind == DATABASE and database in BUILT_IN:
            return omitted_of_database(self.session, database, self.restrict_key)
        return b""


def omitted_globals(session: Session, restrict_key: str | None) -> bytes:
    """What ``ALTER ROLE ALL`` has set, as SQL; empty when nothing is. Raises ConnectionFailed or StatementFailed."""
    facts = session.ask(_OF_EVERYBODY, before=_RAW)
    return _block("everybody's settings", facts["encoding"], _settings("ALTER ROLE ALL", facts["settings"]), restrict_key)


def omitted_of_database(session: Session, name: str, restrict_key: str | None) -> bytes:
    """In what the database ``name``, which every server has, differs from what initdb made, as SQL; empty when in nothing; raises as above."""
    facts = session.ask(_OF_DATABASE, name, before=_RAW)
    return _block("the database itself", facts["encoding"], database_statements(facts), restrict_key)


def database_statements(facts: dict[str, Any]) -> list[str]:
    """The statements that make a database that initdb made into the one of these ``facts``."""
    name = quote_identifier(facts["name"])
    statements = []
    if not facts["owned_by_first_role"]:
        statements.append("ALTER DATABASE %s OWNER TO %s" % (name, quote_identifier(facts["owner"])))
    if facts["is_template"] != (facts["name"] == _BORN_TEMPLATE):
        statements.append("ALTER DATABASE %s IS_TEMPLATE %s" % (name, "true" if facts["is_template"] else "false"))
    if facts["connection_limit"] != -1:
        statements.append("ALTER DATABASE %s CONNECTION LIMIT %d" % (name, facts["connection_limit"]))
    if facts["comment"] != _BORN_COMMENTS[facts["name"]]:
        comment = "NULL" if facts["comment"] is None else quote_literal(facts["comment"])
        statements.append("COMMENT ON DATABASE %s IS %s" % (name, comment))
    for provider, label in facts["labels"]:
        statements.append("SECURITY LABEL FOR %s ON DATABASE %s IS %s" % (quote_identifier(provider), name, quote_literal(label)))
    statements += _privileges(facts, name)
    statements += _settings("ALTER DATABASE %s" % name, [entry for entry in facts["settings"] if entry["role"] is None])
    for entry in facts["settings"]:
        if entry["role"] is not None:
            statements += _settings("ALTER ROLE %s IN DATABASE %s" % (quote_identifier(entry["role"]), name), [entry])
    return statements


def setting_value(name: str, value: str) -> str:
    """A setting's stored ``value`` as it must be written to be stored like that again."""
    if name.lower() not in _LISTS or not value.strip():
        return quote_literal(value)
    elements = []
    for match in _ELEMENT.finditer(value):
        quoted, bare = match.groups()
        elements.append(quote_literal(bare if quoted is None else quoted.replace('""', '"')))
    return ", ".join(elements)


def _settings(whose: str, entries: list[dict[str, Any]]) -> list[str]:
    pairs = (entry["setting"].partition("=") for entry in entries)
    return ["%s SET %s TO %s" % (whose, quote_identifier(name), setting_value(name, value)) for name, _equals, value in pairs]


def _privileges(facts: dict[str, Any], name: str) -> list[str]:
    """Take away what initdb or CREATE DATABASE granted and grant what is there, in the server's own order."""
    entries, owner = facts["privileges"], facts["owner"]
    if entries is None or (facts["name"] == _BORN_TEMPLATE and _is_as_born(entries, owner)):
        return []
    statements = ["REVOKE ALL ON DATABASE %s FROM PUBLIC" % name]
    # What the owner has by birth is left alone, since the owner may have another name on the target.
    owner_is_complete = _of(entries, owner) == {(privilege, owner, False) for privilege in _ALL_PRIVILEGES}
    if not owner_is_complete:
        statements.append("REVOKE ALL ON DATABASE %s FROM %s" % (name, quote_identifier(owner)))
    grants: dict[tuple[str, str | None, bool], list[str]] = {}
    for entry in entries:
        if not (owner_is_complete and entry["grantee"] == owner):
            grants.setdefault((entry["grantor"], entry["grantee"], entry["grantable"]), []).append(entry["privilege"])
    for (grantor, grantee, grantable), privileges in grants.items():
        to = "PUBLIC" if grantee is None else quote_identifier(grantee)
        option = " WITH GRANT OPTION" if grantable else ""
        grant = "GRANT %s ON DATABASE %s TO %s%s" % (", ".join(privileges), name, to, option)
        if grantor == owner:
            statements.append(grant)
        else:
            statements += ["SET SESSION AUTHORIZATION %s" % quote_identifier(grantor), grant, "RESET SESSION AUTHORIZATION"]
    return statements


def _is_as_born(entries: list[dict[str, Any]], owner: str) -> bool:
    return _of(entries, None) == {("CONNECT", owner, False)} and len(entries) == 1 + len(_of(entries, owner)) == 1 + len(_ALL_PRIVILEGES)


def _of(entries: list[dict[str, Any]], grantee: str | None) -> set[tuple[str, str, bool]]:
    return {(entry["privilege"], entry["grantor"], entry["grantable"]) for entry in entries if entry["grantee"] == grantee}


def _block(what: str, encoding: str, statements: list[str], restrict_key: str | None) -> bytes:
    if not statements:
        return b""
    # As in pg_dump's own blocks: nothing inside, whatever it quotes, can be taken for a line of the client's.
    opening = "" if restrict_key is None else "\\restrict %s\n\n" % restrict_key
    closing = "" if restrict_key is None else "\\unrestrict %s\n\n" % restrict_key
    text = "-- What pg_dumpall leaves out: %s\n\nSET client_encoding = '%s';\nSET standard_conforming_strings = on;\n\n%s;\n\n" % (
        what,
        encoding,
        ";\n".join(statements),
    )
    return (opening + text + closing).encode("utf-8", "surrogateescape")
