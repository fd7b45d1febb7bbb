# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a volume is seen to hold."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, UNPROVEN
from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import write_manifest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.tests.volumes.samples import (
    DATABASES,
    NOON,
    dump_content,
    files_below,
    hours,
    lay_down,
    sample_manifest,
)


@pytest.fixture(name="volume")
def _volume(tmp_path):
    return Volume(str(tmp_path))


def only(volume):
    (backup,) = read_catalog(volume).backups
    return backup


def test_an_empty_volume_holds_nothing(volume):
    assert read_catalog(volume) == read_catalog(volume, ("hourly",))
    assert read_catalog(volume).backups == read_catalog(volume).strays == ()


def test_a_dump_with_its_manifest_is_proven(volume):
    path = lay_down(volume, "hourly", sample_manifest())
    backup = only(volume)
    assert (backup.state, backup.tier, backup.path, backup.time) == (PROVEN, "hourly", path, NOON)
    assert backup.size == len(dump_content(NOON))
    assert backup.manifest == sample_manifest()


def test_cheap_facts_are_those_of_the_manifest(volume):
    lay_down(volume, "hourly", sample_manifest())
    cheap, whole = only(volume).facts, sample_manifest()
    assert (cheap.plain_size, cheap.server_version, cheap.database_names) == (whole.plain_size, whole.server_version, DATABASES)


def test_a_backup_with_a_stored_manifest_can_be_compared_and_replaced(volume):
    lay_down(volume, "hourly", sample_manifest())
    one, other = only(volume), only(volume)
    assert one == other
    assert hash(one) == hash(other)
    assert replace(one, tier="daily").manifest == sample_manifest()
    with pytest.raises(AttributeError):
        one.manifest = None


def test_a_dump_of_the_predecessor_is_unproven(volume):
    lay_down(volume, "hourly", None, codec="gzip")
    assert only(volume).state == UNPROVEN
    assert "predecessor" in only(volume).why
    assert only(volume).manifest is only(volume).facts is None


def test_a_dump_of_ours_without_manifest_is_unproven(volume):
    lay_down(volume, "hourly", None)
    assert (only(volume).state, only(volume).why) == (UNPROVEN, "its manifest is missing; verify it")


def test_an_empty_dump_is_damaged(volume):
    Path(lay_down(volume, "hourly", None, codec="gzip")).write_bytes(b"")
    assert (only(volume).state, only(volume).why) == (DAMAGED, "it is empty")


def test_a_dump_cut_at_any_byte_is_damaged(volume):
    path = lay_down(volume, "hourly", sample_manifest())
    for length in reversed(range(len(dump_content(NOON)))):
        os.truncate(path, length)
        os.utime(path, (NOON.timestamp(), NOON.timestamp()))
        assert only(volume).state == DAMAGED, length


def test_a_dump_that_was_written_to_is_unproven(volume):
    path = lay_down(volume, "hourly", sample_manifest())
    Path(path).write_bytes(dump_content(NOON).replace(b"dump", b"hump"))
    assert only(volume).state == UNPROVEN
    assert "written to after it was proven" in only(volume).why


def test_a_dump_found_damaged_stays_damaged_also_when_it_was_written_to(volume):
    path = lay_down(volume, "hourly", replace(sample_manifest(), damaged='its frame 3 is "gone"\\'))
    assert (only(volume).state, only(volume).why) == (DAMAGED, 'its frame 3 is "gone"\\')
    os.utime(path)
    assert only(volume).state == DAMAGED


def test_a_manifest_of_another_dump_proves_nothing(volume):
    path = lay_down(volume, "hourly", sample_manifest())
    os.rename(path, path.replace("12:07", "13:07"))
    os.rename(path + ".json", path.replace("12:07", "13:07") + ".json")
    assert only(volume).state == DAMAGED
    assert "its manifest belongs to" in only(volume).why
    assert only(volume).order.sequence == 0


def test_no_change_of_a_byte_in_a_manifest_goes_unseen(volume):
    path = Path(lay_down(volume, "hourly", sample_manifest()) + ".json")
    good = path.read_bytes()
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :])
        assert only(volume).state == DAMAGED, position
    path.write_bytes(good)
    assert only(volume).state == PROVEN


def test_no_cut_manifest_is_believed(volume):
    path = Path(lay_down(volume, "hourly", sample_manifest()) + ".json")
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        assert only(volume).state == DAMAGED, length


def test_a_manifest_that_contradicts_itself_is_a_damaged_backup_when_it_is_read(volume):
    wrong = replace(sample_manifest(), plain_size=1)
    lay_down(volume, "hourly", wrong)
    with pytest.raises(BackupDamaged, match="sections do not add up"):
        only(volume).manifest  # noqa: B018


def test_a_manifest_longer_than_one_read_is_read_whole(volume):
    manifest = replace(sample_manifest(), warnings=tuple("a warning of some length, number %d" % number for number in range(9000)))
    assert len(write_manifest(manifest)) > 3 * 64 * 1024
    lay_down(volume, "hourly", manifest)
    assert only(volume).manifest == manifest


def test_a_manifest_that_cannot_be_read_makes_a_damaged_backup_and_not_a_failed_listing(volume):
    path = lay_down(volume, "hourly", None)
    os.mkdir(path + ".json")
    lay_down(volume, "daily", sample_manifest())
    assert [backup.state for backup in read_catalog(volume).backups] == [DAMAGED, PROVEN]


def test_everything_else_is_a_stray_and_is_left_alone(volume):
    path = lay_down(volume, "hourly", sample_manifest())
    folder = Path(path).parent
    for name in ("backup-notes.txt", "dumpall.sql.gz", os.path.basename(path) + ".part", "backup-2099$(touch pwned)-x.gz"):
        (folder / name).write_text("something")
    (folder / "backup-2026-13-22T12:07:00Z-dumpall.sql.gz").write_text("no such month")
    (folder / "backup-2026-11-22T24:00:00Z-dumpall.sql.gz").write_text("no such hour")
    (folder / "backup-2026-11-22T13:07:00Z-dumpall.sql.gz.json").write_text("no dump")
    (folder / "backup-2026-11-22T14:07:00Z-dumpall.sql.gz").mkdir()
    (folder / "backup-2026-11-22T15:07:00Z-dumpall.sql.gz").symlink_to(path)
    (folder / "deeper").mkdir()
    before = files_below(volume.root)
    catalog = read_catalog(volume)
    assert [backup.path for backup in catalog.backups] == [path]
    assert {os.path.basename(stray.path) for stray in catalog.strays} == set(os.listdir(folder)) - {
        os.path.basename(path),
        os.path.basename(path) + ".json",
    }
    assert {stray.why for stray in catalog.strays if stray.path.endswith(".json")} == {"it is the manifest of a dump that is not there"}
    assert files_below(volume.root) == before


def test_one_backup_may_be_in_several_tiers(volume):
    lay_down(volume, "hourly", sample_manifest())
    lay_down(volume, "daily", sample_manifest())
    lay_down(volume, "daily", sample_manifest(hours(-1), 7))
    catalog = read_catalog(volume)
    assert [(backup.tier, backup.name[11:13]) for backup in catalog.backups] == [("hourly", "12"), ("daily", "12"), ("daily", "11")]
    assert len(catalog.of_tier("daily")) == 2
    assert read_catalog(volume, ("daily",)).backups == catalog.of_tier("daily")


def test_backups_keep_their_order_when_the_clock_jumps(volume):
    made = [hours(0), hours(1), hours(50000), hours(2), hours(-3), hours(50001), hours(3)]
    for sequence, time in enumerate(made, start=1):
        lay_down(volume, "hourly", sample_manifest(time, sequence))
    backups = read_catalog(volume).backups
    assert [backup.time for backup in backups] == made
    assert [backup.order for backup in backups] == sorted(backup.order for backup in backups)


def test_dumps_without_sequence_stand_where_their_time_puts_them(volume):
    lay_down(volume, "hourly", sample_manifest(hours(0), 1))
    lay_down(volume, "hourly", sample_manifest(hours(-5), 2))
    lay_down(volume, "hourly", None, hours(-1), codec="gzip")
    lay_down(volume, "hourly", None, hours(4), codec="gzip")
    assert [backup.time for backup in read_catalog(volume).backups] == [hours(-1), hours(0), hours(-5), hours(4)]


@pytest.mark.parametrize("both", [True, False])
def test_a_backup_that_is_removed_during_the_listing_is_not_listed(volume, monkeypatch, both):
    gone = lay_down(volume, "hourly", sample_manifest())
    lay_down(volume, "hourly", sample_manifest(hours(1), 2))
    really_open = os.open

    def open_late(path, *arguments, **options):
        if path == gone + ".json":
            os.unlink(gone)
            if both:
                os.unlink(gone + ".json")
        return really_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", open_late)
    names = [backup.time for backup in read_catalog(volume).backups]
    assert names == ([hours(1)] if both else [NOON, hours(1)])


def test_a_dump_whose_manifest_goes_away_during_the_listing_is_unproven(volume, monkeypatch):
    path = lay_down(volume, "hourly", sample_manifest())
    really_open = os.open

    def open_late(name, *arguments, **options):
        if name == path + ".json":
            os.unlink(name)
        return really_open(name, *arguments, **options)

    monkeypatch.setattr(os, "open", open_late)
    assert only(volume).state == UNPROVEN


def test_a_tier_that_cannot_be_listed_is_told(volume):
    Path(volume.root, "weekly").write_text("")
    with pytest.raises(VolumeError, match=r"Listing the backups in .*weekly failed"):
        read_catalog(volume)


def test_local_time_called_utc_makes_no_backup_newer_than_its_last_byte(volume):
    # Tokyo's noon was called 12:07Z; three hours later, as UTC says, the first of ours is made.
    of_tokyo = lay_down(volume, "hourly", None, hours(0), codec="gzip")
    os.utime(of_tokyo, (hours(-9).timestamp(),) * 2)
    lay_down(volume, "hourly", sample_manifest(hours(-6)))
    assert [backup.time for backup in read_catalog(volume).backups] == [hours(0), hours(-6)]


def test_a_dump_that_was_copied_here_later_keeps_its_place(volume):
    os.utime(lay_down(volume, "hourly", None, hours(0), codec="gzip"), (hours(99).timestamp(),) * 2)
    lay_down(volume, "hourly", sample_manifest(hours(1)))
    assert [backup.time for backup in read_catalog(volume).backups] == [hours(0), hours(1)]


def test_a_time_of_writing_that_no_time_zone_explains_says_nothing(volume):
    # Archives without times unpack as of 1970; the name is then all that is known.
    os.utime(lay_down(volume, "hourly", None, hours(0), codec="gzip"), (0, 0))
    lay_down(volume, "hourly", sample_manifest(hours(-6)))
    assert [backup.time for backup in read_catalog(volume).backups] == [hours(-6), hours(0)]


def test_backups_beside_the_tiers_are_told(volume):
    path = Path(lay_down(volume, "saved", sample_manifest()))
    os.link(path, Path(volume.root, path.name))
    Path(volume.root, "lost+found").mkdir()
    Path(volume.root, "notes.txt").write_text("notes")
    catalog = read_catalog(volume)
    assert catalog.backups == ()
    assert {os.path.relpath(stray.path, volume.root): "move" in stray.why for stray in catalog.strays} == {"saved": True, path.name: True}
    assert read_catalog(volume, ("hourly",)).strays == ()


def test_what_the_predecessor_left_unfinished_is_explained(volume):
    Path(volume.root, "hourly").mkdir()
    Path(volume.root, "hourly", "dumpall.sql.gz").write_bytes(b"x")
    (stray,) = read_catalog(volume).strays
    assert "the predecessor did not finish" in stray.why
