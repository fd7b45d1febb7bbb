# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A volume that runs full, for real: a small file system in memory."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.lease import hold
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.pins import pin, pinned
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.promotion import link_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.removal import remove_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.sweep import sweep
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.work import new_work
from ansible_collections.bandr.postgres.tests.volumes.samples import hours, listed, publish, sample_manifest, write_dump

OLD_LISTED = [("hourly", "2026-11-22T12:07:00Z", "proven")]


@pytest.fixture(name="volume")
def _volume(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)], check=False).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        volume = open_volume(str(tmp_path))
        with hold(volume, "dump"), hold(volume, "catalog"):
            publish(volume)
        yield volume
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def fill(volume, leave=0):
    """Take all room but so many blocks of 4 KiB."""
    with open(os.path.join(volume.root, "filler"), "ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
        file.truncate(os.fstat(file.fileno()).st_size // 4096 * 4096 - leave * 4096)


@pytest.mark.parametrize("blocks", range(6))
def test_publishing_on_a_full_volume_leaves_nothing_behind(volume, blocks):
    fill(volume, blocks)
    try:
        publish(volume, hours(1), 2)
    except VolumeError as error:
        assert "the volume is full" in error.message
        assert listed(volume) == OLD_LISTED
    except OSError:
        # Not even the dump went in, which its writer has to tell.
        assert listed(volume) == OLD_LISTED
    else:
        assert blocks >= 3
        assert len(listed(volume)) == 2
    assert os.listdir(os.path.join(volume.private, "work")) == []


def test_a_full_volume_can_be_locked_swept_and_pruned(volume):
    half = Path(volume.make_private("work"), "half")
    half.mkdir()
    (half / "dump").write_bytes(b"x" * 8192)
    second = publish(volume, hours(1), 2)
    fill(volume)
    with hold(volume, "dump", lease_seconds=0.3) as lease, hold(volume, "catalog"):
        lease.check()
        assert len(sweep(volume)) == 1
        remove_backup(volume, second)
    assert listed(volume) == OLD_LISTED
    publish(volume, hours(2), 3)


def test_a_full_volume_can_be_read_and_its_backups_pinned(volume):
    fill(volume)
    (backup,) = read_catalog(volume).backups
    with pin(volume, backup.file_name):
        assert pinned(volume) == {backup.file_name}


@pytest.mark.parametrize("linking", [True, False])
def test_promoting_on_a_full_volume_is_told(volume, monkeypatch, linking):
    volume.make_tier("daily")
    fill(volume)
    if not linking:
        monkeypatch.setattr(os, "link", refuse_to_link)
    (backup,) = read_catalog(volume).backups
    with pytest.raises(VolumeError, match=r"Promoting .* failed: the volume is full|Publishing .* failed: the volume is full"):
        link_backup(volume, backup, "daily")
    assert {entry for entry in listed(volume) if entry[2] == "proven"} == set(OLD_LISTED)
    os.unlink(os.path.join(volume.root, "filler"))
    assert link_backup(volume, backup, "daily") in ("link", "copy")


def refuse_to_link(*arguments, **options):
    raise OSError(1, "Operation not permitted")


def test_a_dump_that_was_cut_short_by_a_full_volume_is_never_published(volume):
    manifest = sample_manifest(hours(1), 2)
    with pytest.raises(VolumeError, match="not the one its manifest is about"), new_work(volume) as work:
        write_dump(work.dump_path, manifest)
        os.truncate(work.dump_path, manifest.stored_size - 1)
        os.utime(work.dump_path, ns=(manifest.modified_ns, manifest.modified_ns))
        work.publish("hourly", replace(manifest))
    assert listed(volume) == OLD_LISTED
