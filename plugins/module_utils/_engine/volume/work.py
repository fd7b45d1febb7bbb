# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unfinished work, and the one way in which it becomes a backup.

A dump gets its name only when it is whole and made to last; its manifest, which makes it count, comes after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..backups import Backup
from ..manifest import Manifest, ManifestInvalid, read_manifest, write_manifest
from ..tools.errors import VolumeError
from .catalog import read_catalog
from .durable import new_word, place_new, remove_if_there, sync_file, sync_folder, write_new
from .failures import storage_errors
from .intent import Intent, write_intent
from .root import Volume

FOLDER = "work"
_FOLDER_MODE = 0o750
_DUMP = "dump"
_MANIFEST = "manifest.json"
_SAFE = "No older backup was touched, and nothing unfinished counts as a backup."


class Work:
    """A folder of the volume in which one dump is being made."""

    def __init__(self, volume: Volume, folder: str) -> None:
        self.volume = volume
        self.folder = folder
        # Set while a publication is taken back: only the intent in this folder lets a sweep finish that.
        self.keep_for_sweep = False

    @property
    def dump_path(self) -> str:
        """Where to write the dump; nothing is there yet."""
        return os.path.join(self.folder, _DUMP)

    def publish(self, tier: str, manifest: Manifest) -> Backup:
        """Make the dump a backup of ``tier`` that ``manifest`` vouches for; the caller holds the lock of the catalog.

        Either it returns a proven backup or there is none. Raises VolumeError, also when something of that
        name exists already.
        """
        file_name = manifest.file_name
        doing = "Publishing the backup %s in %s" % (file_name, tier)
        text = _checked_text(manifest, doing)
        folder = self.volume.make_tier(tier)
        path = self.volume.path(tier, file_name)
        with storage_errors(doing, _SAFE):
            status = sync_file(self.dump_path)
            if (status.st_size, status.st_mtime_ns) != (manifest.stored_size, manifest.modified_ns):
                raise VolumeError("%s failed: the file is not the one its manifest is about. %s Run again." % (doing, _SAFE))
            intent = Intent(tier, file_name, status.st_ino, status.st_size, status.st_mtime_ns)
            # Whatever needs room is written before anything gets a name that others see.
            write_new(self._manifest_path, text.encode("ascii"))
            write_intent(self.folder, intent)
            sync_folder(self.folder)
            if not os.path.lexists(path):
                remove_if_there(self.volume.manifest_path(tier, file_name))
            try:
                place_new(self.dump_path, path)
                sync_folder(folder)
                os.rename(self._manifest_path, self.volume.manifest_path(tier, file_name))
                sync_folder(folder)
                return _listed(self.volume, tier, file_name, doing)
            except BaseException:
                self.keep_for_sweep = True
                self.keep_for_sweep = not self._take_back(intent)
                raise

    def remove(self) -> None:
        """Remove the folder with all that is in it; what cannot be removed is left to the next sweep."""
        if not self.keep_for_sweep:
            with suppress(OSError):
                remove_work(self.folder)

    @property
    def _manifest_path(self) -> str:
        return os.path.join(self.folder, _MANIFEST)

    def _take_back(self, intent: Intent) -> bool:
        """Undo a publication that did not reach its end; whether nothing is left of it."""
        try:
            take_back(self.volume, intent)
        except OSError:
            return False
        return True


@contextmanager
def new_work(volume: Volume) -> Iterator[Work]:
    """Unfinished work for the time of this block, removed at its end whatever happens. Raises VolumeError."""
    folder = os.path.join(volume.make_private(FOLDER), new_word())
    with storage_errors("Making room for unfinished work in %s" % volume.root, _SAFE):
        os.mkdir(folder, _FOLDER_MODE)
    work = Work(volume, folder)
    try:
        yield work
    finally:
        work.remove()


def take_back(volume: Volume, intent: Intent) -> bool:
    """Remove the dump that ``intent`` names, and its manifest, if it is still that very file; whether it was. Raises OSError."""
    path = volume.path(intent.tier, intent.file_name)
    try:
        if not intent.is_about(os.lstat(path)):
            return False
    except FileNotFoundError:
        return False
    remove_if_there(path)
    remove_if_there(volume.manifest_path(intent.tier, intent.file_name))
    sync_folder(volume.tier(intent.tier))
    return True


def remove_work(folder: str) -> None:
    """Remove a folder of unfinished work; raises OSError."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        remove_if_there(os.path.join(folder, name))
    os.rmdir(folder)


def _checked_text(manifest: Manifest, doing: str) -> str:
    text = write_manifest(manifest)
    try:
        read_manifest(text)
    except ManifestInvalid as error:
        raise VolumeError("%s failed: its manifest contradicts itself: %s. %s" % (doing, error, _SAFE)) from error
    return text


def _listed(volume: Volume, tier: str, file_name: str, doing: str) -> Backup:
    """The backup as anybody sees it now."""
    for backup in read_catalog(volume).of_tier(tier):
        if backup.file_name == file_name and backup.proven:
            return backup
    raise VolumeError("%s failed: the volume does not show it as it was written. %s Look at the storage." % (doing, _SAFE))
