# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine at work on a folder: everything is its own but the server that is dumped."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from unittest.mock import patch

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import WHOLE, Manifest, Section
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import backup as operation
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.dump import DumpSettings
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.proof import prove_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.selection import select
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.connection import Connection
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged, DumpFailed, EngineError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume

from .content import sql_of, stored_dump
from .schedule import FULL_DISK, KILLED, SERVER_DOWN, Tier


@dataclass(frozen=True)
class Successor:
    """Runs tiers on the volume at ``root``."""

    root: Path
    tiers: Mapping[str, Tier]

    def run(self, tier: str, now: datetime, fault: str) -> str:
        """One run of ``tier`` at ``now``, which meets ``fault``; what it said."""
        setup = self.tiers[tier]
        policy = TierPolicy(tier, setup.count, setup.prior, setup.prior_count if setup.prior else None)
        settings = DumpSettings(Connection()) if tier == "hourly" else None
        try:
            with _dumping(fault):
                message: str = run_backup(Context(now=lambda: now), BackupRequest(str(self.root), policy, settings))["message"]
        except EngineError as error:
            message = error.message
        return message

    def recover(self, now: datetime) -> bool:
        """Whether ``FROM_BACKUP=LATEST`` finds a whole dump."""
        try:
            candidates = select(read_catalog(open_volume(str(self.root), writable=False)).backups, "latest", now).candidates
        except EngineError:
            return False
        for backup in candidates:
            with contextlib.suppress(BackupDamaged):
                prove_backup(Context(), backup)
                return True
        return False


@contextlib.contextmanager
def _dumping(fault: str) -> Iterator[None]:
    def dump(context: Context, settings: DumpSettings, path: str, started: datetime) -> Manifest:
        if fault in (SERVER_DOWN, KILLED):
            raise DumpFailed("The server is not there. No backup was made and no older one was touched.")
        content, sql = stored_dump(started), sql_of(started)
        with open(path, "wb") as file:
            if fault == FULL_DISK:
                file.write(content[:-30])
                raise OSError(28, os.strerror(28))
            file.write(content)
        os.utime(path, (started.timestamp(), started.timestamp()))
        return Manifest(
            file_name=DumpName(started, "gzip").file_name,
            codec="gzip",
            stored_size=len(content),
            stored_sha256=hashlib.sha256(content).hexdigest(),
            modified_ns=os.stat(path).st_mtime_ns,
            plain_size=len(sql),
            started=started,
            finished=started,
            sequence=0,
            sections=(Section(WHOLE, None, 0, len(sql), hashlib.sha256(sql).hexdigest()),),
        )

    # Disks that lose power are tested elsewhere; here thousands of files are flushed for nobody.
    with patch.object(operation, "dump_server", dump), patch.object(os, "fsync", lambda descriptor: None):
        yield
