# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that is thrown away: in one folder, behind a socket that only its owner reaches, and careless of crashes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..tools.codecs import CHUNK
from ..tools.errors import DrillFailed, UsageError
from ..tools.keeper import LOG, remove_folder, start_keeper
from ..tools.processes import Process, Runner
from .clients import Clients
from .connection import Connection

PROGRAMS = ("initdb", "postgres")
_PORT = 5432
_LONGEST_SOCKET = 107
_DATA = "data"
_SOCKETS = "s"
_PLACES = "places"
_READY_LINE = 7
_PAUSE_SECONDS = 0.05
_START_SECONDS = 300.0
_END_SECONDS = 30.0
_LAST_WORDS = 1500
_SETTINGS = {
    # Nobody needs what it holds after it has ended.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    # A pod has little memory, and a /dev/shm of 64 MiB.
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "50",
    "max_parallel_workers": "0",
    "jit": "off",
    # A dump locks every table at once.
    "max_locks_per_transaction": "1024",
    # Statements may hold hashes of passwords.
    "log_min_error_statement": "panic",
    "logging_collector": "off",
    "timezone": "UTC",
}


class ScratchServer:
    """A running server in ``folder``; ``connection`` leads its superuser to it."""

    def __init__(self, folder: str, superuser: str) -> None:
        self.folder = folder
        self.connection = Connection(host=os.path.join(folder, _SOCKETS), port=_PORT, user=superuser, isolated=True)

    def make_place(self) -> str:
        """A new empty folder for a tablespace."""
        parent = os.path.join(self.folder, _PLACES)
        os.makedirs(parent, 0o700, exist_ok=True)
        place = os.path.join(parent, str(len(os.listdir(parent))))
        os.mkdir(place, 0o700)
        return place


def check_programs(clients: Clients) -> int:
    """The major version of the server programs; raises UsageError where they are missing."""
    try:
        for program in PROGRAMS:
            clients.path(program)
    except UsageError:
        raise UsageError(
            "A drill starts a server of its own, and the PostgreSQL server program %s was not found %s. Nothing was changed; install "
            "PostgreSQL's server, take an image that has it, or name the folder of its programs (such as /usr/lib/postgresql/17/bin) in "
            "client_folder." % (program, "in %s" % clients.folder if clients.folder else "on PATH")
        ) from None
    return clients.version("postgres")[0]


def check_folder(folder: str) -> None:
    """Raise UsageError where a server in ``folder`` would have no socket."""
    path = os.path.join(folder, _SOCKETS, ".s.PGSQL.%d" % _PORT)
    if len(os.fsencode(path)) > _LONGEST_SOCKET:
        raise UsageError(
            "The scratch folder %s is too deep: the path of a server's socket may have %d bytes. Nothing was changed; name one with a "
            "shorter path in scratch." % (folder, _LONGEST_SOCKET)
        )


@contextmanager
def scratch_server(
    runner: Runner, clients: Clients, folder: str, superuser: str, initdb_options: Sequence[str], settings: Mapping[str, str]
) -> Iterator[ScratchServer]:
    """Make and start a server in the existing, empty ``folder`` for the time of this block; then it and the folder are gone.

    Raises DrillFailed with the programs' last words where they do not start.
    """
    check_folder(folder)
    os.mkdir(os.path.join(folder, _SOCKETS), 0o700)
    data = os.path.join(folder, _DATA)
    initdb = [clients.path("initdb"), "--pgdata=" + data, *initdb_options]
    postgres = [clients.path("postgres"), "-D", data]
    given = {**_SETTINGS, **settings, "listen_addresses": "", "port": str(_PORT), "unix_socket_directories": os.path.join(folder, _SOCKETS)}
    given["unix_socket_permissions"] = "0700"
    for name, value in given.items():
        postgres += ["-c", "%s=%s" % (name, value)]
    keeper = start_keeper(runner, folder, [initdb, postgres], _environment(folder))
    try:
        _wait_until_ready(keeper, folder)
        yield ScratchServer(folder, superuser)
    finally:
        _end(keeper, folder)


def _end(keeper: Process, folder: str) -> None:
    try:
        keeper.stdin.close()
        keeper.wait(_END_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        # It is ended all the same.
        pass
    finally:
        keeper.end()
        remove_folder(folder)


def _environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "HOME": folder, "LC_ALL": "C", "TZ": "UTC"}


def _wait_until_ready(keeper: Process, folder: str) -> None:
    os.set_blocking(keeper.stdout.fileno(), False)
    deadline = time.monotonic() + _START_SECONDS
    ended = b""
    while time.monotonic() < deadline:
        ended += keeper.stdout.read(CHUNK) or b""
        # The first command ends by itself, and well.
        failed = [line for line in ended.splitlines() if line != b"0 0"]
        if failed or keeper.poll() is not None:
            program = "initdb" if failed and failed[0].startswith(b"0 ") else "postgres"
            raise DrillFailed("The throw-away server did not start: %s ended. %s" % (program, last_words(folder)))
        if _is_ready(folder):
            return
        time.sleep(_PAUSE_SECONDS)
    raise DrillFailed("The throw-away server was not ready within %d s. %s" % (_START_SECONDS, last_words(folder)))


def _is_ready(folder: str) -> bool:
    try:
        with open(os.path.join(folder, _DATA, "postmaster.pid"), encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"


def last_words(folder: str) -> str:
    """The end of what the programs said, in one line."""
    try:
        with open(os.path.join(folder, LOG), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _LAST_WORDS))
            said = file.read().decode("utf-8", "replace")
    except OSError:
        said = ""
    return "It said: %s" % " ".join(said.split()) if said.strip() else "It said nothing."
