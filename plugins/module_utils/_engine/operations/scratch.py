# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that a drill's server lives in: room for it, and nothing left of drills that were cut off."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..tools.errors import UsageError
from ..tools.keeper import remove_folder
from ..volume.holder import try_flock

_PREFIX = "bandr-drill-"
_LOCK = "lock"
# A folder is locked as soon as it is made; one without a lock for so long is nobody's.
_UNLOCKED_SECONDS = 3600.0


def scratch_parent(wanted: str | None, root: str) -> str:
    """The folder in which drills of the volume at ``root`` make theirs; raises UsageError where it cannot be used."""
    parent = os.path.abspath(wanted if wanted is not None else tempfile.gettempdir())
    if not os.path.isdir(parent) or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(
            "The scratch folder %s is no folder that user id %d may write to. Nothing was changed; make it, or name another one in scratch."
            % (parent, os.geteuid())
        )
    inside = os.path.realpath(root).rstrip("/") + "/"
    if wanted is None and (os.path.realpath(parent) + "/").startswith(inside):
        raise UsageError(
            "The folder for temporary files, %s, is on the backup volume, where a drill does not belong. Nothing was changed; name a "
            "folder elsewhere in scratch." % parent
        )
    return parent


def free_room(parent: str) -> int:
    """Bytes that are free for us where ``parent`` lies."""
    return shutil.disk_usage(parent).free


@contextmanager
def scratch_folder(parent: str) -> Iterator[str]:
    """A fresh folder of our own for the time of this block."""
    folder = tempfile.mkdtemp(prefix=_PREFIX, dir=parent)
    try:
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try_flock(lock, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(lock)
    finally:
        remove_folder(folder)


def sweep_scratch(parent: str) -> list[str]:
    """Remove what drills left in ``parent`` that were killed, and say so; a server that still runs there ends when its data goes."""
    sentences = []
    for name in sorted(os.listdir(parent)):
        folder = os.path.join(parent, name)
        if name.startswith(_PREFIX) and _is_left_over(folder) and remove_folder(folder):
            sentences.append("Removed %s, which a drill left that did not reach its end." % folder)
    return sentences


def _is_left_over(folder: str) -> bool:
    try:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return False
        try:
            lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR)
        except FileNotFoundError:
            return time.time() - status.st_mtime > _UNLOCKED_SECONDS
        try:
            return try_flock(lock, fcntl.LOCK_EX) is True
        finally:
            os.close(lock)
    except OSError:
        return False
