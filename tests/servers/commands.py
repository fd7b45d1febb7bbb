# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's command line as a program of its own, and client programs that do something at a chosen moment."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...plugins.module_utils._engine.operations.context import Context
from ...plugins.module_utils._engine.operations.listing import ListRequest, list_backups
from ...plugins.module_utils._engine.operations.verify import VerifyRequest, verify
from .installations import Installation
from .server import Server

_PROGRAM = "import sys; from ansible_collections.bandr.postgres.plugins.module_utils._engine.command_line import main; sys.exit(main())"
_SECONDS = 60.0
_PAUSE_SECONDS = 0.01
_CLIENTS = ("psql", "pg_dumpall", "pg_dump", "vacuumdb")


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit code, the JSON line, and what it said to people."""

    code: int
    result: dict[str, Any]
    said: str

    @property
    def message(self) -> str:
        """The sentence of the result."""
        message: str = self.result["message"]
        return message


class Running:
    """A run that goes on."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        command: list[str] | None = None,
        patience: float = _SECONDS,
        **options: Any,
    ) -> None:
        self._patience = patience
        self.process = subprocess.Popen(
            [*(command or [sys.executable, "-c", _PROGRAM]), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            **options,
        )

    def wait(self) -> Ended:
        """Wait for the end; a run that was killed has an empty result."""
        try:
            out, said = self.process.communicate(timeout=self._patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, said = self.process.communicate()
            raise AssertionError("The run did not end:\n%s" % said.decode("utf-8", "replace")) from None
        lines = out.decode("utf-8").splitlines()
        return Ended(self.process.returncode, json.loads(lines[-1]) if lines else {}, said.decode("utf-8", "replace"))

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the engine itself."""
        self.process.send_signal(number)


def environment_for(server: Server | None, clients: str | None = None, **more: str) -> dict[str, str]:
    """What leads a run to ``server``, with its client programs, or those in the folder ``clients``, first on PATH."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "BACKUP_", "LC_"))}
    if server is not None:
        settings = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user}
        if server.password is not None:
            settings["PGPASSWORD"] = server.password
        environment.update(settings)
        environment["PATH"] = os.pathsep.join([clients or server.installation.bin_folder, environment["PATH"]])
    environment.update(more)
    return environment


def start(root: Any, server: Server | None, *arguments: str, clients: str | None = None, **environment: str) -> Running:
    """Start a command, such as ``backup``, on the volume ``root``."""
    command, *rest = arguments
    return Running((command, "--root", str(root), *rest), environment_for(server, clients, **environment))


def run(root: Any, server: Server | None, *arguments: str, clients: str | None = None, **environment: str) -> Ended:
    """As ``start``, to its end."""
    return start(root, server, *arguments, clients=clients, **environment).wait()


def listed(root: Any) -> dict[str, str]:
    """Tier and name of every backup, with its state; fails where anything else lies between them."""
    result = list_backups(Context(), ListRequest(str(root)))
    assert result["strays"] == [], result["strays"]
    return {"%s %s" % (entry["tier"], entry["name"]): entry["state"] for entry in result["backups"]}


def good_names(root: Any) -> list[str]:
    """Tier and name of every backup that is listed as proven."""
    return [name for name, state in listed(root).items() if state == "proven"]


def verify_all(root: Any) -> None:
    """Read every backup to its end; fails where one is damaged."""
    verify(Context(), VerifyRequest(str(root)))


def unfinished(root: Any) -> list[str]:
    """What lies below the folders of unfinished work and temporary files."""
    private = Path(root, ".bandr")
    return sorted(str(path.relative_to(private)) for part in ("work", "temporary") for path in private.glob(part + "/*"))


class Clients:
    """A folder with the client programs of ``installation`` and zstd, some of which do what a test wants on their way."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        self.folder = folder
        self.installation = installation
        folder.mkdir()
        for name in _CLIENTS:
            if os.path.exists(installation.program(name)):
                (folder / name).symlink_to(installation.program(name))

    @property
    def path(self) -> str:
        """For PATH or client_folder."""
        return str(self.folder)

    def hook(self, name: str, before: str = ":", after: str = ":") -> None:
        """Let ``name`` run the shell commands ``before`` and ``after`` its work; questions for version and help are answered as ever."""
        real = shutil.which("zstd") if name == "zstd" else self.installation.program(name)
        program = self.folder / name
        program.unlink(missing_ok=True)
        program.write_text(
            '#!/bin/sh\ncase "$1" in --version|--help) exec %(real)s "$@";; esac\n%(before)s\n%(real)s "$@"\nstatus=$?\n%(after)s\nexit $status\n'
            % {"real": shlex.quote(str(real)), "before": before, "after": after}
        )
        program.chmod(0o755)

    def hold(self, name: str, call: int) -> Held:
        """Let the given call of ``name``, counted from 1, stand still until it is let go."""
        real = shutil.which("zstd") if name == "zstd" else self.installation.program(name)
        held = Held(self.folder / ("%s-%d" % (name, call)))
        program = self.folder / name
        program.unlink(missing_ok=True)
        program.write_text(
            '#!/bin/sh\ncase "$1" in --version|--help) exec %(real)s "$@";; esac\n'
            # Calls may come at the same time, and a folder is made by one of them alone.
            "call=1\nwhile ! mkdir %(count)s-$call 2>/dev/null; do call=$((call + 1)); done\n"
            "if [ $call -eq %(call)d ]; then echo $$ >%(held)s.new; mv %(held)s.new %(held)s\n"
            'while [ ! -e %(gone)s ]; do sleep 0.02; done; fi\nexec %(real)s "$@"\n'
            % {
                "real": shlex.quote(str(real)),
                "count": shlex.quote(str(held.place) + ".count"),
                "call": call,
                "held": shlex.quote(str(held.place)),
                "gone": shlex.quote(str(held.place) + ".go"),
            }
        )
        program.chmod(0o755)
        return held


@dataclass(frozen=True)
class Held:
    """A program that stands still."""

    place: Path

    def wait(self) -> int:
        """Wait until it does, and return its process id."""
        wait_for(self.place.exists, "%s was never held" % self.place.name)
        return int(self.place.read_text())

    def let_go(self) -> None:
        """Let it go on."""
        Path(str(self.place) + ".go").touch()


def sql_by_shell(server: Server, statements: str, database: str = "postgres", once: bool = False) -> str:
    """A shell command for :meth:`Clients.hook` that runs ``statements``, which hold no single quote; ``once`` in the first call alone."""
    assert "'" not in statements
    command = "printf '%%s' '%s' | PGOPTIONS= PGDATABASE=%s %s -X -q -v ON_ERROR_STOP=1 -f - || exit 99" % (
        statements,
        database,
        server.installation.program("psql"),
    )
    return "mkdir $0.once 2>/dev/null && { %s; }" % command if once else command


def wait_for(condition: Callable[[], Any], otherwise: str) -> Any:
    """Wait until ``condition`` holds and return what it says; fails with ``otherwise``."""
    deadline = time.monotonic() + _SECONDS
    while True:
        said = condition()
        if said:
            return said
        assert time.monotonic() < deadline, otherwise
        time.sleep(_PAUSE_SECONDS)


def children_of(running: Running) -> dict[int, list[str]]:
    """Process ids and command lines of everything the run has started, and of what those have started."""
    parents: dict[int, int] = {}
    for process in _processes():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[process] = int(Path("/proc/%d/stat" % process).read_text(errors="replace").rpartition(")")[2].split()[1])
    found: dict[int, list[str]] = {}
    grown = True
    while grown:
        grown = False
        for process, parent in parents.items():
            if process not in found and (parent == running.process.pid or parent in found):
                found[process] = _command_of(process)
                grown = True
    return {process: command for process, command in found.items() if command}


def left_over(marker: str) -> dict[int, list[str]]:
    """Every process that has ``marker`` in its environment: what a run that got it by its own left behind."""
    found = {}
    for process in _processes():
        try:
            environment = Path("/proc/%d/environ" % process).read_bytes()
        except OSError:
            continue
        if marker.encode() in environment:
            found[process] = _command_of(process)
    return {process: command for process, command in found.items() if command}


def _processes() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _command_of(process: int) -> list[str]:
    try:
        return Path("/proc/%d/cmdline" % process).read_bytes().decode("utf-8", "replace").split("\0")[:-1]
    except OSError:
        return []
