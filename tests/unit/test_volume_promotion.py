# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup's place in another tier, its removal, and the record of its proof."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.promotion import link_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.proof_record import record_proof
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.removal import remove_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.tests.volumes.samples import (
    NOON,
    dump_content,
    files_below,
    hours,
    lay_down,
    listed,
    publish,
    sample_manifest,
    without_sequence,
)

BOTH = [("hourly", "2026-11-22T12:07:00Z", "proven"), ("daily", "2026-11-22T12:07:00Z", "proven")]


@pytest.fixture(name="volume")
def _volume(tmp_path):
    return Volume(str(tmp_path))


def refuse_links(monkeypatch, code=errno.EPERM):
    def link(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)


def test_a_promoted_backup_is_the_same_file(volume):
    backup = publish(volume)
    assert link_backup(volume, backup, "daily") == "link"
    assert os.path.samefile(backup.path, volume.path("daily", backup.file_name))
    assert listed(volume) == BOTH
    assert read_catalog(volume).of_tier("daily")[0].manifest == backup.manifest


def test_promoting_again_changes_nothing(volume):
    backup = publish(volume)
    link_backup(volume, backup, "daily")
    before = files_below(volume.root)
    assert link_backup(volume, backup, "daily") == "present"
    assert files_below(volume.root) == before


def test_a_promotion_is_never_seen_without_its_manifest(volume, monkeypatch):
    backup = publish(volume)
    really_link = os.link

    def link_and_die(*arguments, **options):
        really_link(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", link_and_die)
    with pytest.raises(KeyboardInterrupt):
        link_backup(volume, backup, "daily")
    assert listed(volume) == BOTH
    assert read_catalog(volume).of_tier("daily")[0].manifest == backup.manifest


def test_a_promotion_that_cannot_be_made_leaves_no_manifest(volume, monkeypatch):
    backup = publish(volume)
    refuse_links(monkeypatch, errno.EIO)
    before = files_below(volume.root)
    with pytest.raises(VolumeError):
        link_backup(volume, backup, "daily")
    assert files_below(volume.root) == before


def test_a_file_that_comes_meanwhile_gets_no_manifest_of_ours(volume, monkeypatch):
    backup = publish(volume)
    really_link = os.link

    def come_first(*arguments, **options):
        Path(arguments[1]).write_bytes(b"somebody else's")
        really_link(*arguments, **options)

    monkeypatch.setattr(os, "link", come_first)
    with pytest.raises(VolumeError, match="of that name already"):
        link_backup(volume, backup, "daily")
    assert sorted(listed(volume)) == [("daily", "2026-11-22T12:07:00Z", "unproven"), BOTH[0]]


def test_a_link_that_was_made_and_is_said_to_be_there_already_is_a_link(volume, monkeypatch):
    backup = publish(volume)
    really_link = os.link

    def link_twice(*arguments, **options):
        really_link(*arguments, **options)
        really_link(*arguments, **options)

    monkeypatch.setattr(os, "link", link_twice)
    assert link_backup(volume, backup, "daily") == "link"
    assert listed(volume) == BOTH


def test_a_link_without_its_manifest_is_completed(volume):
    backup = publish(volume)
    link_backup(volume, backup, "daily")
    os.unlink(volume.manifest_path("daily", backup.file_name))
    assert link_backup(volume, backup, "daily") == "link"
    assert listed(volume) == BOTH


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV, errno.EMLINK, errno.ENOSYS])
def test_where_nothing_can_be_linked_a_checked_copy_is_made(volume, monkeypatch, code):
    backup = publish(volume)
    refuse_links(monkeypatch, code)
    assert link_backup(volume, backup, "daily") == "copy"
    copy = volume.path("daily", backup.file_name)
    assert not os.path.samefile(backup.path, copy)
    assert Path(copy).read_bytes() == dump_content(NOON)
    assert os.stat(copy).st_mtime_ns == os.stat(backup.path).st_mtime_ns
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o640
    assert listed(volume) == BOTH
    assert link_backup(volume, backup, "daily") == "present"


def test_a_copy_of_a_damaged_file_is_thrown_away(volume, monkeypatch):
    backup = publish(volume)
    Path(backup.path).write_bytes(dump_content(NOON).replace(b"dump", b"hump"))
    os.utime(backup.path, (NOON.timestamp(), NOON.timestamp()))
    refuse_links(monkeypatch)
    with pytest.raises(BackupDamaged, match="the copy was thrown away"):
        link_backup(volume, backup, "daily")
    assert listed(volume) == BOTH[:1]
    assert os.listdir(os.path.join(volume.private, "work")) == []


def test_a_copy_on_a_volume_with_coarser_times_is_proven_as_well(volume, monkeypatch):
    manifest = replace(sample_manifest(), modified_ns=sample_manifest().modified_ns + 123456789)
    path = lay_down(volume, "hourly", manifest)
    os.utime(path, ns=(manifest.modified_ns, manifest.modified_ns))
    really_utime = os.utime
    monkeypatch.setattr(os, "utime", lambda name, ns: really_utime(name, ns=tuple(time // 10**9 * 10**9 for time in ns)))
    refuse_links(monkeypatch)
    assert link_backup(volume, read_catalog(volume).backups[0], "daily") == "copy"
    assert listed(volume) == BOTH


@pytest.mark.parametrize("linking", [True, False])
def test_another_file_of_that_name_is_left_alone(volume, monkeypatch, linking):
    backup = publish(volume)
    other = lay_down(volume, "daily", None)
    Path(other).write_bytes(b"half a copy by the predecessor")
    if not linking:
        refuse_links(monkeypatch)
    before = files_below(volume.root)
    with pytest.raises(VolumeError, match="holds another file of that name"):
        link_backup(volume, backup, "daily")
    assert files_below(volume.root) == before


def test_only_proven_backups_are_promoted(volume):
    lay_down(volume, "hourly", None)
    with pytest.raises(VolumeError, match="it is not proven: its manifest is missing"):
        link_backup(volume, read_catalog(volume).backups[0], "daily")
    assert listed(volume) == [("hourly", "2026-11-22T12:07:00Z", "unproven")]


def test_a_backup_that_is_gone_is_told(volume):
    backup = publish(volume)
    remove_backup(volume, backup)
    with pytest.raises(VolumeError, match="went away meanwhile"):
        link_backup(volume, backup, "daily")
    assert listed(volume) == []


def test_removing_takes_one_tiers_copy_only(volume):
    backup = publish(volume)
    link_backup(volume, backup, "daily")
    assert remove_backup(volume, backup) is True
    assert listed(volume) == BOTH[1:]
    assert os.listdir(volume.tier("hourly")) == []
    assert remove_backup(volume, backup) is False
    assert Path(volume.path("daily", backup.file_name)).read_bytes() == dump_content(NOON)


def test_removing_takes_the_dump_before_the_manifest(volume, monkeypatch):
    backup = publish(volume)
    order = []
    really_unlink = os.unlink
    monkeypatch.setattr(os, "unlink", lambda path: (order.append(os.path.basename(path)), really_unlink(path)))
    remove_backup(volume, backup)
    assert order == [backup.file_name, backup.file_name + ".json"]


def test_a_proof_makes_an_unproven_backup_proven(volume):
    lay_down(volume, "hourly", None)
    proof = without_sequence(sample_manifest())
    assert record_proof(volume, read_catalog(volume).backups[0], proof) is True
    assert listed(volume) == BOTH[:1]
    assert read_catalog(volume).backups[0].manifest == proof
    assert os.listdir(os.path.join(volume.private, "temporary")) == []


def test_a_finding_replaces_the_proof_before_it(volume):
    backup = publish(volume)
    assert record_proof(volume, backup, replace(backup.manifest, damaged="a byte of it is wrong")) is True
    assert listed(volume)[0][2] == "damaged"
    damaged = read_catalog(volume).backups[0]
    assert record_proof(volume, damaged, replace(damaged.manifest, damaged=None)) is True
    assert listed(volume)[0][2] == "proven"


def test_a_proof_replaces_a_manifest_that_cannot_be_used(volume):
    path = lay_down(volume, "hourly", None)
    Path(path + ".json").write_text("{")
    assert record_proof(volume, read_catalog(volume).backups[0], without_sequence(sample_manifest())) is True
    assert listed(volume) == BOTH[:1]


@pytest.mark.parametrize("linking", [True, False])
def test_a_proof_does_not_replace_the_manifest_that_the_run_itself_wrote_meanwhile(volume, monkeypatch, linking):
    path = lay_down(volume, "hourly", None)
    seen_without = read_catalog(volume).backups[0]
    os.unlink(path)
    publish(volume, NOON, 5)
    if not linking:
        refuse_links(monkeypatch)
    assert record_proof(volume, seen_without, without_sequence(sample_manifest())) is False
    assert read_catalog(volume).backups[0].order.sequence == 5


def test_a_proof_of_a_dump_that_was_removed_leaves_no_manifest(volume):
    backup = publish(volume, hours(1))
    remove_backup(volume, backup)
    assert record_proof(volume, backup, backup.manifest) is False
    assert os.listdir(volume.tier("hourly")) == []


def test_a_proof_gets_through_although_a_sweep_takes_its_temporary_file(volume, monkeypatch):
    lay_down(volume, "hourly", None)
    really_link, taken = os.link, []

    def link(source, target, **options):
        if not taken:
            taken.append(os.unlink(source))
        really_link(source, target, **options)

    monkeypatch.setattr(os, "link", link)
    assert record_proof(volume, read_catalog(volume).backups[0], without_sequence(sample_manifest())) is True
    assert listed(volume) == BOTH[:1]
