# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fill a server with one object of every kind that PostgreSQL has, and with everything that looks like a dump.

The scripts beside this file are read by psql. What a server's version or its extensions do not offer
is left out by ``\\if``; the variables are set here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..servers.folder import ServerFolder
from ..servers.server import Server

_HERE = os.path.dirname(os.path.abspath(__file__))
_MAJORS = (16, 17, 18)
_EXTENSIONS = ("hstore", "citext", "pg_trgm", "btree_gist", "postgres_fdw", "vector")
_ZOO_SCRIPTS = ("zoo_types.sql", "zoo_tables.sql", "zoo_views.sql", "zoo_others.sql", "zoo_access.sql")
_SCRIPTS_OF_DATABASE = {
    "zoo": _ZOO_SCRIPTS,
    "hostile": ("hostile.sql",),
    "latin1": ("encoding_latin1.sql",),
    "win1252": ("encoding_win1252.sql",),
    "euc_jp": ("encoding_euc_jp.sql",),
    "sql_ascii": ("encoding_sql_ascii.sql",),
    "postgres": ("maintenance_databases.sql",),
    "template1": ("maintenance_databases.sql",),
}


@dataclass(frozen=True)
class Zoo:
    """A server that holds the zoo, and the folders of its tablespaces, which outlive the server."""

    server: Server
    tablespaces: tuple[ServerFolder, ...]

    @property
    def databases(self) -> list[str]:
        """The databases that accept connections, by name, without template0."""
        return self.server.psql('SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname COLLATE "C"').split("\n")

    def lose_server(self) -> None:
        """Remove the server with all its files; the tablespaces' folders stay, empty, for the one that takes over."""
        self.server.remove()
        for folder in self.tablespaces:
            folder.empty()

    def remove(self) -> None:
        """Remove the server and the folders."""
        self.server.remove()
        for folder in self.tablespaces:
            folder.remove()


def load_zoo(server: Server) -> Zoo:
    """Load every script into ``server``, which must run and be empty; raises ServerFailed at the first error."""
    zoo = Zoo(server, (ServerFolder(), ServerFolder()))
    variables = {"tablespace_%d" % number: folder.path for number, folder in enumerate(zoo.tablespaces, 1)}
    variables.update(_what_the_server_has(server))
    try:
        for script in ("server_roles.sql", "server_tablespaces.sql", "server_databases.sql"):
            _run(server, script, "postgres", variables)
        for database in zoo.databases:
            for script in _SCRIPTS_OF_DATABASE.get(database, ("odd_name.sql",)):
                _run(server, script, database, variables)
    except BaseException:
        zoo.remove()
        raise
    return zoo


def _what_the_server_has(server: Server) -> dict[str, str]:
    version = int(server.psql("SHOW server_version_num"))
    available = server.psql("SELECT name FROM pg_available_extensions").split("\n")
    collations = int(server.psql("SELECT count(*) FROM pg_collation WHERE collprovider = 'i' AND collname = 'de-x-icu'"))
    has = {"at_least_%d" % major: version >= major * 10000 for major in _MAJORS}
    has.update({"has_" + name: name in available for name in _EXTENSIONS})
    has["has_icu"] = collations > 0
    has["is_recent"] = server.installation.knows_restrict
    return {name: "true" if value else "false" for name, value in has.items()}


def _run(server: Server, script: str, database: str, variables: dict[str, str]) -> None:
    # A database's own settings may forbid what a script does.
    options = "-c client_min_messages=error -c default_transaction_read_only=off"
    with open(os.path.join(_HERE, script), "rb") as file:
        server.psql(file.read(), database, variables, PGOPTIONS=options)
