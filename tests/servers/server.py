# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL server of one's own, in a temporary folder that goes away with it."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from typing import Any

from .account import server_account
from .installations import Installation

# Nothing here must outlive a power cut. Commits stay synchronous: a server that is killed keeps what it promised.
_FAST_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    # A server that is killed leaves nothing outside of its folder.
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "40",
    "shared_buffers": "64MB",
    "max_wal_size": "4GB",
    "timezone": "GMT",
    "log_timezone": "GMT",
    "lc_messages": "C",
    "logging_collector": "off",
}
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_PAUSE_SECONDS = 0.02
# Data folders as initdb makes them, by what it was told, for all servers of this process.
_READY_MADE: dict[tuple[Any, ...], str] = {}


class ServerFailed(Exception):
    """A test server did not do what it was asked; the message holds its own words."""


class Server:
    """One server on a fresh data folder; ``start`` first, ``remove`` at the end, or use it as a context.

    ``password`` switches from trust to scram-sha-256. Without ``tcp`` it listens on its Unix socket alone.
    """

    def __init__(
        self,
        installation: Installation,
        settings: Mapping[str, str] | None = None,
        locale: str = "C.UTF-8",
        encoding: str = "UTF8",
        user: str = "postgres",
        password: str | None = None,
        tcp: bool = True,
        initdb_options: Iterable[str] = (),
    ) -> None:
        self.installation = installation
        self.settings = {**_FAST_SETTINGS, **(settings or {})}
        self.locale = locale
        self.encoding = encoding
        self.user = user
        self.password = password
        self.tcp = tcp
        self.initdb_options = tuple(initdb_options)
        self.port = _free_port()
        self._account = server_account()
        self._process: subprocess.Popen[bytes] | None = None
        self._tablespaces = 0
        self.folder = tempfile.mkdtemp(prefix="bandr-server-", dir=self._account.temporary_folder())
        os.chmod(self.folder, 0o755)
        self._account.give(self.folder)
        atexit.register(self.remove)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *ignored: object) -> None:
        self.remove()

    @property
    def data_folder(self) -> str:
        """Where the server keeps its data."""
        return os.path.join(self.folder, "data")

    @property
    def host(self) -> str:
        """The address for clients: 127.0.0.1, or the folder of the socket."""
        return "127.0.0.1" if self.tcp else self.folder

    @property
    def connection_settings(self) -> dict[str, Any]:
        """host, port, user and password, as the engine's Connection takes them."""
        return {"host": self.host, "port": self.port, "user": self.user, "password": self.password}

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment without its own libpq variables, leading clients to this server."""
        return {**_plain_environment(), **self._libpq_variables()}

    @property
    def log(self) -> str:
        """Everything that the server has written to its log."""
        try:
            with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    @property
    def running(self) -> bool:
        """Whether the server's main process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Server:
        """Make the data folder if there is none yet, start, and wait until connections are taken."""
        if self.running:
            raise ServerFailed("The server runs already.")
        if os.path.isdir(self.data_folder):
            self._start()
            return self
        self._make_data_folder()
        try:
            self._start()
        except ServerFailed:
            if "could not bind" not in self.log:
                raise
            # Another program took the port since it was found free.
            self.port = _free_port()
            self._start()
        return self

    def _start(self) -> None:
        settings = {"listen_addresses": "127.0.0.1" if self.tcp else "", "port": str(self.port), "unix_socket_directories": self.folder}
        command = [self.installation.program("postgres"), "-D", self.data_folder]
        for name, value in {**self.settings, **settings}.items():
            command += ["-c", "%s=%s" % (name, value)]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._server_environment(),
                start_new_session=True,
                **self._account.popen_options(),
            )
        self._wait_until_ready()

    def stop(self, mode: str = "fast") -> None:
        """Stop in ``mode`` (smart, fast or immediate) and wait for the end; a server that does not run is left alone."""
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(_STOP_SIGNALS[mode])
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise ServerFailed("The server did not stop within %d s.\n%s" % (_STOP_SECONDS, self.log[-2000:])) from None
        self._process = None

    def kill9(self) -> None:
        """Kill the main process and everything it started, as a crash would, and wait until they are gone."""
        if self._process is None:
            return
        children = _children_of(self._process.pid)
        for process in (self._process.pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()
        self._process = None
        deadline = time.monotonic() + _STOP_SECONDS
        while any(_lives(child) for child in children) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)

    def restart(self, mode: str = "fast") -> Server:
        """Stop if running, then start on the same data and port."""
        self.stop(mode)
        return self.start()

    def remove(self) -> None:
        """Stop at once and remove every file; nothing happens the second time."""
        atexit.unregister(self.remove)
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_tablespace_folder(self) -> str:
        """An empty folder that the server may use for a tablespace."""
        self._tablespaces += 1
        path = os.path.join(self.folder, "tablespace-%d" % self._tablespaces)
        os.mkdir(path, 0o700)
        self._account.give(path)
        return path

    def psql(self, sql: str | bytes, database: str = "postgres", variables: Mapping[str, str] | None = None, **environment: str) -> str:
        """Run ``sql`` and return its unaligned output without the last line end; raises ServerFailed at the first error."""
        command = [self.installation.program("psql"), "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1"]
        for name, value in (variables or {}).items():
            command += ["-v", "%s=%s" % (name, value)]
        script = sql if isinstance(sql, bytes) else sql.encode("utf-8", "surrogateescape")
        result = subprocess.run(
            [*command, "-f", "-"],
            check=False,
            input=script,
            capture_output=True,
            env={**self.environment, "PGDATABASE": database, **environment},
        )
        if result.returncode != 0:
            raise ServerFailed("psql ended with status %d: %s" % (result.returncode, result.stderr.decode("utf-8", "replace")))
        return result.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def _libpq_variables(self) -> dict[str, str]:
        variables = {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": "postgres",
            "PGCLIENTENCODING": "UTF8",
            "PGOPTIONS": "-c client_min_messages=warning",
            "LC_MESSAGES": "C",
        }
        return variables if self.password is None else {**variables, "PGPASSWORD": self.password}

    def _server_environment(self) -> dict[str, str]:
        # The account may have no home of its own, and root's must not be looked into.
        return {**_plain_environment(), "HOME": self.folder, "LC_ALL": "C", "TZ": "GMT"}

    def _make_data_folder(self) -> None:
        """Make the data folder; each kind is made once and copied after that, which takes a tenth of the time."""
        kind = (self.installation.bin_folder, self.user, self.password, self.encoding, self.locale, self.initdb_options)
        if kind not in _READY_MADE:
            folder = tempfile.mkdtemp(prefix="bandr-data-", dir=self._account.temporary_folder())
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            os.chmod(folder, 0o755)
            self._account.give(folder)
            self._initdb(os.path.join(folder, "data"))
            _READY_MADE[kind] = os.path.join(folder, "data")
        self._run_as_server(["cp", "-a", _READY_MADE[kind], self.data_folder])

    def _initdb(self, folder: str) -> None:
        command = [self.installation.program("initdb"), "--pgdata", folder, "--username", self.user, "--no-sync"]
        command += ["--encoding", self.encoding, "--locale", self.locale, *self.initdb_options]
        if self.password is None:
            command += ["--auth", "trust"]
        else:
            password_file = os.path.join(self.folder, "password")
            with open(password_file, "w", encoding="utf-8", opener=_private) as file:
                file.write(self.password + "\n")
            self._account.give(password_file)
            command += ["--auth", "scram-sha-256", "--pwfile", password_file]
        self._run_as_server(command)

    def _run_as_server(self, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        result = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env=environment or self._server_environment(),
            **self._account.popen_options(),
        )
        if result.returncode != 0:
            shutil.rmtree(self.data_folder, ignore_errors=True)
            said = result.stdout.decode("utf-8", "replace")
            raise ServerFailed("%s ended with status %d: %s" % (os.path.basename(command[0]), result.returncode, said))

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServerFailed("The server ended with status %d.\n%s" % (self._process.returncode, self.log[-2000:]))
            if self._says_ready():
                return
            time.sleep(_PAUSE_SECONDS)
        self.kill9()
        raise ServerFailed("The server was not ready within %d s.\n%s" % (_START_SECONDS, self.log[-2000:]))

    def _says_ready(self) -> bool:
        try:
            with open(os.path.join(self.data_folder, "postmaster.pid"), encoding="utf-8") as file:
                lines = [line.strip() for line in file]
        except FileNotFoundError:
            return False
        # A file that a killed server left behind names another process.
        return self._process is not None and len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7] == "ready"


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_")) and name != "LANG"}


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _status(process: int) -> list[str]:
    """State, parent and so on of a process; empty when it is gone."""
    try:
        with open("/proc/%d/stat" % process, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _children_of(parent: int) -> list[int]:
    processes = [int(name) for name in os.listdir("/proc") if name.isdigit()] if os.path.isdir("/proc") else []
    return [process for process in processes if _status(process)[1:2] == [str(parent)]]


def _lives(process: int) -> bool:
    return _status(process)[:1] not in ([], ["Z"])
