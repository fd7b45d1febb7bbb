# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a stored backup, and remembering what the reading has shown."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, UNPROVEN, Backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import proof, verify
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.sections import CLUSTER_END, CLUSTER_HEADER
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume, open_volume

FILE_NAME = "backup-2026-11-22T12:07:00Z-dumpall.sql.gz"
DATABASE = b"--\n-- Databases\n--\n\n--\n-- Database \"template1\" dump\n--\n\n\\connect template1\n\nSET client_encoding = 'UTF8';\n\n"
DUMP = CLUSTER_HEADER + b"\nSET client_encoding = 'UTF8';\n\nCREATE ROLE clerk;\n\n" + DATABASE + CLUSTER_END


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    """A volume with one dump of the predecessor."""
    (tmp_path / "hourly").mkdir()
    (tmp_path / "hourly" / FILE_NAME).write_bytes(gzip.compress(DUMP))
    return open_volume(str(tmp_path))


def the_backup(volume: Volume) -> Backup:
    """The only backup of the volume as it is listed now."""
    (backup,) = read_catalog(volume).backups
    return backup


def cut_short(volume: Volume) -> None:
    """Take the end off the dump."""
    path = the_backup(volume).path
    os.truncate(path, os.path.getsize(path) - 20)


def refuse_to_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the volume be full when something is to be recorded."""

    def full(*_arguments: object) -> bool:
        raise VolumeError("Recording failed: the volume is full.")

    monkeypatch.setattr(verify, "record_proof", full)


def write_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody write to the dump as soon as it is opened."""
    read = proof.decode

    def decode(*arguments: object, **options: object) -> object:
        os.utime(arguments[2].fileno(), ns=(1, 1))  # type: ignore[attr-defined]
        return read(*arguments, **options)

    monkeypatch.setattr(proof, "decode", decode)


def test_a_whole_dump_is_proven_and_that_is_remembered(volume: Volume) -> None:
    verify.prove_and_record(Context(), volume, the_backup(volume))
    assert the_backup(volume).state == PROVEN


def test_a_dump_that_is_cut_short_is_damaged_and_that_is_remembered(volume: Volume) -> None:
    cut_short(volume)
    with pytest.raises(BackupDamaged):
        verify.prove_and_record(Context(), volume, the_backup(volume))
    assert the_backup(volume).state == DAMAGED


def test_damage_that_cannot_be_recorded_is_damage_all_the_same(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(volume)
    refuse_to_record(monkeypatch)
    with pytest.raises(BackupDamaged):
        verify.prove_and_record(Context(), volume, the_backup(volume))


def test_a_proof_that_cannot_be_recorded_is_an_error_unless_the_proof_is_all_that_is_wanted(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_record(monkeypatch)
    with pytest.raises(VolumeError, match="full"):
        verify.prove_and_record(Context(), volume, the_backup(volume))
    assert verify.prove_and_record(Context(), volume, the_backup(volume), must_record=False).plain_size == len(DUMP)


def test_a_dump_that_is_written_to_while_it_is_read_is_not_called_damaged(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    verify.prove_and_record(Context(), volume, the_backup(volume))
    write_while_it_is_read(monkeypatch)
    with pytest.raises(VolumeError, match="written to"):
        verify.prove_and_record(Context(), volume, the_backup(volume))
    assert the_backup(volume).state == UNPROVEN


def test_a_dump_that_is_still_being_copied_is_not_called_damaged(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(volume)
    write_while_it_is_read(monkeypatch)
    with pytest.raises(VolumeError, match="written to"):
        verify.prove_and_record(Context(), volume, the_backup(volume))
    assert the_backup(volume).state == UNPROVEN
