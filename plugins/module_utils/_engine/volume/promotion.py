# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving a backup a place in another tier: a hard link, which costs nothing, or a checked copy."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

from ..backups import Backup
from ..manifest import Manifest, write_manifest
from ..tools.errors import BackupDamaged, VolumeError
from .catalog import read_catalog
from .durable import CANNOT_LINK, remove_if_there, set_mode, sync_folder
from .failures import storage_errors
from .replacing import write_whole
from .root import Volume
from .work import new_work

LINK = "link"
COPY = "copy"
PRESENT = "present"
_CHUNK = 1024 * 1024
_SAFE = "The backup stays in its tier, and nothing unfinished counts as a backup."


def link_backup(volume: Volume, backup: Backup, tier: str) -> str:
    """Put the proven ``backup`` into ``tier`` as well: ``link``, ``copy``, or ``present`` when it is there already.

    The caller holds the lock of the catalog. Raises VolumeError, also when another file of that name is there, and
    BackupDamaged when the copy shows that the backup is not what was written.
    """
    doing = "Promoting the backup %s from %s to %s" % (backup.file_name, backup.tier, tier)
    manifest = backup.manifest
    if manifest is None or not backup.proven:
        raise VolumeError("%s failed: it is not proven: %s. Nothing was changed; verify it." % (doing, backup.why))
    folder = volume.make_tier(tier)
    source, target = volume.path(backup.tier, backup.file_name), volume.path(tier, backup.file_name)
    with storage_errors(doing, _SAFE):
        if os.path.lexists(target):
            if not os.path.samefile(source, target):
                return _already(volume, backup, tier, doing)
            if _has_manifest(volume, tier, manifest):
                return PRESENT
            _write_manifest(volume, tier, manifest)
            return LINK
        # Before the link, which is whole at once: so nobody ever sees it without its manifest, and reads it for a stranger's.
        _write_manifest(volume, tier, manifest)
        try:
            os.link(source, target, follow_symlinks=False)
        except BaseException as error:
            # A network file system may have done it and say that it is there already.
            linked = os.path.lexists(target) and os.path.samefile(source, target)
            if not linked:
                remove_if_there(volume.manifest_path(tier, backup.file_name))
            if isinstance(error, OSError) and error.errno in CANNOT_LINK:
                return _copy(volume, backup, manifest, tier, doing)
            if not (linked and isinstance(error, FileExistsError)):
                raise
        sync_folder(folder)
    return LINK


def _write_manifest(volume: Volume, tier: str, manifest: Manifest) -> None:
    write_whole(volume, volume.manifest_path(tier, manifest.file_name), write_manifest(manifest).encode("ascii"), replace=True)


def _has_manifest(volume: Volume, tier: str, manifest: Manifest) -> bool:
    try:
        with open(volume.manifest_path(tier, manifest.file_name), "rb") as file:
            return file.read() == write_manifest(manifest).encode("ascii")
    except FileNotFoundError:
        return False


def _already(volume: Volume, backup: Backup, tier: str, doing: str) -> str:
    """``present`` when the file that is there is a proven copy; any other file is left alone."""
    for other in read_catalog(volume, (tier,)).backups:
        if other.file_name == backup.file_name and other.proven and _same_content(other, backup):
            return PRESENT
    raise VolumeError(
        "%s failed: %s holds another file of that name. It was not touched and nothing was changed; verify it, or move it away."
        % (doing, volume.tier(tier))
    )


def _same_content(one: Backup, other: Backup) -> bool:
    return one.manifest is not None and other.manifest is not None and one.manifest.stored_sha256 == other.manifest.stored_sha256


def _copy(volume: Volume, backup: Backup, manifest: Manifest, tier: str, doing: str) -> str:
    with new_work(volume) as work:
        size, sha256 = _copy_file(volume.path(backup.tier, backup.file_name), work.dump_path)
        if (size, sha256) != (manifest.stored_size, manifest.stored_sha256):
            raise BackupDamaged(
                "%s failed: the file read is not the one its manifest is about, so the copy was thrown away. Other backups are "
                "untouched; verify this one." % doing
            )
        os.utime(work.dump_path, ns=(manifest.modified_ns, manifest.modified_ns))
        # A volume may keep coarser times than the one before.
        modified_ns = os.stat(work.dump_path).st_mtime_ns
        work.publish(tier, replace(manifest, modified_ns=modified_ns))
    return COPY


def _copy_file(source: str, target: str) -> tuple[int, str]:
    """Copy and return the size in bytes and the sha256 of what was read."""
    size, checksum = 0, hashlib.sha256()
    with open(source, "rb", buffering=0) as reader, open(target, "xb", buffering=0) as writer:
        set_mode(writer.fileno())
        while True:
            chunk = reader.read(_CHUNK)
            if not chunk:
                return size, checksum.hexdigest()
            size += len(chunk)
            checksum.update(chunk)
            view = memoryview(chunk)
            while view:
                view = view[writer.write(view) :]
