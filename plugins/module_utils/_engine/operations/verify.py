# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify: re-read stored backups, and remember the proof of those that had none."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from ..backups import DAMAGED, PROVEN, UNPROVEN, Backup
from ..manifest import NEVER_PROVEN, WHOLE, Manifest, Section
from ..names import TIERS, parse_file_name
from ..policy.selection import select
from ..tools.errors import BackupDamaged, SelectionError, VolumeError
from ..volume.catalog import read_catalog
from ..volume.pins import pin
from ..volume.proof_record import record_proof
from ..volume.root import Volume, open_volume
from .context import Context
from .listing import summarize
from .proof import prove_backup

ALL = "all"
UNPROVEN_ONLY = "unproven"


@dataclass(frozen=True)
class VerifyRequest:
    """Verify ``wanted`` (``all``, ``unproven``, or a selection as for a restore) of the volume at ``root``.

    ``dry_run`` only says which backups would be read.
    """

    root: str
    wanted: str = ALL
    tiers: tuple[str, ...] = TIERS
    dry_run: bool = False


def verify(context: Context, request: VerifyRequest) -> dict[str, Any]:
    """Read the wanted backups to their ends.

    Damaged and unreadable ones are all told in the result; afterwards BackupDamaged is raised with the same result in
    ``details``. One that is pruned meanwhile is passed over. Raises VolumeError and SelectionError.
    """
    volume = open_volume(request.root, writable=False)
    candidates = _wanted(context, volume, request)
    reader = _Reader(context, volume)
    results, damaged, changed = [], [], False
    for backup in candidates:
        summary = summarize(backup, context.now())
        if request.dry_run:
            changed = changed or (volume.writable and backup.state == UNPROVEN)
            results.append(dict(summary, verified=False))
            continue
        found = reader.verify(backup)
        if found is None:
            continue
        state, why = found
        changed = changed or (volume.writable and state != backup.state)
        if why:
            damaged.append("%s/%s" % (backup.tier, backup.name))
        results.append(dict(summary, state=state, why=why, verified=not why))
    message = _message(results, damaged, request)
    result = {"changed": changed, "backups": results, "damaged": damaged, "message": message}
    if damaged:
        raise BackupDamaged(message, result)
    return result


def prove_and_record(context: Context, volume: Volume, backup: Backup, must_record: bool = True, stored_only: bool = False) -> Manifest:
    """Prove ``backup`` and let the manifest beside it say so, or say why not.

    A volume that cannot be written keeps no record; the proof holds for this run all the same. ``must_record`` False:
    so it is where only the record cannot be written. ``stored_only`` as in :func:`prove_backup`. Raises BackupDamaged or VolumeError.
    """
    status = None
    try:
        with pin(volume, backup.file_name):
            status = _status(backup)
            manifest = prove_backup(context, backup, stored_only)
    except BackupDamaged as error:
        try:
            _record_damage(volume, backup, status, error.why)
        except VolumeError as failure:
            # That it is damaged matters more.
            context.progress.say(failure.message)
        raise
    if not backup.proven:
        try:
            _record_proof(volume, backup, manifest)
        except VolumeError as failure:
            if must_record:
                raise
            context.progress.say(failure.message)
    return manifest


def _status(backup: Backup) -> os.stat_result | None:
    try:
        return os.stat(backup.path)
    except OSError:
        return None


def _record_damage(volume: Volume, backup: Backup, status: os.stat_result | None, why: str) -> None:
    """Remember that ``backup`` is damaged, in every tier that holds the file, so that nobody has to read it again to know."""
    for each in (backup, *_other_links(volume, backup)):
        known = each.manifest
        if each.state == DAMAGED:
            continue
        if known is not None and known.origin != NEVER_PROVEN:
            _record(volume, each, replace(known, damaged=why))
        elif status is not None:
            _record(volume, each, _never_proven(each, status, why))


def _record_proof(volume: Volume, backup: Backup, manifest: Manifest) -> None:
    """Remember the proof of ``backup`` in every tier that holds the file."""
    for each in (backup, *_other_links(volume, backup)):
        # A manifest that vouches for other bytes, or knows more than a reading can tell, stays until it is read by itself.
        if not each.proven and (each is backup or _told(backup) is not None or _told(each) is None):
            _record(volume, each, manifest)


def _never_proven(backup: Backup, status: os.stat_result, why: str) -> Manifest:
    """All that is known of a dump that came without a manifest and is damaged."""
    name = parse_file_name(backup.file_name)
    return Manifest(
        file_name=backup.file_name,
        codec=name.codec if name is not None else "gzip",
        stored_size=status.st_size,
        stored_sha256="",
        modified_ns=status.st_mtime_ns,
        plain_size=0,
        started=backup.time,
        finished=backup.time,
        sequence=0,
        sections=(Section(WHOLE, None, 0, 0, ""),),
        origin=NEVER_PROVEN,
        damaged=why,
    )


def _record(volume: Volume, backup: Backup, manifest: Manifest) -> None:
    if volume.writable:
        record_proof(volume, backup, manifest)


def _other_links(volume: Volume, backup: Backup) -> list[Backup]:
    """The same file in other tiers.

    Of two manifests that say different things of one file, one may be right; such a link is left to be read by itself.
    """
    if not volume.writable:
        return []
    own = _told(backup)
    others = read_catalog(volume, tuple(tier for tier in TIERS if tier != backup.tier)).backups
    links = [other for other in others if other.file_name == backup.file_name and _same_file(other.path, backup.path)]
    return [link for link in links if own is None or _told(link) in (None, own)]


def _told(backup: Backup) -> str | None:
    """The checksum of the stored bytes that a manifest tells, or None."""
    manifest = backup.manifest
    return None if manifest is None or manifest.origin == NEVER_PROVEN else manifest.stored_sha256


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


class _Reader:
    """Reads every file once, though several tiers may name it."""

    def __init__(self, context: Context, volume: Volume) -> None:
        self._context = context
        self._volume = volume
        self._known: dict[tuple[int, int, str | None], Manifest | BackupDamaged] = {}

    def verify(self, backup: Backup) -> tuple[str, str] | None:
        """The state of ``backup`` and why it is not proven; what was found is recorded beside it. None: it was pruned meanwhile.

        One that cannot be read keeps its state.
        """
        status = _status(backup)
        if status is None:
            return None
        key = None
        try:
            # Of two manifests that say different things of one file, one may be right.
            key = (status.st_dev, status.st_ino, None if backup.manifest is None else backup.manifest.stored_sha256)
            if key in self._known:
                self._record_again(backup, status, self._known[key])
            else:
                self._known[key] = prove_and_record(self._context, self._volume, backup)
                self._context.progress.say("Backup %s in %s is proven." % (backup.name, backup.tier))
        except BackupDamaged as error:
            if key is not None:
                self._known[key] = error
            self._context.progress.say(error.message)
            return DAMAGED, error.why
        except VolumeError as error:
            if not os.path.lexists(backup.path):
                return None
            self._context.progress.say(error.message)
            return backup.state, error.message
        return PROVEN, ""

    def _record_again(self, backup: Backup, status: os.stat_result, known: Manifest | BackupDamaged) -> None:
        if isinstance(known, BackupDamaged):
            _record_damage(self._volume, backup, status, known.why)
            raise known
        if not backup.proven:
            _record(self._volume, backup, known)


def _wanted(context: Context, volume: Volume, request: VerifyRequest) -> list[Backup]:
    backups = read_catalog(volume, request.tiers).backups
    if request.wanted == ALL:
        return list(backups)
    if request.wanted == UNPROVEN_ONLY:
        return [backup for backup in backups if not backup.proven]
    selected = select(backups, request.wanted, context.now(), None).backup
    if selected is None:
        raise SelectionError("Nothing was selected to verify: say latest, a time, a file name, all or unproven. Nothing was changed.")
    return [selected]


def _message(results: list[dict[str, Any]], damaged: list[str], request: VerifyRequest) -> str:
    if not results:
        return "There is nothing to verify in %s." % request.root
    if request.dry_run:
        return "%d %s would be read." % (len(results), _backups(results))
    if damaged:
        return "Damaged or unreadable: %s, %d of %d %s. They are not restored, promoted or counted; nothing was removed." % (
            ", ".join(damaged),
            len(damaged),
            len(results),
            _backups(results),
        )
    return "Read and proven: %d %s." % (len(results), _backups(results))


def _backups(results: list[dict[str, Any]]) -> str:
    return "backup" if len(results) == 1 else "backups"
