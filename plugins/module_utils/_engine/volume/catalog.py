# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a volume: every backup with its state, and every file that is none. Reading changes nothing."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import attrgetter
from typing import NamedTuple

from ..backups import DAMAGED, PROVEN, UNPROVEN, Backup, Order
from ..manifest import NEVER_PROVEN, Manifest, ManifestInvalid
from ..manifest_text import ManifestText
from ..names import MANIFEST_SUFFIX, TIERS, DumpName, parse_file_name
from ..tools.errors import BackupDamaged
from .failures import storage_failure
from .root import Volume

_NO_SEQUENCE = 0
_FARTHEST_TIME_ZONE_SECONDS = 14 * 3600
_SUFFIX_LENGTH = len(MANIFEST_SUFFIX)
# What the predecessor calls a dump while it is being written.
_OLD_UNFINISHED = "dumpall.sql.gz"
# Holds most manifests in one read; memory for more would be taken for each of thousands.
_READ_SIZE = 8 * 1024


@dataclass(frozen=True)
class Stray:
    """Something in a tier's folder that is no backup, and why; it is never touched."""

    tier: str
    path: str
    why: str


@dataclass(frozen=True)
class Catalog:
    """The backups of a volume from oldest to newest, and what else lies between them."""

    backups: tuple[Backup, ...]
    strays: tuple[Stray, ...]

    def of_tier(self, tier: str) -> tuple[Backup, ...]:
        """The backups of one tier, oldest first."""
        return tuple(backup for backup in self.backups if backup.tier == tier)


class _StoredManifest(ManifestText):
    """The manifest beside the dump at ``path``."""

    __slots__ = ("path",)

    def __init__(self, content: bytes, path: str) -> None:
        super().__init__(content)
        self.path = path

    def read(self) -> Manifest:
        """The whole manifest; raises BackupDamaged when it contradicts itself."""
        try:
            return super().read()
        except ManifestInvalid as error:
            raise BackupDamaged(
                "The manifest of %s cannot be used: %s. Nothing was changed; take another backup, or move that manifest away and "
                "verify the backup anew." % (self.path, error)
            ) from error


class _Found(NamedTuple):
    """A dump before its place among the others is known."""

    tier: str
    file_name: str
    path: str
    time: datetime
    size: int
    state: str
    why: str
    sequence: int
    manifest: ManifestText | None
    written: float


def read_catalog(volume: Volume, tiers: tuple[str, ...] = TIERS) -> Catalog:
    """List the backups of ``tiers``.

    Files that come or go meanwhile are either listed or not. Raises VolumeError when a folder cannot be read.
    """
    found: list[_Found] = []
    strays: list[Stray] = []
    for tier in tiers:
        _read_tier(volume, tier, found, strays)
    if tiers == TIERS:
        _look_beside_tiers(volume, strays)
    return Catalog(_in_order(found), tuple(sorted(strays, key=lambda stray: stray.path)))


def _read_tier(volume: Volume, tier: str, found: list[_Found], strays: list[Stray]) -> None:
    folder = volume.tier(tier)
    try:
        with os.scandir(folder) as entries:
            by_name = {entry.name: entry for entry in entries}
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_failure(error, "Listing the backups in %s" % folder, "Nothing was changed.") from error
    names = {file_name: parse_file_name(file_name) for file_name in by_name if not file_name.endswith(MANIFEST_SUFFIX)}
    for file_name, entry in by_name.items():
        name = names.get(file_name)
        try:
            if name is None:
                if not file_name.endswith(MANIFEST_SUFFIX) or names.get(file_name[:-_SUFFIX_LENGTH]) is None:
                    strays.append(Stray(tier, entry.path, _why_stray(file_name)))
                continue
            status = entry.stat(follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                strays.append(Stray(tier, entry.path, "it has the name of a backup but is no file"))
                continue
            found.append(_look(tier, file_name, entry.path, name, status, file_name + MANIFEST_SUFFIX in by_name))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise storage_failure(error, "Looking at %s" % entry.path, "Nothing was changed.") from error


def _look_beside_tiers(volume: Volume, strays: list[Stray]) -> None:
    """Tell of backups that lie where nobody looks for them: at the root itself, and in folders that are no tiers."""
    try:
        with os.scandir(volume.root) as entries:
            others = [entry for entry in entries if entry.name not in TIERS and not entry.name.startswith(".")]
        for entry in others:
            if parse_file_name(entry.name) is not None:
                strays.append(Stray("", entry.path, "it lies in no tier; move it into one, such as hourly"))
            elif entry.is_dir(follow_symlinks=False) and any(parse_file_name(name) is not None for name in os.listdir(entry.path)):
                strays.append(Stray("", entry.path, "it is no tier, so its backups are not seen; move them into one, such as hourly"))
    except OSError:
        # lost+found and the like are for root alone, and a folder that goes meanwhile needs no word.
        return


def _why_stray(file_name: str) -> str:
    if file_name == _OLD_UNFINISHED:
        return "it is a dump that the predecessor did not finish; remove it once its last run has ended"
    if file_name.endswith(MANIFEST_SUFFIX) and parse_file_name(file_name[:-_SUFFIX_LENGTH]) is not None:
        return "it is the manifest of a dump that is not there"
    return "its name is not that of a backup"


def _look(tier: str, file_name: str, path: str, name: DumpName, status: os.stat_result, has_manifest: bool) -> _Found:
    manifest, complaint = _read_manifest(path) if has_manifest else (None, None)
    if complaint is not None:
        state, why = DAMAGED, complaint
    elif status.st_size == 0:
        state, why = DAMAGED, "it is empty"
    elif manifest is None:
        state, why = UNPROVEN, _why_without_manifest(name)
    else:
        state, why = _compare(file_name, status, manifest)
    sequence = _NO_SEQUENCE if manifest is None or manifest.file_name != file_name else manifest.sequence
    return _Found(tier, file_name, path, name.time, status.st_size, state, why, sequence, manifest, status.st_mtime)


def _read_manifest(path: str) -> tuple[ManifestText | None, str | None]:
    """The manifest of the dump at ``path``, or None and what is wrong with it; both None when it has gone."""
    try:
        descriptor = os.open(path + MANIFEST_SUFFIX, os.O_RDONLY)
        try:
            content = part = os.read(descriptor, _READ_SIZE)
            while len(part) == _READ_SIZE:
                part = os.read(descriptor, _READ_SIZE)
                content += part
        finally:
            os.close(descriptor)
        return _StoredManifest(content, path), None
    except FileNotFoundError:
        # Dumps are removed before their manifests, so this dump is gone as well, or its manifest was taken away.
        os.lstat(path)
        return None, None
    except ManifestInvalid as error:
        return None, "its manifest cannot be used: %s" % error
    except OSError as error:
        return None, "its manifest cannot be read: %s" % error.strerror


def _why_without_manifest(name: DumpName) -> str:
    if name.codec == "gzip":
        return "made by the predecessor, or its manifest is missing; verify it"
    return "its manifest is missing; verify it"


def _compare(file_name: str, status: os.stat_result, manifest: ManifestText) -> tuple[str, str]:
    if manifest.file_name != file_name:
        return DAMAGED, "its manifest belongs to %s" % manifest.file_name
    as_it_was = status.st_size == manifest.stored_size and status.st_mtime_ns == manifest.modified_ns
    if manifest.damaged is not None and manifest.origin == NEVER_PROVEN and not as_it_was:
        # It may have been read while somebody was still copying it to the volume.
        return UNPROVEN, "it was written to after it was found damaged; verify it"
    if status.st_size != manifest.stored_size:
        return DAMAGED, "it has %d bytes, its manifest says %d" % (status.st_size, manifest.stored_size)
    if manifest.damaged is not None:
        return DAMAGED, manifest.damaged
    if status.st_mtime_ns != manifest.modified_ns:
        return UNPROVEN, "it was written to after it was proven; verify it"
    return PROVEN, "its manifest vouches for it"


def _in_order(found: list[_Found]) -> tuple[Backup, ...]:
    backups = []
    newest: datetime | None = None
    for entry in sorted(found, key=attrgetter("sequence", "time")):
        tier, file_name, path, time, size, state, why, sequence, manifest, written = entry
        effective = time
        if sequence == _NO_SEQUENCE:
            # The predecessor calls local time UTC, which may be that far ahead: no dump was begun after its last byte was written.
            if 0 < time.timestamp() - written <= _FARTHEST_TIME_ZONE_SECONDS:
                effective = datetime.fromtimestamp(written, timezone.utc)
        else:
            # A clock that was set back must not make a newer backup older than the ones before it.
            effective = newest = time if newest is None or time > newest else newest
        order = Order(effective, sequence, file_name)
        backups.append(Backup(tier, file_name, path, time, size, state, why, order, manifest))
    backups.sort(key=lambda backup: TIERS.index(backup.tier))
    backups.sort(key=attrgetter("order"))
    return tuple(backups)
