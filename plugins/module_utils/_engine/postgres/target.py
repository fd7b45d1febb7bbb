# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at the server that a restore goes to. Nothing here changes anything on it."""

from __future__ import annotations

from ..targets import UNFINISHED_SETTING, LocaleNeed, Target, TargetDatabase, UnfinishedNote, read_unfinished
from .quoting import quote_literal
from .server import DatabaseEntry, describe_database, look_at_server
from .session import Session, StatementFailed

# Settings of dumps of newer clients; everything else in their preambles is older than any supported server.
_NEWER_SETTINGS = ("transaction_timeout",)

_LOOK = """
SELECT json_build_object(
  'superuser', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
  'free_connections', current_setting('max_connections')::integer
      - (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  'first_role', (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10),
  'roles', (SELECT coalesce(json_agg(rolname), '[]') FROM pg_catalog.pg_roles),
  'extensions', (SELECT coalesce(json_object_agg(name, default_version), '{}') FROM pg_catalog.pg_available_extensions),
  'settings', (SELECT coalesce(json_agg(name), '[]') FROM pg_catalog.pg_settings WHERE name IN (%s)),
  'unfinished', (SELECT max(substr(note, length(%s) + 1)) FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) AS note
                 WHERE s.setrole = 0 AND strpos(note, %s) = 1),
  'databases', (SELECT json_object_agg(d.oid, json_build_object(
      'comment', shobj_description(d.oid, 'pg_database'),
      'prepared', (SELECT count(*) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = d.datname),
      'subscriptions', (SELECT count(*) FROM pg_catalog.pg_subscription s WHERE s.subdbid = d.oid),
      'slots', (SELECT count(*) FROM pg_catalog.pg_replication_slots r WHERE r.database = d.datname AND r.active)
    )) FROM pg_catalog.pg_database d)
)""" % (", ".join(quote_literal(name) for name in _NEWER_SETTINGS), *[quote_literal(UNFINISHED_SETTING + "=")] * 2)

_FOLDER = """
SELECT json_build_object(
  'is_folder', (SELECT isdir FROM pg_catalog.pg_stat_file(%(path)s, true)),
  'used', CASE WHEN (SELECT isdir FROM pg_catalog.pg_stat_file(%(path)s, true))
               THEN EXISTS (SELECT FROM pg_catalog.pg_ls_dir(%(path)s, true, false) AS entry
                            WHERE entry LIKE 'PG\\_' || current_setting('server_version_num')::integer / 10000 || '\\_%%') END
)"""

# The same check that CREATE DATABASE makes, without creating anything.
_LIBC_PROBE = "SELECT pg_catalog.set_config('lc_monetary', %s, true) IS NOT NULL;\n"
_ICU_PROBE = "BEGIN;\nCREATE COLLATION pg_temp.bandr_probe (provider = icu, locale = %s);\nROLLBACK;\n"
_RESTRICT_PROBE = "\\restrict bandr\n\\unrestrict bandr\n"


def look_at_target(session: Session) -> Target:
    """Ask the server and ``psql`` what a restore has to reckon with.

    Raises ConnectionFailed, StatementFailed, or UsageError where ``psql`` is missing.
    """
    look = look_at_server(session)
    answer = session.ask(_LOOK)
    return Target(
        version=look.version,
        version_number=look.version_number,
        user=look.user,
        superuser=bool(answer["superuser"]),
        superuser_logs_in=look.superuser_logs_in,
        unfinished=_still_there(answer["unfinished"], look.databases),
        in_recovery=look.in_recovery,
        free_connections=answer["free_connections"],
        databases=tuple(_describe(entry, answer["databases"].get(str(entry.oid), {})) for entry in look.databases),
        roles=frozenset(answer["roles"]),
        tablespaces=tuple(look.tablespaces.values()),
        extensions=answer["extensions"],
        first_role=answer["first_role"],
        unknown_settings=frozenset(_NEWER_SETTINGS) - frozenset(answer["settings"]),
        psql_version=session.clients.version("psql")[1],
    )


def _still_there(text: str | None, databases: tuple[DatabaseEntry, ...]) -> dict[str, UnfinishedNote]:
    """Notes of databases that somebody has dropped meanwhile tell nothing any more."""
    names = {entry.name for entry in databases}
    return {name: note for name, note in read_unfinished(text or "").items() if name in names}


def _describe(entry: DatabaseEntry, more: dict) -> TargetDatabase:
    return TargetDatabase(
        oid=entry.oid,
        facts=describe_database(entry),
        is_template=entry.row["datistemplate"],
        allows_connections=entry.allows_connections,
        connection_limit=entry.connection_limit,
        comment=more.get("comment"),
        busy=_what_keeps(more),
    )


def _what_keeps(more: dict) -> str | None:
    for key, words in (
        ("prepared", "it has prepared transactions"),
        ("subscriptions", "it has subscriptions"),
        ("slots", "a logical replication slot in it is in use"),
    ):
        if more.get(key):
            return words
    return None


def psql_knows_restrict(session: Session) -> bool:
    """Whether ``psql`` takes the ``\\restrict`` lines of dumps made since August 2025."""
    try:
        session.execute(_RESTRICT_PROBE)
    except StatementFailed:
        return False
    return True


def why_no_locale(session: Session, need: LocaleNeed) -> str | None:
    """Why no database can be created with this locale, or None where one can."""
    for locale in sorted({need.collate, need.ctype}):
        try:
            session.execute(_LIBC_PROBE % quote_literal(locale))
        except StatementFailed:
            return "the operating system's locale %s is not installed there" % locale
    if need.provider == "icu" and need.locale is not None:
        try:
            session.execute(_ICU_PROBE % quote_literal(need.locale))
        except StatementFailed as error:
            if "encoding" not in error.message:
                return "the ICU locale %s is refused there (%s)" % (need.locale, _last_words(error))
    return None


def why_no_folder(session: Session, location: str) -> str | None:
    """Why a tablespace cannot live in this folder of the server, or None where it can as far as SQL can tell."""
    try:
        answer = session.ask(_FOLDER % {"path": quote_literal(location)})
    except StatementFailed as error:
        return "it cannot be looked into (%s)" % _last_words(error)
    if answer["is_folder"] is None:
        return "it does not exist there"
    if not answer["is_folder"]:
        return "it is no folder there"
    if answer["used"]:
        return "it holds a tablespace already"
    return None


def _last_words(error: StatementFailed) -> str:
    return error.message.split("ERROR:", 1)[-1].split("\n", 1)[0].strip()
