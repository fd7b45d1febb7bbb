# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's client programs and what they can do."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from functools import cache

from ..tools.errors import UsageError
from ..tools.processes import Runner

_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)(?:\.(\d+))?(\S*)")


@dataclass(frozen=True)
class Clients:
    """Where the client programs are: in ``folder``, or on PATH when it is None."""

    runner: Runner
    folder: str | None = None

    def path(self, program: str) -> str:
        """The path of ``program``; raises UsageError when it is not installed."""
        found = shutil.which(program, path=self.folder) if self.folder else shutil.which(program)
        if found is None:
            place = "in %s" % self.folder if self.folder else "on PATH"
            raise UsageError(
                "The PostgreSQL client program %s was not found %s. Nothing was changed; install the PostgreSQL client "
                "programs or name their folder in client_folder." % (program, place)
            )
        # Programs are started in another folder than the one that a relative path is meant from.
        return os.path.abspath(found)

    def version(self, program: str) -> tuple[int, str]:
        """Major version and full version text of ``program``; raises UsageError when it does not tell."""
        return _version(self.runner, self.path(program))

    def knows_restrict_key(self) -> bool:
        """Whether ``pg_dumpall`` takes ``--restrict-key`` (every minor release since August 2025)."""
        return b"--restrict-key" in self.runner.run([self.path("pg_dumpall"), "--help"], dict(os.environ)).stdout


@cache
def _version(runner: Runner, path: str) -> tuple[int, str]:
    match = _VERSION.search(runner.run([path, "--version"], dict(os.environ)).stdout)
    if match is None:
        raise UsageError("%s --version did not answer as a PostgreSQL program does. Nothing was changed; check client_folder." % path)
    major, minor, rest = match.groups()
    text = major.decode() + (b"." + minor if minor else b"").decode() + rest.decode()
    return int(major), text
