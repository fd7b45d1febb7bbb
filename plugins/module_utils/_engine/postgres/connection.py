# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a server is and who asks, and how that reaches libpq: by environment, never by argument."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Mapping

# A session must be able to write and must not time out because of what a role or database sets.
_SESSION_OPTIONS = "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"


@dataclass(frozen=True)
class Connection:
    """How to reach a server as libpq understands it; what is None is left to libpq.

    ``password`` never appears in a representation of this object. ``extra`` holds further
    libpq environment variables (``PGSSLCERT`` …). ``isolated``: of libpq's own variables none is taken from the environment.
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
        result["PGOPTIONS"] = (result.get("PGOPTIONS", "") + " " + _SESSION_OPTIONS).strip()
        # The clients' words are shown to people and looked into; their encoding must not depend on where the engine runs.
        overriding = result.pop("LC_ALL", None)
        if overriding:
            result["LC_CTYPE"] = overriding
        result["LC_MESSAGES"] = "C"
        result.pop("PGCLIENTENCODING", None)
        return result

    @property
    def address(self) -> str:
        """Host and port for people, from this object or libpq's environment."""
        host = self.host or os.environ.get("PGHOST") or "the local socket"
        port = self.port or os.environ.get("PGPORT") or 5432
        return "%s port %s" % (host, port)
