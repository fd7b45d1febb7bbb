# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine that dies, or a storage that fails, at every single step: nothing incomplete counts, nothing complete is lost."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from itertools import count
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import PROVEN, UNPROVEN
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.promotion import link_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.proof_record import record_proof
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.removal import remove_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.sweep import sweep
from ansible_collections.bandr.postgres.tests.volumes.faults import Steps, dies_after, dies_at, fails_at
from ansible_collections.bandr.postgres.tests.volumes.samples import (
    NOON,
    files_below,
    hours,
    lay_down,
    listed,
    publish,
    sample_manifest,
    without_sequence,
)

OLD, NEW = hours(-1), NOON
OLD_LISTED = ("hourly", "2026-11-22T11:07:00Z", PROVEN)
NEW_LISTED = ("hourly", "2026-11-22T12:07:00Z", PROVEN)
DAILY_LISTED = ("daily", "2026-11-22T11:07:00Z", PROVEN)


def assert_sound(volume):
    """Every proven backup holds what its manifest says, and after a sweep nothing unfinished is left."""
    for backup in read_catalog(volume).backups:
        if backup.proven:
            assert hashlib.sha256(Path(backup.path).read_bytes()).hexdigest() == backup.manifest.stored_sha256


def assert_swept(volume):
    sweep(volume)
    assert_sound(volume)
    assert read_catalog(volume).strays == ()
    for folder in ("work", "temporary", "pins"):
        assert not os.path.exists(os.path.join(volume.private, folder)) or os.listdir(os.path.join(volume.private, folder)) == []


def no_links(monkeypatch, code=errno.EPERM):
    def link(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)


def volumes(tmp_path):
    """Fresh volumes with one old backup, numbered from 1."""
    for number in count(1):
        folder = tmp_path / ("volume-%d" % number)
        folder.mkdir()
        volume = Volume(str(folder))
        publish(volume, OLD, 1)
        yield number, volume
        shutil.rmtree(folder)


@pytest.mark.parametrize("linking", [True, False])
@pytest.mark.parametrize("done_first", [True, False])
def test_publication_that_dies_at_any_step_is_whole_or_not_there(tmp_path, monkeypatch, linking, done_first):
    if not linking:
        no_links(monkeypatch)
    outcomes = set()
    for number, volume in volumes(tmp_path):
        if not dies_at(lambda volume=volume: publish(volume, NEW, 2), number, done_first):
            break
        assert_sound(volume)
        assert {state for _tier, name, state in listed(volume) if name == NEW_LISTED[1]} <= {PROVEN, UNPROVEN}
        assert_swept(volume)
        assert listed(volume) in ([OLD_LISTED], [OLD_LISTED, NEW_LISTED])
        outcomes.add(len(listed(volume)))
        publish(volume, hours(1), 3)
        assert len(read_catalog(volume).backups) == len(listed(volume))
    assert number > 15
    assert outcomes == {1, 2}


@pytest.mark.parametrize("linking", [True, False])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.ENOENT])
def test_publication_that_meets_an_error_says_so_and_leaves_nothing(tmp_path, monkeypatch, linking, code):
    if not linking:
        no_links(monkeypatch)
    for number, volume in volumes(tmp_path):
        reached, raised = fails_at(lambda volume=volume: publish(volume, NEW, 2), number, code)
        if not reached:
            break
        if raised is None:
            assert listed(volume) == [OLD_LISTED, NEW_LISTED]
        elif isinstance(raised, VolumeError):
            assert " failed: " in raised.message
            assert "No older backup was touched" in raised.message or "No backup was touched" in raised.message
            assert listed(volume) == [OLD_LISTED]
        else:
            # The dump itself is written by the caller.
            assert isinstance(raised, OSError)
            assert raised.filename in ("open", "write", "utime")
        assert_swept(volume)
    assert number > 15


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_publication_on_a_storage_that_stays_broken_leaves_a_whole_backup_or_none(tmp_path, code):
    outcomes = set()
    for number, volume in volumes(tmp_path):
        reached, raised = fails_at(lambda volume=volume: publish(volume, NEW, 2), number, code, for_ever=True)
        if not reached:
            break
        assert_sound(volume)
        if raised is None:
            assert NEW_LISTED in listed(volume)
        assert_swept(volume)
        # Once the manifest has its name and the storage lets nobody take it back, the backup is whole and stays.
        assert listed(volume) in ([OLD_LISTED], [OLD_LISTED, NEW_LISTED])
        outcomes.add((raised is None, NEW_LISTED in listed(volume)))
    assert (True, False) not in outcomes
    assert {(False, False), (True, True)} <= outcomes


def test_everything_is_made_to_last_before_it_is_named(tmp_path):
    volume = Volume(str(tmp_path))
    publish(volume, OLD, 1)
    steps = Steps()
    with steps.watched(lambda number, name: None):
        publish(volume, NEW, 2)
    told = [name for name in steps.made if name in ("fsync", "link", "rename")]
    # The dump, the manifest, the intent and their folder; the dump's name and its folder; the manifest's name and its folder.
    assert told == ["fsync", "fsync", "fsync", "fsync", "link", "fsync", "rename", "fsync"]


@pytest.mark.parametrize("done_first", [True, False])
@pytest.mark.parametrize("linking", [True, False])
def test_promotion_that_dies_at_any_step_is_whole_or_can_be_done_again(tmp_path, monkeypatch, linking, done_first):
    if not linking:
        no_links(monkeypatch)
    for number, volume in volumes(tmp_path):
        (backup,) = read_catalog(volume).backups
        if not dies_at(lambda volume=volume, backup=backup: link_backup(volume, backup, "daily"), number, done_first):
            break
        assert_sound(volume)
        assert_swept(volume)
        assert OLD_LISTED in listed(volume)
        assert link_backup(volume, backup, "daily") in ("link", "copy", "present")
        assert listed(volume) == [OLD_LISTED, DAILY_LISTED]
        assert_swept(volume)
    assert number > 5


@pytest.mark.parametrize("linking", [True, False])
def test_promotion_that_meets_an_error_says_so(tmp_path, monkeypatch, linking):
    if not linking:
        no_links(monkeypatch)
    for number, volume in volumes(tmp_path):
        (backup,) = read_catalog(volume).backups
        reached, raised = fails_at(lambda volume=volume, backup=backup: link_backup(volume, backup, "daily"), number, errno.ENOSPC)
        if not reached:
            break
        if raised is None:
            assert listed(volume) == [OLD_LISTED, DAILY_LISTED]
        else:
            assert isinstance(raised, VolumeError)
            assert "the volume is full" in raised.message
        assert_sound(volume)
        assert_swept(volume)
        assert link_backup(volume, backup, "daily") in ("link", "copy", "present")
        assert listed(volume) == [OLD_LISTED, DAILY_LISTED]
    assert number > 5


@pytest.mark.parametrize("done_first", [True, False])
def test_removal_that_dies_at_any_step_leaves_no_half_backup(tmp_path, done_first):
    for number, volume in volumes(tmp_path):
        backup = publish(volume, NEW, 2)
        if not dies_at(lambda volume=volume, backup=backup: remove_backup(volume, backup), number, done_first):
            break
        assert listed(volume) in ([OLD_LISTED], [OLD_LISTED, NEW_LISTED])
        assert_swept(volume)
        remove_backup(volume, backup)
        assert listed(volume) == [OLD_LISTED]
    assert number == 5


def test_removal_that_meets_an_error_says_so(tmp_path):
    for number, volume in volumes(tmp_path):
        backup = publish(volume, NEW, 2)
        reached, raised = fails_at(lambda volume=volume, backup=backup: remove_backup(volume, backup), number, errno.EIO)
        if not reached:
            break
        assert isinstance(raised, VolumeError)
        assert raised.message.startswith("Removing the backup %s from hourly failed: the storage answers" % backup.file_name)
        assert listed(volume) in ([OLD_LISTED], [OLD_LISTED, NEW_LISTED])
        assert_swept(volume)
    assert number == 5


@pytest.mark.parametrize("done_first", [True, False])
def test_a_proof_that_dies_at_any_step_leaves_the_old_record_or_the_new_one(tmp_path, done_first):
    for number, volume in volumes(tmp_path):
        lay_down(volume, "hourly", None)
        backup = read_catalog(volume).backups[-1]
        proof = without_sequence(sample_manifest())
        if not dies_at(lambda volume=volume, backup=backup, proof=proof: record_proof(volume, backup, proof), number, done_first):
            break
        assert listed(volume)[-1][2] in (PROVEN, UNPROVEN)
        assert_swept(volume)
        backup = read_catalog(volume).backups[-1]
        if backup.proven:
            assert backup.manifest == proof
            damaged = sample_manifest(sequence=0)
            assert dies_at(lambda volume=volume, backup=backup, proof=damaged: record_proof(volume, backup, proof), 1, done_first)
            assert read_catalog(volume).backups[-1].manifest == proof
    assert number > 5


@pytest.mark.parametrize("done_first", [True, False])
def test_a_sweep_that_dies_at_any_step_is_finished_by_the_next(tmp_path, done_first):
    for number, volume in volumes(tmp_path):
        debris(volume)
        if not dies_at(lambda volume=volume: sweep(volume), number, done_first):
            break
        assert OLD_LISTED in listed(volume)
        assert_swept(volume)
        assert listed(volume) == [OLD_LISTED]
    assert number > 8


def test_a_sweep_that_meets_an_error_says_so_and_is_finished_by_the_next(tmp_path):
    for number, volume in volumes(tmp_path):
        debris(volume)
        before = files_below(volume.root)
        sentences = []
        reached, raised = fails_at(lambda volume=volume, sentences=sentences: sentences.extend(sweep(volume)), number, errno.EACCES)
        if not reached:
            break
        assert isinstance(raised, VolumeError) or any("is not allowed to" in sentence for sentence in sentences)
        assert set(files_below(volume.root)) < set(before) or number == 1
        assert_swept(volume)
        assert listed(volume) == [OLD_LISTED]
    assert number > 8


def debris(volume):
    """What a publication and a removal leave that die in their middle, and a half-written dump."""
    dies_after(lambda: publish(volume, NEW, 2), "link")
    os.makedirs(os.path.join(volume.private, "work", "half"))
    Path(volume.private, "work", "half", "dump").write_bytes(b"half")
    Path(lay_down(volume, "hourly", sample_manifest(hours(2), 3))).unlink()
    assert len(read_catalog(volume).backups) == 2
    assert len(read_catalog(volume).strays) == 1
