# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server is and who asks, and how that reaches libpq: by environment, never by argument."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import Mapping

# A session must be able to write and must not time out because of what a role or database sets. A standby lets nobody in whose
# transactions would be serializable.
_SESSION_OPTIONS = (
    "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
    " -c default_transaction_isolation=read\\ committed"
)
# Programs are started in another folder than the one that a relative path is meant from.
_FILES = ("PGPASSFILE", "PGSERVICEFILE", "PGSSLCERT", "PGSSLCRL", "PGSSLCRLDIR", "PGSSLKEY", "PGSSLROOTCERT")
# The authorities that the system trusts, and a key in a token.
_NO_FILE = re.compile("system|[A-Za-z][A-Za-z0-9]+:.*")
_KNOWS_IDLE_SESSION_TIMEOUT = 140000
_KNOWS_TRANSACTION_TIMEOUT = 170000
# Whatever a trigger does when somebody logs in, it is not meant for who keeps the data; only superusers may pass it by.
_SUPERUSERS_NEWER_OPTIONS = " -c event_triggers=off"
# What a role or database sets must not change what a restore means: NULL in arrays, comparisons with NULL, whose rights
# count, and what fits on the disk.
_RESTORE_OPTIONS = " -c array_nulls=on -c transform_null_equals=off"
_SUPERUSERS_OPTIONS = " -c role=none -c temp_file_limit=-1"


@dataclass(frozen=True)
class Connection:
    """How to reach a server as libpq understands it; what is None is left to libpq.

    ``password`` never appears in a representation of this object. ``extra`` holds further
    libpq environment variables (``PGSSLCERT`` …). ``isolated``: of libpq's own variables none is taken from the environment.
    ``session_options``: what the server knows of settings that shield a session. ``only_primary``: no standby will do.
    """

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    passfile: str | None = None
    sslmode: str | None = None
    sslrootcert: str | None = None
    connect_timeout: int = 10
    maintenance_database: str = "postgres"
    extra: tuple[tuple[str, str], ...] = ()
    isolated: bool = False
    session_options: str = ""
    only_primary: bool = False

    def knowing(self, version_number: int, superuser: bool) -> Connection:
        """This way to a server of that version, whose sessions no setting of a role or database, and no trigger on logins, cuts short.

        ``superuser``: the user who logs in is one, and may say so.
        """
        options = ""
        if version_number >= _KNOWS_IDLE_SESSION_TIMEOUT:
            options += " -c idle_session_timeout=0"
        if version_number >= _KNOWS_TRANSACTION_TIMEOUT:
            options += " -c transaction_timeout=0"
            options += _SUPERUSERS_NEWER_OPTIONS if superuser else ""
        return replace(self, session_options=options)

    def for_restore(self, version_number: int, superuser: bool) -> Connection:
        """As :meth:`knowing`, and whatever is restored means what it meant."""
        known = self.knowing(version_number, superuser)
        options = known.session_options + _RESTORE_OPTIONS + (_SUPERUSERS_OPTIONS if superuser else "")
        return replace(known, session_options=options)

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment for a libpq client, over ``base`` (default: this process's own)."""
        result = dict(os.environ if base is None else base)
        if self.isolated:
            result = {name: value for name, value in result.items() if not name.startswith("PG")}
        if self.host is not None:
            for other_way in ("PGSERVICE", "PGHOSTADDR"):
                result.pop(other_way, None)
        given = {
            "PGHOST": self.host,
            "PGPORT": None if self.port is None else str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGPASSFILE": self.passfile,
            "PGSSLMODE": self.sslmode,
            "PGSSLROOTCERT": self.sslrootcert,
        }
        result.update({name: value for name, value in given.items() if value is not None})
        result.update(dict(self.extra))
        result.setdefault("PGUSER", "postgres")
        result.setdefault("PGCONNECT_TIMEOUT", str(self.connect_timeout))
        result["PGDATABASE"] = self.maintenance_database
        result["PGAPPNAME"] = "bandr.postgres"
        if self.only_primary:
            result["PGTARGETSESSIONATTRS"] = "primary"
        result["PGOPTIONS"] = (result.get("PGOPTIONS", "") + " " + _SESSION_OPTIONS).strip() + self.session_options
        # The clients' words are shown to people and looked into: neither their language, their encoding nor their colour may depend on
        # where the engine runs.
        overriding = result.pop("LC_ALL", None)
        if overriding:
            result["LC_CTYPE"] = overriding
        result["LC_MESSAGES"] = "C"
        result["PG_COLOR"] = "never"
        result.pop("PGCLIENTENCODING", None)
        for name in _FILES:
            if result.get(name) and not _NO_FILE.fullmatch(result[name]):
                result[name] = os.path.abspath(result[name])
        return result

    def over_service(self, environment: Mapping[str, str]) -> str:
        """What a program with this ``environment`` must be told by argument, as a connection string; mostly nothing.

        Where a service is named, libpq takes all that is written of it, and of the environment only the rest.
        """
        if not environment.get("PGSERVICE"):
            return ""
        given = {
            "port": None if self.port is None else str(self.port),
            "user": self.user,
            "sslmode": self.sslmode,
            "sslrootcert": None if self.sslrootcert is None else environment["PGSSLROOTCERT"],
            "options": environment["PGOPTIONS"],
            "target_session_attrs": "primary" if self.only_primary else None,
        }
        return " ".join("%s=%s" % (name, quote_word(value)) for name, value in given.items() if value is not None)

    def to_database(self, environment: Mapping[str, str]) -> list[str]:
        """The arguments that lead ``psql`` with this ``environment`` to the database that it names, also where a service names another."""
        over = self.over_service(environment)
        return ["-d", "%s dbname=%s" % (over, quote_word(environment["PGDATABASE"]))] if over else []

    @property
    def address(self) -> str:
        """Host and port for people, or the service, from this object or libpq's environment."""
        if self.host is None and not self.isolated and os.environ.get("PGSERVICE"):
            return "the service %s" % os.environ["PGSERVICE"]
        host = self.host or os.environ.get("PGHOST") or os.environ.get("PGHOSTADDR") or "the local socket"
        port = self.port if self.port is not None else os.environ.get("PGPORT") or 5432
        return "%s port %s" % (host, port)


def quote_word(text: str) -> str:
    """``text`` as a value in a connection string."""
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")
