# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The regression database of one major version for all that are newer: dumps of it by the clients of each, and a library that each loads.

Making it takes longest, so what came out of it is kept beside the suite for as long as nothing that it is made by changes.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.bandr.postgres.tests.integration import regression_database
from ansible_collections.bandr.postgres.tests.integration.regression_database import build_database, obtain_suite
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of
from ansible_collections.bandr.postgres.tests.servers.folder import ServerFolder
from ansible_collections.bandr.postgres.tests.servers.installations import Installation
from ansible_collections.bandr.postgres.tests.servers.server import Server

_SOURCE = Path(__file__).with_name("regression_library.c")
# Stands in the dumps for the folder of the suite's library.
_PLACE = b"/the/folder/of/the/library"
_LIBRARY = re.compile(re.escape(_PLACE) + rb"/(\w+\.so)', '(\w+)'")
# Those that a dump or a restore calls are written out in the source.
_WRITTEN_OUT = ("int44in", "int44out")


@dataclass(frozen=True)
class RegressionDumps:
    """Dumps of the regression database of ``major`` in ``folder``, one by the clients of each major version."""

    major: int
    folder: str

    def by(self, installation: Installation) -> bytes:
        """The dump that the clients of ``installation`` made; its functions lie in no folder that exists."""
        return Path(self.folder, "%d.sql" % installation.major).read_bytes()


def obtain_dumps(origin: Installation, clients: Iterable[Installation], folder: str) -> RegressionDumps:
    """Dumps of the regression database of ``origin``, one of Debian's, kept in ``folder``; raises Unobtainable.

    Tests that run beside one another wait for the one that makes them.
    """
    os.makedirs(folder, exist_ok=True)
    clients = [origin, *(client for client in clients if client.major > origin.major)]
    kept = os.path.join(folder, "dumps-%s" % _sum_of(origin, clients))
    with open(os.path.join(folder, "lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(kept):
            for older in glob.glob(os.path.join(glob.escape(folder), "dumps-*")):
                shutil.rmtree(older)
            beside = tempfile.mkdtemp(prefix="dumps-", dir=folder)
            _make_dumps(origin, clients, folder, beside)
            os.rename(beside, kept)
    return RegressionDumps(origin.major, kept)


def with_library(dump: bytes, installation: Installation) -> tuple[bytes, ServerFolder]:
    """The dump with the functions of a library that ``installation`` can load, and that library's folder."""
    folder = ServerFolder()
    functions: dict[bytes, set[bytes]] = {}
    for library, function in _LIBRARY.findall(dump):
        functions.setdefault(library, set()).add(function)
    for library, names in functions.items():
        stubs = " ".join("F(%s)" % name.decode() for name in sorted(names) if name.decode() not in _WRITTEN_OUT)
        command = ["cc", "-O1", "-w", "-fPIC", "-shared", "-DMAJOR=%d" % installation.major, "-DFUNCTIONS=%s" % stubs]
        subprocess.run([*command, "-o", os.path.join(folder.path, library.decode()), str(_SOURCE)], check=True)
    os.chmod(folder.path, 0o755)
    return dump.replace(_PLACE, folder.path.encode()), folder


def _make_dumps(origin: Installation, clients: list[Installation], folder: str, target: str) -> None:
    with Server(origin, settings={"max_prepared_transactions": "2"}) as server:
        library = build_database(server, obtain_suite(origin, folder))
        for client in clients:
            dump = dump_of(server, clients=client)
            Path(target, "%d.sql" % client.major).write_bytes(dump.replace(os.path.join(library.path, "lib").encode(), _PLACE))
        library.remove()


def _sum_of(origin: Installation, clients: list[Installation]) -> str:
    """What they are made by: the server, the clients, and how the database is built."""
    made_by = [origin.version, *(client.version for client in clients)]
    made_by += [Path(path).read_text(encoding="utf-8") for path in (regression_database.__file__, __file__)]
    return hashlib.sha256("\n".join(made_by).encode()).hexdigest()[:16]
