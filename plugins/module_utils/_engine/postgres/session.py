# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and single statements to a server, through ``psql``."""

from __future__ import annotations

import json
import os
from typing import Any

from ..tools.errors import ConnectionFailed, EngineError
from ..tools.processes import Runner
from .clients import Clients
from .connection import Connection
from .dumped_names import codec_of

# psql's own exit statuses: 1 a fatal error of its own, 2 the connection was bad, 3 a script error.
_PSQL_CONNECTION_BAD = 2
# What libpq says where a primary was asked for, and what is to be done about it.
IS_STANDBY = "server is in hot standby mode"
ANOTHER_ANSWERED = "a primary answered at first and a standby did now, so let host and port lead to one of them alone"
# No owner of a database may slip functions of his own under the names of PostgreSQL's by a search_path, for a superuser to call.
# (Not said at the login: a trigger there may need its own.) And what a server without an encoding has for a name is no text.
_OPENING = """SET search_path = ''; SELECT pg_catalog.set_config('client_encoding',
CASE pg_catalog.current_setting('server_encoding') WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, false) \\g /dev/null
"""
_ENCODING = "SELECT pg_encoding_to_char(encoding) FROM pg_catalog.pg_database WHERE datname = current_database();\n"


class StatementFailed(EngineError):
    """The server refused a statement; ``message`` holds its words."""

    code = 1
    reason = "statement"


class Session:
    """Asks one server; every call is a connection of its own."""

    def __init__(self, runner: Runner, clients: Clients, connection: Connection) -> None:
        self.runner = runner
        self.clients = clients
        self.connection = connection
        self._codec: str | None = None

    def execute(self, statements: str, database: str | None = None) -> str:
        """Run ``statements`` in ``database`` (default: the maintenance database) and return psql's unaligned output.

        Raises ConnectionFailed when the server does not answer or drops the line, StatementFailed when it refuses.
        """
        environment = self.connection.environment()
        if database is not None:
            environment["PGDATABASE"] = self.spelled(database)
        command = [self.clients.path("psql"), "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        command += self.connection.to_database(environment)
        result = self.runner.run(command, environment, (_OPENING + statements).encode("utf-8", "surrogateescape"))
        if result.returncode == _PSQL_CONNECTION_BAD:
            words = " ".join(result.complaint.split()).rstrip(".?")
            raise ConnectionFailed(
                "The server at %s cannot be used: %s. Nothing was changed; %s." % (self.connection.address, words, _what_to_check(words)),
                words=words,
            )
        if result.returncode < 0:
            raise StatementFailed("psql was killed by signal %d" % -result.returncode)
        if result.returncode != 0:
            raise StatementFailed(result.complaint)
        return result.stdout.decode("utf-8", "surrogateescape")

    def ask(self, query: str, database: str | None = None, before: str = "") -> Any:
        """The single JSON value that ``query`` yields after the statements ``before``, decoded; raises as :meth:`execute` does."""
        return json.loads(self.execute(before + query + ";\n", database))

    def spelled(self, database: str) -> str:
        """The name as libpq needs it to connect: nobody converts the bytes that the server has for it. Raises as :meth:`execute` does."""
        if database.isascii():
            return database
        if self._codec is None:
            self._codec = codec_of(self.execute(_ENCODING).strip())
        try:
            return os.fsdecode(database.encode(self._codec, "surrogateescape"))
        except UnicodeEncodeError:
            # The server cannot have a database of such a name, and says so itself.
            return database


def _what_to_check(words: str) -> str:
    if IS_STANDBY in words:
        return ANOTHER_ANSWERED
    return "check host, port, user and password"
