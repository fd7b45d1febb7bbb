# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of restores ask: how each database ended, and whether what was there before is back."""

from __future__ import annotations

from typing import Any

from .server import Server


def states(result: dict[str, Any]) -> dict[str, str]:
    """The state of each database in the result of a restore."""
    return {entry["name"]: entry["state"] for entry in result["databases"]}


def databases_of(server: Server) -> list[str]:
    """The names of a server's databases, sorted."""
    return sorted(server.psql("SELECT datname FROM pg_database").split("\n"))


def with_old_one(server: Server, name: str) -> None:
    """Let a database be there already, with a row, a comment and a setting of its own."""
    server.psql("CREATE DATABASE %s CONNECTION LIMIT 7; COMMENT ON DATABASE %s IS 'it''s mine'" % (name, name))
    server.psql("CREATE TABLE precious AS SELECT 42 AS x", name)


def old_one_is_back(server: Server, name: str) -> bool:
    """Whether the database of :func:`with_old_one` is as it was."""
    query = "SELECT datallowconn, datconnlimit, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '%s'" % name
    return server.psql(query) == "t|7|it's mine" and server.psql("SELECT x FROM precious", name) == "42"
