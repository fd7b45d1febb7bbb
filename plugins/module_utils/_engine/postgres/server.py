# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server holds: one look before a dump and one after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Iterable

from ..manifest import DatabaseFacts, Extension, Tablespace
from .session import Session, StatementFailed

# to_jsonb of a whole row instead of named columns: the columns differ between majors.
_LOOK = """
SELECT json_build_object(
  'version', current_setting('server_version'),
  'version_number', current_setting('server_version_num')::integer,
  'user', current_user,
  'superuser_logs_in', (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user),
  'in_recovery', pg_is_in_recovery(),
  'running_since', extract(epoch FROM pg_postmaster_start_time())::text,
  'reads_passwords', has_table_privilege('pg_catalog.pg_authid', 'SELECT'),
  'roles', (SELECT coalesce(json_object_agg(oid, rolname), '{}') FROM pg_catalog.pg_roles WHERE oid >= 16384 OR rolname !~ '^pg_'),
  'tablespaces', (SELECT coalesce(json_agg(json_build_object('oid', oid, 'name', spcname, 'location', pg_tablespace_location(oid))
                  ORDER BY spcname), '[]') FROM pg_catalog.pg_tablespace WHERE spcname !~ '^pg_'),
  'databases', (SELECT json_agg(to_jsonb(d) || jsonb_build_object(
                    'oid', d.oid::bigint,
                    'owner', pg_get_userbyid(d.datdba),
                    'encoding', pg_encoding_to_char(d.encoding),
                    'tablespace', t.spcname,
                    'size', CASE WHEN has_database_privilege(d.oid, 'CONNECT') AND d.datallowconn THEN pg_database_size(d.oid) ELSE 0 END)
                  ORDER BY d.datname)
                FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace)
)"""

_TO_DUMP = """
SELECT coalesce(json_agg(datname ORDER BY datname <> 'template1', datname), '[]') FROM pg_catalog.pg_database
WHERE datallowconn AND datconnlimit <> -2 AND datname <> 'template0'"""

# Objects from 16384 on were made by users; initdb's own are below.
_USER_CATALOGS = (
    "am", "cast", "class", "collation", "conversion", "default_acl", "event_trigger", "extension", "foreign_data_wrapper",
    "foreign_server", "language", "largeobject_metadata", "opclass", "operator", "opfamily", "proc", "publication", "statistic_ext",
    "transform", "ts_config", "ts_dict", "ts_parser", "ts_template", "type",
)  # fmt: skip
_CONTENTS = (
    """
SELECT json_build_object(
  'objects', (SELECT count(*) FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_')
           + %s,
"""
    % "\n           + ".join("(SELECT count(*) FROM pg_catalog.pg_%s WHERE oid >= 16384)" % name for name in _USER_CATALOGS)
    + """
  'extensions', (SELECT coalesce(json_agg(json_build_object('name', extname, 'version', extversion) ORDER BY extname), '[]')
                 FROM pg_catalog.pg_extension),
  'unlogged', (SELECT coalesce(json_agg(n.nspname || '.' || c.relname ORDER BY n.nspname, c.relname), '[]')
               FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relpersistence = 'u' AND c.relkind IN ('r', 'S')
                 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                                 WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                                   AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND c.oid <> ALL (coalesce(e.extconfig, '{}'))))
)"""
)

# Whether a role that came after the globals were written is needed by anything a dump may hold.
_DEPENDENT_ROLES = """
SELECT coalesce(json_agg(DISTINCT pg_get_userbyid(role)), '[]')
FROM (SELECT refobjid FROM pg_catalog.pg_shdepend WHERE refclassid = 'pg_catalog.pg_authid'::regclass
      UNION ALL SELECT setrole FROM pg_catalog.pg_db_role_setting WHERE setdatabase <> 0) AS needed (role)
WHERE role IN (%s)"""
# Memberships are written a moment after the roles.
_NEW_MEMBERS = """
SELECT coalesce(json_agg(DISTINCT pg_get_userbyid(role.oid)), '[]')
FROM pg_catalog.pg_roles role JOIN pg_catalog.pg_auth_members m ON role.oid IN (m.roleid, m.member, m.grantor)
WHERE role.oid NOT IN (%s) AND role.rolname !~ '^pg_'"""

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin", "d": "default"}


@dataclass(frozen=True)
class DatabaseEntry:
    """A row of ``pg_database``; ``connection_limit`` -2 marks an interrupted DROP DATABASE."""

    oid: int
    name: str
    allows_connections: bool
    connection_limit: int
    row: dict[str, Any]


@dataclass(frozen=True)
class ServerLook:
    """What one look found; roles and tablespaces by object id, so that renaming shows. ``running_since`` tells servers apart."""

    version: str
    version_number: int
    user: str
    superuser_logs_in: bool
    in_recovery: bool
    reads_passwords: bool
    roles: dict[int, str]
    tablespaces: dict[int, Tablespace]
    databases: tuple[DatabaseEntry, ...]
    running_since: str = ""

    @property
    def major(self) -> int:
        """The major version."""
        return self.version_number // 10000


def look_at_server(session: Session) -> ServerLook:
    """Ask the server what it is and holds; raises ConnectionFailed."""
    answer = session.ask(_LOOK)
    return ServerLook(
        version=answer["version"].split()[0],
        version_number=answer["version_number"],
        user=answer["user"],
        superuser_logs_in=bool(answer["superuser_logs_in"]),
        in_recovery=answer["in_recovery"],
        reads_passwords=answer["reads_passwords"],
        roles={int(oid): name for oid, name in answer["roles"].items()},
        tablespaces={int(entry["oid"]): Tablespace(entry["name"], entry["location"]) for entry in answer["tablespaces"]},
        databases=tuple(
            DatabaseEntry(int(row["oid"]), row["datname"], row["datallowconn"], row["datconnlimit"], row) for row in answer["databases"]
        ),
        running_since=answer["running_since"],
    )


def databases_to_dump(session: Session) -> list[str]:
    """The databases that ``pg_dumpall`` would dump now, in its order; raises ConnectionFailed."""
    return [str(name) for name in session.ask(_TO_DUMP)]


def look_into_database(session: Session, entry: DatabaseEntry, standby: bool = False) -> DatabaseFacts:
    """Ask one database what a target must offer for it, and a ``standby`` what it cannot read; raises ConnectionFailed or StatementFailed."""
    contents = session.ask(_CONTENTS, entry.name)
    extensions = tuple(Extension(extension["name"], extension["version"]) for extension in contents["extensions"])
    unread = tuple(contents["unlogged"]) if standby else ()
    return replace(describe_database(entry), objects=contents["objects"], extensions=extensions, without_contents=unread)


def count_objects(session: Session, name: str) -> int:
    """How many objects users made in a database; raises ConnectionFailed where it cannot be entered."""
    return int(session.ask(_CONTENTS, name)["objects"])


def describe_database(entry: DatabaseEntry) -> DatabaseFacts:
    """What can be told of a database from outside: everything but its objects and extensions."""
    row = entry.row
    return DatabaseFacts(
        name=entry.name,
        owner=row["owner"],
        encoding=row["encoding"],
        collate=row["datcollate"],
        ctype=row["datctype"],
        locale_provider=_PROVIDERS.get(row.get("datlocprovider", "c"), "libc"),
        locale=row.get("datlocale", row.get("daticulocale")),
        tablespace=row["tablespace"],
        objects=0,
        size=row["size"],
    )


def new_roles_with_memberships(session: Session, known: Iterable[int]) -> list[str]:
    """The roles that are none of ``known``, and members of others or have some; raises ConnectionFailed or StatementFailed."""
    return sorted(session.ask(_NEW_MEMBERS % (", ".join(str(oid) for oid in known) or "0")))


def roles_in_use(session: Session, oids: list[int]) -> list[str]:
    """Which of these roles own or may use anything on the server."""
    if not oids:
        return []
    try:
        return sorted(session.ask(_DEPENDENT_ROLES % ", ".join(str(oid) for oid in oids)))
    except StatementFailed:
        # Without the right to look, a role that appeared must be taken for one that matters.
        return [str(oid) for oid in oids]
