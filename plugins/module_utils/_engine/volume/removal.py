# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing a backup from its tier."""

from __future__ import annotations

from ..backups import Backup
from .durable import remove_if_there, sync_folder
from .failures import storage_errors
from .root import Volume


def remove_backup(volume: Volume, backup: Backup) -> bool:
    """Remove the dump, then its manifest; False when the dump was gone already. Other tiers keep their copies.

    The caller holds the lock of the catalog. Raises VolumeError; the backup then is still listed, or gone
    but for a manifest that the next sweep removes.
    """
    doing = "Removing the backup %s from %s" % (backup.file_name, backup.tier)
    with storage_errors(doing, "Other backups were not touched."):
        removed = remove_if_there(volume.path(backup.tier, backup.file_name))
        remove_if_there(volume.manifest_path(backup.tier, backup.file_name))
        sync_folder(volume.tier(backup.tier))
    return removed
