# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volume: the folder that holds the tiers, and the engine's own folder in it."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from ..names import MANIFEST_SUFFIX, NO_VOLUME_MARKER, PRIVATE_FOLDER, TIERS
from ..tools.errors import UsageError, VolumeError
from .durable import sync_folder
from .failures import storage_errors, storage_failure

_FOLDER_MODE = 0o750
_NOTHING_CHANGED = "Nothing was changed."


@dataclass(frozen=True)
class Volume:
    """An opened volume; ``writable`` says whether this user can write to it."""

    root: str
    writable: bool = True

    @property
    def private(self) -> str:
        """The engine's own folder: locks, pins, unfinished work."""
        return os.path.join(self.root, PRIVATE_FOLDER)

    @property
    def remembers(self) -> bool:
        """Whether :attr:`private` can be written, which a mount may allow where the rest of the volume is read-only."""
        return self.writable or os.access(self.private, os.W_OK)

    def tier(self, tier: str) -> str:
        """The folder of ``tier``, which may not exist yet; raises UsageError for an unknown tier."""
        if tier not in TIERS:
            raise UsageError("There is no tier %r; the tiers are %s. %s" % (tier, ", ".join(TIERS), _NOTHING_CHANGED))
        return os.path.join(self.root, tier)

    def path(self, tier: str, file_name: str) -> str:
        """Where a dump of that name lies in ``tier``."""
        return os.path.join(self.tier(tier), file_name)

    def manifest_path(self, tier: str, file_name: str) -> str:
        """Where the manifest of the dump ``file_name`` lies in ``tier``."""
        return self.path(tier, file_name) + MANIFEST_SUFFIX

    def make_tier(self, tier: str) -> str:
        """The folder of ``tier``, made when it is not there; raises VolumeError."""
        return self._make(self.tier(tier))

    def make_private(self, *parts: str) -> str:
        """A folder below :attr:`private`, made when it is not there; raises VolumeError."""
        folder = self._make(self.private)
        for part in parts:
            folder = self._make(os.path.join(folder, part))
        return folder

    def check_tier(self, tier: str) -> None:
        """Look early whether ``tier`` takes new files; a missing folder does. Raises VolumeError."""
        folder = self.tier(tier)
        if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
            raise _not_writable("folder", folder)

    def _make(self, folder: str) -> str:
        with storage_errors("Making the folder %s" % folder, "No backup was touched."):
            try:
                os.mkdir(folder, _FOLDER_MODE)
            except FileExistsError:
                if not os.path.isdir(folder):
                    raise
            else:
                _open_to_the_group(folder)
                sync_folder(self.root)
        return folder


def open_volume(path: str, writable: bool = True) -> Volume:
    """Look at the folder ``path`` and take it as a volume; it is never made.

    ``writable`` demands that it can be written. Raises UsageError for an empty path and VolumeError when the folder
    is missing, is a file, cannot be read, cannot be written, or is the image's own folder where no volume is mounted.
    """
    if not path:
        raise UsageError("The variable root is empty; it must name the folder that holds the backups. %s" % _NOTHING_CHANGED)
    root = os.path.abspath(path)
    try:
        found = os.stat(root)
    except FileNotFoundError:
        raise VolumeError(
            "The volume %s does not exist. %s Mount it, or make that folder once by hand." % (root, _NOTHING_CHANGED)
        ) from None
    except OSError as error:
        raise storage_failure(error, "Looking at the volume %s" % root, _NOTHING_CHANGED) from error
    if not stat.S_ISDIR(found.st_mode):
        raise VolumeError("The volume %s is a file, not a folder. %s Name the folder that holds the backups." % (root, _NOTHING_CHANGED))
    if os.path.lexists(os.path.join(root, NO_VOLUME_MARKER)):
        raise VolumeError(
            "No volume is mounted at %s: it is still the image's own folder. %s Mount the volume there." % (root, _NOTHING_CHANGED)
        )
    if not os.access(root, os.R_OK | os.X_OK):
        raise VolumeError("User id %d may not read the volume %s. %s Give that user the right." % (os.geteuid(), root, _NOTHING_CHANGED))
    can_write = os.access(root, os.W_OK)
    if writable and not can_write:
        raise _not_writable("volume", root)
    return Volume(root, can_write)


def holds_tiers(path: str) -> bool:
    """Whether the folder ``path`` is a volume with a tier on it; False for whatever cannot be looked at."""
    return not os.path.lexists(os.path.join(path, NO_VOLUME_MARKER)) and any(os.path.isdir(os.path.join(path, tier)) for tier in TIERS)


def is_mounted(path: str) -> bool:
    """Whether ``path`` is a folder other than the image's own."""
    return os.path.isdir(path) and not os.path.lexists(os.path.join(path, NO_VOLUME_MARKER))


def _open_to_the_group(folder: str) -> None:
    """Whatever the umask took away: who reads the backups, for a drill say, may well be another than who makes them."""
    mode = stat.S_IMODE(os.stat(folder).st_mode)
    if mode & 0o777 != _FOLDER_MODE:
        # Without its other bits the folder would no longer hand its group on.
        with suppress(OSError):
            os.chmod(folder, mode & ~0o777 | _FOLDER_MODE)


def _not_writable(what: str, path: str) -> VolumeError:
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return VolumeError("The %s %s is mounted read-only. %s Mount it so that it can be written." % (what, path, _NOTHING_CHANGED))
    found = os.stat(path)
    return VolumeError(
        "User id %d may not write to the %s %s, which belongs to user %d and group %d with mode %04o. %s Give that user, or a group "
        "it belongs to, the right; for a pod that is fsGroup, or supplementalGroups on NFS, in its securityContext."
        % (os.geteuid(), what, path, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode), _NOTHING_CHANGED)
    )
