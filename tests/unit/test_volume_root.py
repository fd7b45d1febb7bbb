# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folders are taken for a volume."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume, open_volume


def test_a_missing_folder_is_an_error_and_is_not_made(tmp_path):
    with pytest.raises(VolumeError, match="does not exist"):
        open_volume(str(tmp_path / "backup"))
    assert not (tmp_path / "backup").exists()


def test_a_file_is_no_volume(tmp_path):
    (tmp_path / "backup").write_text("")
    with pytest.raises(VolumeError, match="is a file, not a folder"):
        open_volume(str(tmp_path / "backup"))


def test_an_empty_name_is_a_mistake_of_the_user():
    with pytest.raises(UsageError, match="The variable root is empty"):
        open_volume("")


def test_the_folder_of_an_image_without_a_volume_is_told_from_a_volume(tmp_path):
    (tmp_path / ".bandr-no-volume").write_text("")
    for writable in (True, False):
        with pytest.raises(VolumeError, match="No volume is mounted at"):
            open_volume(str(tmp_path), writable)


def test_opening_writes_nothing(tmp_path):
    assert open_volume(str(tmp_path)) == Volume(str(tmp_path), True)
    assert list(tmp_path.iterdir()) == []


def test_a_volume_that_may_not_be_written_can_still_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with pytest.raises(VolumeError, match=r"User id \d+ may not write to the volume .* Nothing was changed"):
        open_volume(str(tmp_path))
    assert open_volume(str(tmp_path), writable=False) == Volume(str(tmp_path), False)


def test_whose_a_volume_is_that_may_not_be_written_is_said_with_the_cure(tmp_path, monkeypatch):
    (tmp_path / "hourly").mkdir(0o755)
    os.chmod(tmp_path / "hourly", 0o755)
    volume = open_volume(str(tmp_path))
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    words = r"the folder .*/hourly, which belongs to user %d and group %d with mode 0755\. Nothing was changed\. .* fsGroup" % (
        os.stat(tmp_path).st_uid,
        os.stat(tmp_path).st_gid,
    )
    with pytest.raises(VolumeError, match=words):
        volume.check_tier("hourly")
    volume.check_tier("daily")


def test_a_volume_that_may_not_be_read_is_told_as_that(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(VolumeError, match="may not read the volume"):
        open_volume(str(tmp_path), writable=False)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_read_only_mount_is_told_as_that(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", str(tmp_path)], check=False).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        with pytest.raises(VolumeError, match="is mounted read-only"):
            open_volume(str(tmp_path))
        assert open_volume(str(tmp_path), writable=False).writable is False
        with pytest.raises(VolumeError, match="the volume is mounted read-only"):
            Volume(str(tmp_path)).make_tier("hourly")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_folders_are_made_on_demand_and_closed_to_others(tmp_path, umask):
    volume = Volume(str(tmp_path))
    before = os.umask(umask)
    try:
        folders = [volume.make_tier("daily"), volume.make_private(), volume.make_private("pins")]
    finally:
        os.umask(before)
    assert folders == [str(tmp_path / "daily"), str(tmp_path / ".bandr"), str(tmp_path / ".bandr" / "pins")]
    assert [stat.S_IMODE(os.stat(folder).st_mode) for folder in folders] == [0o750] * 3
    assert volume.make_tier("daily") == folders[0]
    # A folder that hands its group on goes on to do so.
    os.chmod(tmp_path, 0o2770)
    assert stat.S_IMODE(os.stat(volume.make_tier("weekly")).st_mode) == 0o2750


def test_a_file_in_the_place_of_a_tier_is_told(tmp_path):
    (tmp_path / "daily").write_text("")
    with pytest.raises(VolumeError, match="there is something of that name already"):
        Volume(str(tmp_path)).make_tier("daily")


def test_an_unknown_tier_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(UsageError, match="There is no tier 'yearly'"):
        Volume(str(tmp_path)).tier("yearly")
