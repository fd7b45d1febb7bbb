# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that an older backup holds and a newer one does not: dropped on purpose, or lost before it was made.

After a loss the hourly backups go on with what is left, so that the latest one may be of the new and empty server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..backups import DAMAGED, Backup
from ..manifest import BUILT_IN
from ..tools.errors import BackupDamaged
from .changes import shown_names


def told_by_backup(backup: Backup, older: Iterable[Backup]) -> list[str]:
    """A sentence for the run that made ``backup`` on what the server has no longer."""
    fuller, names = _fuller(backup, older)
    if fuller is None:
        return []
    return [
        "The server has no longer: %s, which the backup %s holds. If that was not meant, restore from there before it is pruned."
        % (shown_names(names), fuller.name)
    ]


def told_by_latest(backup: Backup, older: Iterable[Backup]) -> list[str]:
    """A sentence for whoever asked for the latest backup, and may mean the last one before a loss."""
    fuller, names = _fuller(backup, older)
    if fuller is None:
        return []
    return [
        "The latest backup, %s, does not hold: %s, which the backup %s does. If they were lost before the latest one was made, ask for %s."
        % (backup.name, shown_names(names), fuller.name, fuller.name)
    ]


def _fuller(backup: Backup, older: Iterable[Backup]) -> tuple[Backup | None, tuple[str, ...]]:
    """The backup before ``backup`` and the databases that it alone holds; where ``backup`` has none of users', the last one that has.

    ``older`` is sorted from oldest to newest. None, and no names, where nothing is missed or known.
    """
    names = _names(backup)
    held = _of_users(names)
    for one in reversed(tuple(older)) if names else ():
        before = _names(one)
        if before and (held or _of_users(before)):
            missed = tuple(name for name in _of_users(before) if name not in held and not _is_left_out(name, backup))
            return (one, missed) if missed else (None, ())
    return None, ()


def _is_left_out(name: str, backup: Backup) -> bool:
    """Whether the run that made the backup was not to dump that database, or told that it could not."""
    try:
        manifest = backup.manifest
    except BackupDamaged:
        # Whoever restores it is told.
        return False
    return manifest is not None and (manifest.only_database is not None or any(entry.name == name for entry in manifest.left_out))


def _names(backup: Backup) -> Sequence[str]:
    """The databases of a backup; none where they are not known, for every dump has one."""
    facts = backup.facts
    return () if facts is None or backup.state == DAMAGED else facts.database_names


def _of_users(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in BUILT_IN]
