# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unfinished work becomes a backup in one way only."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import Interrupted, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.pins import pin
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.proof_record import record_proof
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.sweep import sweep
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.work import new_work
from ansible_collections.bandr.postgres.tests.volumes.faults import Steps, dies_after, dies_at
from ansible_collections.bandr.postgres.tests.volumes.samples import (
    files_below,
    hours,
    lay_down,
    listed,
    publish,
    sample_manifest,
    without_sequence,
    write_dump,
)


@pytest.fixture(name="volume")
def _volume(tmp_path):
    return Volume(str(tmp_path))


def die_after_naming_the_dump(volume):
    dies_after(lambda: publish(volume), "link")


def test_a_published_backup_is_proven_and_closed_to_others(volume):
    backup = publish(volume)
    assert backup.proven
    assert backup.manifest == sample_manifest()
    assert read_catalog(volume).backups == (backup,)
    for path in (backup.path, backup.path + ".json"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o640
    assert os.listdir(os.path.join(volume.private, "work")) == []


def test_the_work_is_closed_to_others(volume):
    with new_work(volume) as work:
        assert stat.S_IMODE(os.stat(work.folder).st_mode) & 0o007 == 0


@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt, Interrupted])
def test_work_that_is_not_published_leaves_nothing(volume, end):
    def run():
        with new_work(volume) as work:
            Path(work.dump_path).write_bytes(b"half")
            if end is not None:
                raise end(15)

    if end is None:
        run()
    else:
        with pytest.raises(end):
            run()
    assert files_below(volume.root) == {}


def test_an_interruption_amid_publication_takes_it_back(volume, monkeypatch):
    really_rename = os.rename

    def rename(source, target):
        really_rename(source, target)
        if target.endswith(".zst.json"):
            raise Interrupted(15)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(Interrupted):
        publish(volume)
    assert files_below(volume.root) == {}


@pytest.mark.parametrize("linking", [True, False])
def test_a_dump_of_the_same_name_is_never_replaced(volume, monkeypatch, linking):
    if not linking:
        monkeypatch.setattr(os, "link", refuse_to_link)
    path = lay_down(volume, "hourly", None)
    Path(path).write_bytes(b"somebody else's")
    before = files_below(volume.root)
    with pytest.raises(VolumeError, match="there is something of that name already"):
        publish(volume)
    assert files_below(volume.root) == before


def refuse_to_link(*arguments, **options):
    raise OSError(95, "Operation not supported")


def test_a_death_before_a_name_is_taken_does_not_cost_its_rightful_owner(volume):
    """The intent of a dead run names a place where another's dump lies, byte for byte of the same size and time."""
    path = lay_down(volume, "hourly", None)
    steps = Steps()
    with steps.watched(lambda number, name: None), pytest.raises(VolumeError):
        publish(volume)
    for number in range(1, len(steps.made) + 1):
        with suppress(VolumeError):
            dies_at(lambda: publish(volume), number, done_first=True)
        sweep(volume)
        assert Path(path).exists(), number
    assert [state for _tier, _name, state in listed(volume)] == ["unproven"]


def test_a_manifest_that_outlived_an_older_dump_of_that_name_vouches_for_nothing(volume):
    path = lay_down(volume, "hourly", sample_manifest(sequence=7))
    os.unlink(path)
    backup = publish(volume)
    assert backup.proven
    assert backup.order.sequence == 1


def test_a_manifest_that_outlived_an_older_dump_does_not_save_one_that_was_never_published(volume):
    os.unlink(lay_down(volume, "hourly", sample_manifest(sequence=7)))
    die_after_naming_the_dump(volume)
    assert [state for _tier, _name, state in listed(volume)] == ["unproven"]
    sweep(volume)
    assert listed(volume) == []


def test_a_dump_that_is_not_the_manifests_is_refused(volume):
    for wrong in (
        replace(sample_manifest(), stored_size=3, sections=sample_manifest().sections[:1]),
        replace(sample_manifest(), modified_ns=1),
    ):
        with pytest.raises(VolumeError), new_work(volume) as work:
            write_dump(work.dump_path, sample_manifest())
            work.publish("hourly", wrong)
        assert files_below(volume.root) == {}


def test_a_manifest_that_contradicts_itself_is_refused(volume):
    with pytest.raises(VolumeError, match="its manifest contradicts itself"), new_work(volume) as work:
        write_dump(work.dump_path, sample_manifest())
        work.publish("hourly", replace(sample_manifest(), plain_size=3))
    assert files_below(volume.root) == {}


def test_a_sweep_says_what_it_removed(volume):
    publish(volume, hours(-2))
    os.makedirs(os.path.join(volume.private, "work", "half"))
    Path(volume.private, "work", "half", "dump").write_bytes(b"half")
    os.unlink(lay_down(volume, "daily", sample_manifest()))
    assert sweep(volume) == [
        "Removed the unfinished work half of a run that did not reach its end.",
        "Removed the manifest backup-2026-11-22T12:07:00Z-dumpall.sql.zst.json from daily: its dump is gone.",
    ]
    assert sweep(volume) == []
    assert len(listed(volume)) == 1


def test_a_sweep_takes_back_a_dump_whose_manifest_never_came(volume):
    die_after_naming_the_dump(volume)
    assert [state for _tier, _name, state in listed(volume)] == ["unproven"]
    assert sweep(volume) == [
        "Removed backup-2026-11-22T12:07:00Z-dumpall.sql.zst from hourly: the run that made it ended before it was published."
    ]
    assert listed(volume) == []


def test_a_sweep_leaves_a_dump_that_is_being_read_to_the_next(volume):
    die_after_naming_the_dump(volume)
    with pin(volume, "backup-2026-11-22T12:07:00Z-dumpall.sql.zst"):
        assert sweep(volume) == []
        assert len(listed(volume)) == 1
    assert len(sweep(volume)) == 1
    assert listed(volume) == []


def test_a_sweep_keeps_a_dump_that_was_proven_meanwhile(volume):
    die_after_naming_the_dump(volume)
    (backup,) = read_catalog(volume).backups
    assert record_proof(volume, backup, without_sequence(sample_manifest()))
    assert sweep(volume) != []
    assert [state for _tier, _name, state in listed(volume)] == ["proven"]
    assert os.listdir(os.path.join(volume.private, "work")) == []


def test_a_sweep_never_touches_what_it_does_not_know(volume):
    publish(volume)
    folder = Path(volume.tier("hourly"))
    for name in ("backup-notes.txt", "notes.json", "dumpall.sql.gz", "backup-2026-11-22T13:07:00Z-dumpall.sql.gz"):
        (folder / name).write_text("something")
    Path(volume.root, "notes.json").write_text("something")
    before = files_below(volume.root)
    assert sweep(volume) == []
    assert files_below(volume.root) == before


@pytest.mark.parametrize("intent", ["", "{", "[]", "{}", '{"tier": "hourly"}', None])
def test_an_intent_that_cannot_be_read_was_never_acted_upon(volume, intent):
    path = lay_down(volume, "hourly", None)
    known = os.stat(path)
    if intent is None:
        intent = json.dumps(
            {"tier": "../hourly", "file_name": "x", "inode": known.st_ino, "size": known.st_size, "modified_ns": known.st_mtime_ns}
        )
    os.makedirs(os.path.join(volume.private, "work", "half"))
    Path(volume.private, "work", "half", "intent.json").write_text(intent)
    assert len(sweep(volume)) == 1
    assert os.path.exists(path)


def test_two_backups_of_one_second_do_not_collide(volume):
    publish(volume)
    before = files_below(volume.root)
    with pytest.raises(VolumeError, match="there is something of that name already"):
        publish(volume, sequence=2)
    assert files_below(volume.root) == before
