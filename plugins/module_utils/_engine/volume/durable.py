# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there, also after the power was cut."""

from __future__ import annotations

import errno
import os

# What file systems answer that have no hard links, none between folders, or no more for this file.
CANNOT_LINK = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EXDEV, errno.EMLINK, errno.ENOSYS))
# What file systems answer that cannot flush a folder or keep modes; there is nothing better to be had from them.
_CANNOT_SYNC_FOLDER = frozenset((errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS))
_CANNOT_CHANGE_MODE = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS))
FILE_MODE = 0o640
_WORD_BYTES = 16


def new_word() -> str:
    """A name for a file that nobody else will think of."""
    return os.urandom(_WORD_BYTES).hex()


def sync_folder(path: str) -> None:
    """Make names that were added to or taken from the folder last; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDER:
            raise
    finally:
        os.close(descriptor)


def sync_file(path: str) -> os.stat_result:
    """Make the content of a finished file last, set its mode, and return its status; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        set_mode(descriptor)
        os.fsync(descriptor)
        return os.fstat(descriptor)
    finally:
        os.close(descriptor)


def set_mode(descriptor: int) -> None:
    """Let nobody but owner and group read the file; dumps hold password hashes."""
    try:
        os.fchmod(descriptor, FILE_MODE)
    except OSError as error:
        if error.errno not in _CANNOT_CHANGE_MODE:
            raise


def write_new(path: str, content: bytes) -> None:
    """Write a file that must not exist yet and make its content last; raises OSError, which may leave a part of it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        set_mode(descriptor)
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def place_new(source: str, target: str) -> None:
    """Give the file ``source`` the name ``target``, never in the place of another file.

    ``source`` may keep its name as well. Raises FileExistsError, and OSError otherwise.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in CANNOT_LINK:
            raise
        # Without links there is no rename that never replaces; the catalog's lock keeps our own runs apart.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target)


def remove_if_there(path: str) -> bool:
    """Remove a file; False when there was none. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
