# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drills as a user who is not root runs them: the engine as it lies in the image, volumes and scratch of that user's."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .account import Account, server_account
from .commands import Running

_ENGINE = Path(__file__).resolve().parents[2] / "plugins" / "module_utils" / "_engine"
# A whole server is made, filled, read and compared.
_SECONDS = 240.0
_PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from bandr_engine.command_line import main; sys.exit(main())"


@cache
def engine_folder() -> str:
    """A folder with the engine as the image has it, which the account of the test servers can read."""
    folder = tempfile.mkdtemp(prefix="bandr-engine-", dir=server_account().temporary_folder())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(_ENGINE, os.path.join(folder, "bandr_engine"), ignore=shutil.ignore_patterns("__pycache__"))
    for place, _folders, files in os.walk(folder):
        os.chmod(place, 0o755)
        for name in files:
            os.chmod(os.path.join(place, name), 0o644)
    return folder


def python_for(account: Account) -> str:
    """A Python that ``account`` can run: ours may lie in a folder that is closed to it, and the engine needs nothing else of there."""
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        if os.path.exists(python) and account.can_use(python):
            return python
    raise RuntimeError("The account of the test servers can run no Python; install one in /usr/bin, or run as an ordinary user.")


class Drills:
    """A place for drills: ``root`` is a volume and ``scratch`` a folder, both of the account that runs them."""

    def __init__(self) -> None:
        self.account: Account = server_account()
        self.folder = Path(tempfile.mkdtemp(prefix="bandr-drills-", dir=self.account.temporary_folder()))
        self.root, self.scratch = self.folder / "volume", self.folder / "scratch"
        self.account.give(str(self.folder))
        self._runs: list[Running] = []
        for path in (self.root, self.scratch):
            path.mkdir()
            self.account.give(str(path))

    def take(self) -> None:
        """Let the account own what others have put on the volume meanwhile."""
        for path in (self.root, *self.root.rglob("*")):
            self.account.give(str(path))

    def start(self, programs: str | None, *arguments: str, **environment: str) -> Running:
        """Start a drill, with PostgreSQL's programs in the folder ``programs``."""
        self.take()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "BACKUP_"))}
        if programs is not None:
            arguments = ("--client-folder", programs, *arguments)
        options = ("--root", str(self.root), "--scratch", str(self.scratch))
        running = Running(
            ("drill", *options, *arguments),
            {**kept, "HOME": "/", **environment},
            patience=_SECONDS,
            command=[python_for(self.account), "-IB", "-c", _PROGRAM, engine_folder()],
            **self.account.popen_options(),
        )
        self._runs.append(running)
        return running

    @property
    def left(self) -> list[str]:
        """What lies in the scratch folder."""
        return sorted(os.listdir(self.scratch))

    def remove(self) -> None:
        """End what a test that failed has left running, and remove everything."""
        for running in self._runs:
            if running.process.poll() is None:
                running.kill()
                running.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def servers_in(folder: Path) -> Iterator[int]:
    """Process ids of what runs with a path below ``folder`` among its arguments."""
    found = subprocess.run(["pgrep", "-f", str(folder)], check=False, capture_output=True, text=True).stdout
    return (int(number) for number in found.split() if int(number) != os.getpid())
