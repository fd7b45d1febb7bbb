# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that promotes, while other runs are at work on the same volume."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import backup as operation
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.sections import CLUSTER_END, CLUSTER_HEADER
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.removal import remove_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.volumes.samples import hours, listed

DATABASE = b"--\n-- Databases\n--\n\n--\n-- Database \"template1\" dump\n--\n\n\\connect template1\n\nSET client_encoding = 'UTF8';\n\n"
DUMP = gzip.compress(CLUSTER_HEADER + b"\nSET client_encoding = 'UTF8';\n\nCREATE ROLE clerk;\n\n" + DATABASE + CLUSTER_END)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A volume with three hourly backups."""
    (tmp_path / "hourly").mkdir()
    for number in range(3):
        (tmp_path / "hourly" / file_name(hours(number))).write_bytes(DUMP)
    return tmp_path


def file_name(time: datetime) -> str:
    """The name of the dump of that time."""
    return DumpName(time, "gzip").file_name


def promote(root: Path, prior_count: int = 1) -> dict[str, Any]:
    """Run the daily tier."""
    return run_backup(Context(), BackupRequest(str(root), TierPolicy("daily", 7, prior_count=prior_count)))


def before_the_first_proof_for_promotion(monkeypatch: pytest.MonkeyPatch, happens: Callable[[Any, Any], None]) -> None:
    """Let something happen when the run has chosen a proven backup and is about to read it."""
    prove = operation.prove_and_record
    done = []

    def disturbed(context: Context, volume: Any, backup: Any) -> Any:
        if backup.proven and not done:
            done.append(backup)
            happens(volume, backup)
        return prove(context, volume, backup)

    monkeypatch.setattr(operation, "prove_and_record", disturbed)


def test_unproven_backups_are_proven_and_the_oldest_is_promoted(root: Path) -> None:
    result = promote(root)
    assert (result["method"], result["backup"]["name"]) == ("link", "2026-11-22T12:07:00Z")


def test_a_backup_that_is_pruned_before_it_is_read_is_no_failure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before_the_first_proof_for_promotion(monkeypatch, remove_backup)
    assert promote(root)["backup"]["name"] == "2026-11-22T13:07:00Z"


def test_a_backup_that_turns_out_damaged_is_passed_over_and_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rot(_volume: Any, backup: Any) -> None:
        status = os.stat(backup.path)
        Path(backup.path).write_bytes(DUMP[:-4] + b"\x00\x00\x00\x00")
        os.utime(backup.path, ns=(status.st_mtime_ns, status.st_mtime_ns))

    before_the_first_proof_for_promotion(monkeypatch, rot)
    with pytest.raises(BackupDamaged, match="2026-11-22T13:07:00Z was promoted"):
        promote(root)
    assert listed(open_volume(str(root)))[0] == ("hourly", "2026-11-22T12:07:00Z", "damaged")


def test_a_volume_that_is_promoted_from_keeps_what_it_has(root: Path) -> None:
    promote(root)
    assert len(read_catalog(open_volume(str(root))).of_tier("hourly")) == 3
