# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole servers as one script by PostgreSQL's own programs, to compare with."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Iterable

from .installations import Installation
from .server import Server, ServerFailed

# Two dumps of one server are equal to the byte only when this key is.
_RESTRICT_KEY = "bandrComparison"
# What roles and databases set must neither shorten a dump nor stop a restore.
_SESSION_OPTIONS = "-c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
_SHOWN_LINES = 40


def dump_of(server: Server, *options: str, clients: Installation | None = None) -> bytes:
    """The output of pg_dumpall, the server's own or that of ``clients``; raises ServerFailed with its words when it fails."""
    installation = clients or server.installation
    command = [installation.program("pg_dumpall"), "-w", *options]
    if installation.knows_restrict:
        command.append("--restrict-key=" + _RESTRICT_KEY)
    result = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, env=_environment(server))
    if result.returncode != 0:
        raise ServerFailed("pg_dumpall ended with status %d: %s" % (result.returncode, result.stderr.decode("utf-8", "replace")))
    return result.stdout


def everything_of(server: Server) -> bytes:
    """All that PostgreSQL's own programs can tell of a server, also what pg_dumpall leaves out of a dump without --clean."""
    for_everybody = "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = 0"
    # With --clean, postgres and template1 are dumped as other databases are: with owner, privileges, comment and settings.
    return dump_of(server) + dump_of(server, "--clean", "--schema-only") + server.psql(for_everybody).encode("utf-8", "surrogateescape")


def restore_into(server: Server, dump: bytes) -> list[str]:
    """Run ``dump`` by psql to its end and return the lines that tell of errors."""
    command = [server.installation.program("psql"), "-X", "-q", "-w", "-o", "/dev/null", "-f", "-"]
    result = subprocess.run(command, check=False, input=dump, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(server))
    said = result.stderr.decode("utf-8", "replace").split("\n")
    errors = [line for line in said if "ERROR:" in line or "FATAL:" in line or "error:" in line]
    return errors if result.returncode == 0 else [*errors, "psql ended with status %d" % result.returncode]


def difference(before: bytes, after: bytes) -> str:
    """Where two dumps differ, for people; empty when they are equal to the byte."""
    if before == after:
        return ""
    lines: Iterable[str] = difflib.unified_diff(_lines(before), _lines(after), "before", "after", lineterm="", n=4)
    shown = [line[:300] for line, _number in zip(lines, range(_SHOWN_LINES))]
    return "\n".join(shown) or "The dumps differ in bytes that are no text."


def _lines(dump: bytes) -> list[str]:
    return dump.decode("utf-8", "backslashreplace").split("\n")


def _environment(server: Server) -> dict[str, str]:
    environment = {**server.environment, "PGOPTIONS": _SESSION_OPTIONS}
    # The dump itself says in which encoding each of its parts is.
    environment.pop("PGCLIENTENCODING", None)
    return environment
