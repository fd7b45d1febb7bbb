# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that test servers run as.

PostgreSQL refuses to run as root, and ``initdb`` wants a line in the password file for whoever runs it.
So root lends an account that every machine has; no account is ever created.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_USUAL_ACCOUNTS = ("postgres", "nobody", "daemon")
# A socket's path has at most 107 bytes; what follows the folder's own path takes the rest.
_LONGEST_FOLDER = 60
_MEMORY = "/dev/shm"
_ROOM_FOR_SERVERS = 4 * 1024**3
# Names the folder that what belongs to servers is made in.
SERVERS_FOLDER = "TEST_SERVERS_FOLDER"


@dataclass(frozen=True)
class Account:
    """Whom programs run as; ``uid`` is None when they run as we do."""

    uid: int | None = None
    gid: int | None = None

    def popen_options(self) -> dict[str, Any]:
        """Keyword arguments that make ``subprocess`` run a program as this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: str) -> None:
        """Make this account the owner of ``path``."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_use(self, path: str) -> bool:
        """Whether this account can read the file, or read and enter the folder, at ``path``."""
        if self.uid is None:
            return os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0))
        return all(_open_to_others(part) for part in _path_and_parents(os.path.realpath(path)))

    def temporary_folder(self) -> str:
        """A folder of temporary files that this account can enter, short enough to hold a socket."""
        for folder in (os.environ.get(SERVERS_FOLDER, ""), tempfile.gettempdir(), "/tmp", "/var/tmp"):
            if os.path.isdir(folder) and len(os.path.realpath(folder)) <= _LONGEST_FOLDER and self.can_use(folder):
                return os.path.realpath(folder)
        raise RuntimeError("No folder for temporary files can be entered by the account of the test servers; set TMPDIR to one that can.")


def keep_servers_in_memory() -> None:
    """Let servers live in memory where it has room for them and nobody said otherwise: every database is hundreds of files."""
    with contextlib.suppress(OSError):
        memory = os.statvfs(_MEMORY)
        if memory.f_bavail * memory.f_frsize >= _ROOM_FOR_SERVERS and not memory.f_flag & os.ST_NOEXEC:
            os.environ.setdefault(SERVERS_FOLDER, _MEMORY)


def server_account() -> Account:
    """Our own account, or for root an unprivileged one that the machine has."""
    if os.geteuid() != 0:
        return Account()
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in (*_USUAL_ACCOUNTS, *known):
        if name in known and known[name].pw_uid != 0:
            return Account(known[name].pw_uid, known[name].pw_gid)
    raise RuntimeError("PostgreSQL does not run as root and this machine has no other account; run as an ordinary user.")


def _path_and_parents(path: str) -> Iterator[str]:
    yield path
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        yield path


def _open_to_others(path: str) -> bool:
    mode = os.stat(path).st_mode
    wanted = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return mode & wanted == wanted
