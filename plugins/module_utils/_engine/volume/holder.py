# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lock or a pin, and whether this machine's kernel can tell that it is dead."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from dataclasses import asdict, dataclass

_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_NO_FLOCK = frozenset((errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL))


@dataclass(frozen=True)
class Holder:
    """A process somewhere.

    ``boot_id`` names one run of one kernel, ``device`` the file system as that kernel numbers it: where
    both are ours, a ``flock`` that is free was certainly given back.
    """

    host: str
    pid: int
    boot_id: str
    device: int

    def shares_locks_with(self, other: Holder) -> bool:
        """Whether one kernel keeps the locks of both, so that they see each other's."""
        return (self.boot_id, self.device) == (other.boot_id, other.device)

    def __str__(self) -> str:
        return "process %d on %s" % (self.pid, self.host)


def this_holder(folder: str) -> Holder:
    """This process, and the file system that ``folder`` lies on; raises OSError."""
    return Holder(os.uname().nodename, os.getpid(), _boot_id(), os.stat(folder).st_dev)


def write_holder(holder: Holder, **more: object) -> bytes:
    """The holder and ``more`` as JSON."""
    return json.dumps(dict(asdict(holder), **more), sort_keys=True).encode("ascii")


def read_holder(content: bytes) -> Holder | None:
    """What :func:`write_holder` wrote; None for anything else, such as a file caught half-written."""
    try:
        known = json.loads(content)
        return Holder(str(known["host"]), int(known["pid"]), str(known["boot_id"]), int(known["device"]))
    except (ValueError, KeyError, TypeError):
        return None


def try_flock(descriptor: int, how: int) -> bool | None:
    """Take a ``flock`` without waiting: True taken, False held by another, None where the file system has none.

    Raises OSError for anything else.
    """
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_FLOCK:
            return None
        raise
    return True


def _boot_id() -> str:
    try:
        with open(_BOOT_ID, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "host " + os.uname().nodename
