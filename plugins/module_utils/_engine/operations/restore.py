# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore: select, prove, look at the target, and only then touch it."""

from __future__ import annotations

import time
from typing import Any, BinaryIO, Sequence

from ..backups import Backup
from ..manifest import Manifest
from ..policy.selection import select
from ..tools.errors import BackupDamaged, SelectionError, TargetRefused, VolumeError
from ..volume.catalog import read_catalog
from ..volume.pins import pin
from ..volume.root import Volume, open_volume
from .context import Context
from .listing import ListRequest, list_backups, summarize
from .proof import prove_backup
from .restore_look import Look, look
from .restore_request import RestoreRequest, check_request
from .restore_run import RestoreRun, foreseen
from .verify import prove_and_record

# What callers need for one restore comes from one place.
__all__ = ["RestoreRequest", "restore"]


def restore(context: Context, request: RestoreRequest) -> dict[str, Any]:
    """Restore and say what became of each database.

    Raises VolumeError, SelectionError, BackupDamaged, ConnectionFailed and TargetRefused with nothing
    touched; RestoreFailed, RestoredWithErrors or Interrupted with the result so far in ``details``.
    """
    check_request(request)
    begun = time.monotonic()
    volume = open_volume(request.root, writable=False)
    selection = select(read_catalog(volume).backups, request.wanted, context.now(), request.maximum_age)
    if selection.backup is None:
        listed = list_backups(context, ListRequest(request.root))
        message = "Nothing was restored, for none was asked for. %s" % listed["message"]
        return _result(None, [], [], begun, message, backups=listed["backups"])
    warnings = list(selection.warnings)
    warnings += ["The newer backup %s was passed over: %s." % (backup.name, why) for backup, why in selection.skipped]
    for backup in selection.candidates:
        with pin(volume, backup.file_name):
            try:
                return _restore(context, request, volume, backup, warnings, begun)
            except BackupDamaged as error:
                warnings.append(error.message)
                context.progress.say(error.message)
    raise BackupDamaged("No backup that answers to %r can be read. The target was not touched. %s" % (request.wanted, " ".join(warnings)))


def _restore(
    context: Context, request: RestoreRequest, volume: Volume, backup: Backup, warnings: list[str], begun: float
) -> dict[str, Any]:
    if backup.manifest is not None:
        # What is wrong with the target need not wait for the whole backup to be read.
        _look(context, request, backup, backup.manifest)
    # A volume that is full keeps nobody from restoring.
    if request.dry_run:
        manifest = prove_backup(context, backup)
    else:
        # The SQL itself is hashed again while it is restored, a section's last part held back until it fits.
        manifest = prove_and_record(context, volume, backup, must_record=False, stored_only=True)
    seen = _look(context, request, backup, manifest)
    warnings += seen.verdict.warnings
    for warning in warnings:
        context.progress.say(warning)
    summary = dict(summarize(backup, context.now()), databases=list(manifest.database_names), plain_size=manifest.plain_size)
    before = sorted(database.name for database in seen.target.databases)
    if request.dry_run:
        return _result(summary, foreseen(manifest, seen), warnings, begun, _would(backup, seen), True, before)
    with _open(backup) as file:
        run = RestoreRun(context, request, backup, manifest, seen, file)
        return run.run(
            lambda changed, entries, message: _result(summary, entries, warnings + run.warnings, begun, message, changed, before)
        )


def _look(context: Context, request: RestoreRequest, backup: Backup, manifest: Manifest) -> Look:
    with _open(backup) as file:
        seen = look(context, request, manifest, file)
    if seen.verdict.problems:
        details = {
            "changed": False,
            "backup": summarize(backup, context.now()),
            "databases_before": sorted(database.name for database in seen.target.databases),
            "problems": list(seen.verdict.problems),
            "warnings": list(seen.verdict.warnings),
        }
        raise TargetRefused(
            "Backup %s cannot be restored into %s; nothing was touched. %s"
            % (backup.name, request.connection.address, " ".join(seen.verdict.problems)),
            details,
        )
    return seen


def _open(backup: Backup) -> BinaryIO:
    try:
        return open(backup.path, "rb", buffering=0)
    except FileNotFoundError:
        why = "Backup %s in %s was removed while it was looked at. The target was not touched." % (backup.name, backup.tier)
        raise SelectionError(why) from None
    except OSError as error:
        raise VolumeError("%s cannot be read: %s. The target was not touched." % (backup.path, error.strerror)) from error


def _would(backup: Backup, seen: Look) -> str:
    names = ", ".join(seen.wish.names) or "everything in it"
    replaced = ", ".join(seen.verdict.replaced)
    return "Backup %s is proven and would be restored: %s.%s" % (backup.name, names, " It would replace %s." % replaced if replaced else "")


def _result(
    backup: dict[str, Any] | None,
    databases: list[dict[str, Any]],
    warnings: list[str],
    begun: float,
    message: str,
    changed: bool = False,
    before: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    return {
        "changed": changed,
        "backup": backup,
        "databases": databases,
        "databases_before": list(before),
        "warnings": warnings,
        "problems": [],
        "seconds": round(time.monotonic() - begun, 3),
        "message": message,
        **more,
    }
