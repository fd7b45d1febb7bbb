# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of a whole server, or of one database with the roles, as a stream of chunks."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Iterator

from ..tools.codecs import CHUNK, widen_pipe
from ..tools.errors import DumpFailed
from ..tools.processes import Process, Runner
from .clients import Clients
from .connection import Connection, quote_word
from .dumped_names import find_client_encoding
from .session import ANOTHER_ANSWERED, IS_STANDBY

_COMPLAINT_LINES = 40
_ERROR_LINES = 4
_SMALL_READ = CHUNK // 8
_PAUSE_SECONDS = 0.002
_READ_ERRORS_LIMIT = 4096
# A dead network is noticed within a minute and a half instead of hours.
_KEEPALIVES = "keepalives=1 keepalives_idle=30 keepalives_interval=10 keepalives_count=6"
_END = b"--\n-- PostgreSQL database cluster dump complete\n--\n\n"
_BUILT_IN = ("postgres", "template1")
DATABASES_HEADING = b"--\n-- Databases\n--\n\n"


@dataclass(frozen=True)
class DumpOptions:
    """What to dump and how.

    ``lock_wait_seconds``: how long to wait for a locked table. ``role_passwords`` False leaves them
    out, which a user without superuser rights needs. ``restrict_key`` None: the client does not know it.
    ``unlogged_contents`` False leaves out the rows of unlogged tables, which no standby can read.
    """

    only_database: str | None = None
    exclude_databases: tuple[str, ...] = ()
    role_passwords: bool = True
    lock_wait_seconds: int = 300
    restrict_key: str | None = None
    unlogged_contents: bool = True


class DumpSource:
    """Runs the dump programs one after another; iterate over :meth:`chunks`, then nothing is left running.

    :meth:`globals_chunks` and :meth:`database_chunks` are what a dump in parts is made of: what ``pg_dumpall`` writes is the
    globals, :data:`DATABASES_HEADING`, for each database its :func:`database_heading` and its chunks, and sections.CLUSTER_END.
    """

    def __init__(self, runner: Runner, clients: Clients, connection: Connection, options: DumpOptions) -> None:
        self._runner = runner
        self._clients = clients
        self._connection = connection
        self._options = options
        self._process: Process | None = None
        self.warnings: list[str] = []

    def chunks(self) -> Iterator[bytes]:
        """The SQL in order; raises DumpFailed when a program does not end well."""
        if self._options.only_database is None:
            excluded = ['--exclude-database="%s"' % name.replace('"', '""') for name in self._options.exclude_databases]
            yield from self._run("pg_dumpall", self._everything() + excluded)
            return
        name = self._options.only_database
        codec = None
        for chunk in _without_end(self.globals_chunks()):
            codec = codec or find_client_encoding(chunk)
            yield chunk
        yield DATABASES_HEADING + database_heading(name, codec or "utf_8")
        yield from self.database_chunks(name, codec or "utf_8")
        yield b"\n" + _END

    def globals_chunks(self) -> Iterator[bytes]:
        """Roles and tablespaces, with the end mark of a whole dump; raises DumpFailed."""
        return self._run("pg_dumpall", self._everything() + ["--globals-only"])

    def database_chunks(self, name: str, codec: str) -> Iterator[bytes]:
        """One database, as ``pg_dumpall`` lets ``pg_dump`` write it; ``codec`` is that of the maintenance database. Raises DumpFailed."""
        # A name is the bytes that the server has for it.
        return self._run("pg_dump", self._one_database(os.fsdecode(name.encode(codec, "surrogateescape"))))

    def end(self) -> None:
        """End whatever still runs; safe to call at any time."""
        if self._process is not None:
            self._process.end()

    def _common(self) -> list[str]:
        options = ["-w", "--lock-wait-timeout=%d" % (self._options.lock_wait_seconds * 1000)]
        if self._options.restrict_key is not None:
            options.append("--restrict-key=" + self._options.restrict_key)
        if not self._options.unlogged_contents:
            # pg_dump does so by itself on a standby, but not on one that becomes a primary meanwhile: what is told must hold.
            options.append("--no-unlogged-table-data")
        return options

    def _everything(self) -> list[str]:
        options = self._common() + ["-d", self._way(), "-l", self._connection.maintenance_database]
        if not self._options.role_passwords:
            options.append("--no-role-passwords")
        return options

    def _one_database(self, name: str) -> list[str]:
        options = self._common() + ["-d", "%s dbname=%s" % (self._way(), quote_word(name))]
        return options if name in _BUILT_IN else options + ["--create"]

    def _way(self) -> str:
        return ("%s %s" % (_KEEPALIVES, self._connection.over_service(self._connection.environment()))).rstrip()

    def _run(self, program: str, options: list[str]) -> Iterator[bytes]:
        # The same contents must read alike wherever they are dumped, or a drill could not compare them.
        environment = {**self._connection.environment(), "PGTZ": "UTC"}
        process = self._runner.start([self._clients.path(program)] + options, environment)
        self._process = process
        complaints = _Complaints()
        listener = threading.Thread(target=_listen, args=(process, complaints), name=program + "-complaints", daemon=True)
        listener.start()
        wide = widen_pipe(process.stdout)
        try:
            while True:
                chunk = process.stdout.read(CHUNK)
                if not chunk:
                    break
                if process.poll():
                    # Killed; a pg_dump that it had started would go on for nothing.
                    break
                yield chunk
                if wide and len(chunk) < _SMALL_READ:
                    # Let the pipe fill: few large reads cost far less than many small ones.
                    time.sleep(_PAUSE_SECONDS)
            status = process.wait()
            process.stop()
            listener.join()
        finally:
            process.end()
        if status != 0:
            raise DumpFailed(_why_failed(program, status, complaints.reason, self._connection.only_primary))
        self.warnings.extend(complaints.last)


def database_heading(name: str, codec: str) -> bytes:
    """What ``pg_dumpall`` writes before the dump of a database."""
    heading = '--\n-- Database "%s" dump\n--\n\n' % name
    if name in _BUILT_IN:
        heading += "\\connect %s\n\n" % name
    return heading.encode(codec, "surrogateescape")


class _Complaints:
    """The last lines of standard error, and before all the lines that say why a program fails."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=_COMPLAINT_LINES)
        self._errors: deque[str] = deque(maxlen=_ERROR_LINES)

    def take(self, line: bytes) -> None:
        if line.strip():
            text = line.decode("utf-8", "replace")
            self.last.append(text)
            # What failed may be a query of a hundred lines, and all of them follow.
            if ": error: " in text or ": detail: " in text:
                self._errors.append(text)

    @property
    def reason(self) -> str:
        return "; ".join(self._errors or list(self.last)[-_ERROR_LINES:]) or "it said nothing"


def _listen(process: Process, complaints: _Complaints) -> None:
    rest = b""
    while True:
        try:
            data = process.stderr.read(_READ_ERRORS_LIMIT)
        except (OSError, ValueError):
            return
        lines = (rest + data).split(b"\n")
        rest = lines.pop()[-_READ_ERRORS_LIMIT:]
        for line in lines:
            complaints.take(line)
        if not data:
            complaints.take(rest)
            return


def _why_failed(program: str, status: int, words: str, only_primary: bool) -> str:
    how = "was killed by signal %d" % -status if status < 0 else "ended with status %d" % status
    hint = "run the backup again when the cause is mended"
    # pg_dump waits for locks under a statement timeout, and has no other.
    if "lock timeout" in words or "statement timeout" in words:
        hint = "a table stayed locked for longer than lock_wait_seconds; look for the session that holds it"
    elif "conflict with recovery" in words:
        hint = (
            "the standby cancels what holds up its replay of the primary's changes: let it wait for longer than a dump takes "
            "(max_standby_streaming_delay, max_standby_archive_delay) and set hot_standby_feedback to on there, or back up from the primary"
        )
    elif IS_STANDBY in words:
        hint = ANOTHER_ANSWERED
    elif only_primary and "could not connect to database" in words:
        # pg_dumpall does not say why.
        hint += "; if host and port lead to a primary and to standbys, let them lead to one of them alone"
    elif "permission denied" in words:
        hint = "back up as a superuser, or grant the user pg_read_all_data and set role_passwords to false"
    return "%s %s: %s. No backup was made and no older one was touched; %s." % (program, how, words, hint)


def _without_end(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """All but the closing comment, which a dump has once, at its very end."""
    held = b""
    for chunk in chunks:
        held += chunk
        yield held[: -len(_END)] if len(held) > len(_END) else b""
        held = held[-len(_END) :]
    if held != _END:
        raise DumpFailed("pg_dumpall ended without its end mark. No backup was made and no older one was touched; run the backup again.")
