# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verify: re-read stored backups, and remember the proof of those that had none."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from ..backups import DAMAGED, PROVEN, UNPROVEN, Backup
from ..manifest import Manifest
from ..names import TIERS
from ..policy.selection import select
from ..tools.errors import BackupDamaged, SelectionError
from ..volume.catalog import read_catalog
from ..volume.pins import pin
from ..volume.proof_record import record_proof
from ..volume.root import Volume, open_volume
from .context import Context
from .listing import summarize
from .proof import prove_backup

ALL = "all"
UNPROVEN_ONLY = "unproven"
_REMOVED = "it was removed while others were read"


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

    Damaged ones are all told in the result; afterwards BackupDamaged is raised with the same result in ``details``.
    Raises VolumeError and SelectionError.
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
        why = reader.verify(backup)
        changed = changed or (volume.writable and _is_news(backup, why))
        if why is not None:
            damaged.append("%s/%s" % (backup.tier, backup.name))
        results.append(dict(summary, state=DAMAGED if why else PROVEN, why=why or "", verified=why is None))
    result = {"changed": changed, "backups": results, "damaged": damaged, "message": _message(results, damaged, request)}
    if damaged:
        raise BackupDamaged(result["message"], result)
    return result


def prove_and_record(context: Context, volume: Volume, backup: Backup) -> Manifest:
    """Prove ``backup`` and let the manifest beside it say so, or say why not.

    A volume that cannot be written keeps no record; the proof holds for this run all the same.
    Raises BackupDamaged or VolumeError.
    """
    try:
        with pin(volume, backup.file_name):
            manifest = prove_backup(context, backup)
    except BackupDamaged as error:
        if backup.manifest is not None and backup.manifest.damaged is None:
            _record(volume, backup, replace(backup.manifest, damaged=error.message))
        raise
    if not backup.proven:
        _record(volume, backup, manifest)
    return manifest


def _is_news(backup: Backup, why: str | None) -> bool:
    """Whether what a reading found, damage or none, was not known yet and is now recorded."""
    if why is None:
        return not backup.proven
    return why != _REMOVED and backup.manifest is not None and backup.manifest.damaged is None


def _record(volume: Volume, backup: Backup, manifest: Manifest) -> None:
    if volume.writable:
        record_proof(volume, backup, manifest)


class _Reader:
    """Reads every file once, though several tiers may name it."""

    def __init__(self, context: Context, volume: Volume) -> None:
        self._context = context
        self._volume = volume
        self._known: dict[tuple[int, int], Manifest | str] = {}

    def verify(self, backup: Backup) -> str | None:
        """Why ``backup`` is damaged, or None when it is proven; either is recorded beside it."""
        try:
            status = os.stat(backup.path)
        except FileNotFoundError:
            return _REMOVED
        key = (status.st_dev, status.st_ino)
        if key in self._known:
            return self._record_again(backup, self._known[key])
        try:
            self._known[key] = prove_and_record(self._context, self._volume, backup)
        except BackupDamaged as error:
            self._known[key] = error.message
            self._context.progress.say(error.message)
            return error.message
        self._context.progress.say("Backup %s in %s is proven." % (backup.name, backup.tier))
        return None

    def _record_again(self, backup: Backup, known: Manifest | str) -> str | None:
        if isinstance(known, str):
            if backup.manifest is not None and backup.manifest.damaged is None:
                _record(self._volume, backup, replace(backup.manifest, damaged=known))
            return known
        if not backup.proven:
            _record(self._volume, backup, known)
        return None


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
        return "%d backups would be read." % len(results)
    if damaged:
        return "%d of %d backups are damaged: %s. They are not restored, promoted or counted; nothing was removed." % (
            len(damaged),
            len(results),
            ", ".join(damaged),
        )
    return "All %d backups read are proven." % len(results)
