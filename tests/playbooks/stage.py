# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks of the tests work on: two servers with passwords, programs that are watched, volumes."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import read_manifest, write_manifest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DumpName
from ansible_collections.bandr.postgres.tests.servers.account import server_account
from ansible_collections.bandr.postgres.tests.servers.drills import python_for
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup
from ansible_collections.bandr.postgres.tests.servers.installations import Installation
from ansible_collections.bandr.postgres.tests.servers.server import Server

BACKUP = "bandr.postgres.pg_backup"
INFO = "bandr.postgres.pg_backup_info"
RESTORE = "bandr.postgres.pg_restore"
VERIFY = "bandr.postgres.pg_backup_verify"
DRILL = "bandr.postgres.pg_backup_drill"
ALL = (BACKUP, DRILL, INFO, RESTORE, VERIFY)

# What passwords hold that need quoting anywhere, around a word that nothing else holds.
SECRETS = {"source": r"s:\' $Zq7sourcE", "target": r"t:\' $Zq7targeT", "wrong": r"w:\' $Zq7wronG"}
SECRET_WORDS = ("Zq7sourcE", "Zq7targeT", "Zq7wronG")

_DATABASES = """
CREATE ROLE app LOGIN;
CREATE DATABASE orders OWNER app;
CREATE DATABASE stock;
CREATE DATABASE closed ALLOW_CONNECTIONS false;
"""
# It dumps well, and its rows are refused by a function that does not find its table: PostgreSQL's own trap.
_TRAP = """
CREATE TABLE allowed (id int); INSERT INTO allowed VALUES (1);
CREATE FUNCTION is_allowed(int) RETURNS bool LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM allowed WHERE id = $1)';
CREATE TABLE used (id int CHECK (is_allowed(id))); INSERT INTO used VALUES (1);
"""
_PROGRAMS = ("pg_dump", "pg_dumpall", "psql", "vacuumdb")


@dataclass(frozen=True)
class WatchedClients:
    """A folder of client programs that write their names and arguments to the file ``record``, and go on as the real ones."""

    folder: Path
    record: Path


@dataclass(frozen=True)
class Stage:
    """A server to back up and an empty one to restore into, each with a password of its own."""

    source: Server
    target: Server

    def clear_target(self) -> None:
        """Drop what restores brought."""
        for name in ("orders", "stock", "trap"):
            self.target.psql('DROP DATABASE IF EXISTS "%s"' % name)


@contextmanager
def stage_of(installation: Installation) -> Iterator[Stage]:
    """Start both servers for the block."""
    with Server(installation, password=SECRETS["source"]) as source, Server(installation, password=SECRETS["target"]) as target:
        source.psql(_DATABASES)
        source.psql("ALTER ROLE app PASSWORD :'secret'", variables={"secret": SECRETS["source"]})
        source.psql("CREATE TABLE sold AS SELECT n FROM generate_series(1, 1000) n", "orders")
        yield Stage(source, target)


def watch_clients(folder: Path, installation: Installation) -> WatchedClients:
    """Put programs that are watched into ``folder``."""
    (folder / "bin").mkdir(parents=True)
    watched = WatchedClients(folder / "bin", folder / "record")
    for name in _PROGRAMS:
        lines = ("#!/bin/sh", 'printf "%%s\\n" %s "$@" >> %s', 'exec %s "$@"', "")
        program = watched.folder / name
        program.write_text("\n".join(lines) % (name, shlex.quote(str(watched.record)), shlex.quote(installation.program(name))))
        program.chmod(0o755)
    return watched


def as_server_account() -> dict[str, Any]:
    """What a task says to run as an account that may start servers."""
    account = server_account()
    if account.uid is None:
        return {"become": False}
    # Our own folders, and perhaps our Python, are closed to it.
    variables = {"ansible_python_interpreter": python_for(account), "ansible_remote_tmp": account.temporary_folder()}
    variables["ansible_become_flags"] = "-s /bin/sh"
    return {"become": True, "become_method": "su", "become_user": pwd.getpwuid(account.uid).pw_name, "vars": variables}


def options_of(server: Server, password: str, clients: Path | str | None = None) -> dict[str, Any]:
    """The options that lead to ``server``, with its password by the variable ``passwords``, as from a vault."""
    settings = dict(server.connection_settings, password="{{ passwords.%s }}" % password)
    return dict(settings, client_folder=str(clients or server.installation.bin_folder))


def make_passfile(path: Path, server: Server, password: str, mode: int) -> Path:
    """A password file; libpq would not accept one that others than its owner may read."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    path.write_text("%s:%d:*:%s:%s\n" % (server.host, server.port, server.user, escaped))
    path.chmod(mode)
    return path


def damage(path: str | Path) -> None:
    """Turn one bit of a file, with size and time as they were."""
    times = os.stat(path)
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2] ^= 1
    Path(path).write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def backup_with_a_trap(root: Path, server: Server) -> None:
    """Back up ``server`` with a database ``trap`` that cannot be restored; the server is left as it was."""
    server.psql("CREATE DATABASE trap")
    server.psql(_TRAP, "trap")
    make_backup(root, server, exclude_databases=("orders", "stock"))
    server.psql("DROP DATABASE trap")


def backups_of_a_day(root: Path, server: Server, newest: datetime) -> None:
    """Fill the hourly tier with 24 backups that end at ``newest``, all of one dump of ``server``."""
    made = Path(make_backup(root, server)["backup"]["path"])
    manifest = read_manifest(Path(str(made) + ".json").read_text())
    for number in range(24):
        time = newest - timedelta(hours=23 - number)
        name = DumpName(time.astimezone(timezone.utc), manifest.codec).file_name
        copy = made.with_name(name)
        shutil.copy2(made, copy)
        told = replace(manifest, file_name=name, started=time, finished=time + timedelta(minutes=1), sequence=number + 1)
        Path(str(copy) + ".json").write_text(write_manifest(told))
    made.unlink()
    Path(str(made) + ".json").unlink()
