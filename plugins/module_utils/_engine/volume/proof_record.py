# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing down beside a dump what a reading of it has shown."""

from __future__ import annotations

import os

from ..backups import DAMAGED, Backup
from ..manifest import Manifest, write_manifest
from .failures import storage_errors
from .replacing import write_whole
from .root import Volume


def record_proof(volume: Volume, backup: Backup, manifest: Manifest) -> bool:
    """Let ``manifest`` be the one beside the dump of ``backup``; False where there is nothing to record any more.

    That is so when the dump was removed meanwhile, or when a backup that had no manifest got one from the run
    that made it, which knows more. Raises VolumeError; the manifest before is whole then.
    """
    path = volume.manifest_path(backup.tier, backup.file_name)
    doing = "Recording the proof of %s in %s" % (backup.file_name, backup.tier)
    # A manifest that cannot be used has to make room; one that came meanwhile has not.
    replace = backup.facts is not None or backup.state == DAMAGED
    with storage_errors(doing, "The backup itself was not touched."):
        if not os.path.lexists(volume.path(backup.tier, backup.file_name)):
            return False
        try:
            write_whole(volume, path, write_manifest(manifest).encode("ascii"), replace=replace)
        except FileExistsError:
            return False
    return True
