# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The room on a volume."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.space import read_space


def test_the_room_is_that_of_the_file_system(tmp_path):
    space = read_space(open_volume(str(tmp_path), writable=False))
    told = os.statvfs(tmp_path)
    assert space is not None
    assert space["size"] == told.f_blocks * told.f_frsize
    assert 0 <= space["free"] <= space["size"]


def test_what_only_root_may_fill_is_not_free(tmp_path, monkeypatch):
    # Blocks are counted in fragments, whatever size is best for reading.
    told = SimpleNamespace(f_blocks=100, f_bfree=60, f_bavail=50, f_frsize=1024, f_bsize=65536)
    monkeypatch.setattr(os, "statvfs", lambda _path: told)
    assert read_space(open_volume(str(tmp_path), writable=False)) == {"size": 102400, "free": 51200}


@pytest.mark.parametrize("blocks", [0, -1])
def test_storage_that_does_not_count_says_nothing(tmp_path, monkeypatch, blocks):
    monkeypatch.setattr(os, "statvfs", lambda _path: SimpleNamespace(f_blocks=blocks, f_bavail=0, f_frsize=4096))
    assert read_space(open_volume(str(tmp_path), writable=False)) is None


def test_storage_that_does_not_answer_spoils_no_list(tmp_path, monkeypatch):
    volume = open_volume(str(tmp_path), writable=False)

    def broken(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "statvfs", broken)
    assert read_space(volume) is None
