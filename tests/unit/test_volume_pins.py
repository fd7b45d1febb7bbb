# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that somebody reads are known, and those that nobody reads any more as well."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume import pins
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.holder import this_holder, write_holder
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.pins import pin, pinned
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.sweep import sweep
from ansible_collections.bandr.postgres.tests.volumes.samples import files_below

NAME = "backup-2026-11-22T12:07:00Z-dumpall.sql.zst"
OTHER = "backup-2026-11-22T13:07:00Z-dumpall.sql.gz"
ENGINE = "ansible_collections.bandr.postgres.plugins.module_utils._engine"
READ = """
import sys, time
from %s.volume.pins import pin
from %s.volume.root import Volume
with pin(Volume(sys.argv[1]), sys.argv[2]):
    print("pinned", flush=True)
    time.sleep(60)
""" % (ENGINE, ENGINE)


@pytest.fixture(name="volume")
def _volume(tmp_path):
    return Volume(str(tmp_path))


def pins_of(volume):
    folder = Path(volume.private, "pins")
    return sorted(folder.iterdir()) if folder.exists() else []


def pin_from_elsewhere(volume, age_seconds):
    """What a reader on another machine leaves whose heart last beat that long ago."""
    folder = volume.make_private("pins")
    path = Path(folder, NAME + "~elsewhere")
    path.write_bytes(write_holder(replace(this_holder(folder), boot_id="another boot")))
    os.utime(path, (time.time() - age_seconds,) * 2)
    return path


def test_nothing_is_pinned_where_nobody_ever_read(volume):
    assert pinned(volume) == frozenset()
    assert files_below(volume.root) == {}


def test_a_backup_is_pinned_while_it_is_read(volume):
    with pin(volume, NAME), pin(volume, OTHER), pin(volume, NAME):
        assert pinned(volume) == {NAME, OTHER}
    assert pinned(volume) == frozenset()
    assert pins_of(volume) == []


def test_a_failed_reading_leaves_no_pin(volume):
    with pytest.raises(ValueError, match="something"), pin(volume, NAME):
        raise ValueError("something")
    assert pins_of(volume) == []


def test_another_process_is_seen_while_it_lives_and_not_after_it_was_killed(volume):
    with subprocess.Popen([sys.executable, "-c", READ, volume.root, NAME], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "pinned\n"
        assert pinned(volume) == {NAME}
        sweep(volume)
        assert pinned(volume) == {NAME}
        process.kill()
    assert len(pins_of(volume)) == 1
    assert pinned(volume) == frozenset()
    sweep(volume)
    assert pins_of(volume) == []


def test_a_reader_elsewhere_lives_as_long_as_its_heart_beats(volume):
    path = pin_from_elsewhere(volume, 14 * 60)
    assert pinned(volume) == {NAME}
    sweep(volume)
    assert path.exists()


def test_a_reader_elsewhere_is_dead_after_a_quarter_of_an_hour(volume):
    path = pin_from_elsewhere(volume, 15 * 60 + 5)
    assert pinned(volume) == frozenset()
    sweep(volume)
    assert not path.exists()


def test_this_machines_clock_does_not_matter(volume, monkeypatch):
    pin_from_elsewhere(volume, 0)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert pinned(volume) == {NAME}
    assert [path.name for path in pins_of(volume)] == [NAME + "~elsewhere"]


def test_the_heart_beats(volume, monkeypatch):
    monkeypatch.setattr(pins, "_HEARTBEAT_SECONDS", 0.05)
    with pin(volume, NAME):
        (path,) = pins_of(volume)
        os.utime(path, (0, 0))
        deadline = time.monotonic() + 30
        while os.stat(path).st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert os.stat(path).st_mtime > 0


def test_without_flock_the_heartbeat_tells(volume, monkeypatch):
    def flock(descriptor, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with pin(volume, OTHER):
        monkeypatch.setattr(fcntl, "flock", flock)
        assert pinned(volume) == {OTHER}
    with pin(volume, NAME):
        assert pinned(volume) == {NAME}
        os.utime(pins_of(volume)[0], (0, 0))
        assert pinned(volume) == frozenset()


def test_a_volume_that_cannot_be_written_is_read_without_a_pin(tmp_path):
    volume = Volume(str(tmp_path), writable=False)
    with pin(volume, NAME):
        assert pinned(volume) == frozenset()
    assert files_below(volume.root) == {}


@pytest.mark.parametrize("call", ["mkdir", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_restore_never_fails_for_want_of_a_pin(volume, monkeypatch, call, code):
    def refuse(*arguments, **options):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pin(volume, NAME):
        monkeypatch.undo()
        assert pins_of(volume) == []


def test_a_pin_on_a_full_volume_holds_by_its_name_and_lock(volume, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)
    with pin(volume, NAME):
        assert pinned(volume) == {NAME}
        os.utime(pins_of(volume)[0], (0, 0))
        assert pinned(volume) == {NAME}


def test_a_pin_gets_its_lock_although_somebody_looks_at_it_that_moment(volume, monkeypatch):
    really_try, looks = pins.try_flock, []

    def try_flock(descriptor, how):
        if how == fcntl.LOCK_EX and len(looks) < 3:
            looks.append(1)
            return False
        return really_try(descriptor, how)

    monkeypatch.setattr(pins, "try_flock", try_flock)
    with pin(volume, NAME):
        os.utime(pins_of(volume)[0], (0, 0))
        assert pinned(volume) == {NAME}


def test_a_pin_that_never_got_its_lock_lives_by_its_heartbeat(volume, monkeypatch):
    really_try = pins.try_flock
    monkeypatch.setattr(pins, "try_flock", lambda descriptor, how: how == fcntl.LOCK_SH and really_try(descriptor, how))
    with pin(volume, NAME):
        assert pinned(volume) == {NAME}


def test_a_pin_that_is_not_locked_yet_is_not_swept_away(volume, monkeypatch):
    really_try = pins.try_flock

    def try_flock(descriptor, how):
        if how == fcntl.LOCK_EX:
            sweep(volume)
        return really_try(descriptor, how)

    monkeypatch.setattr(pins, "try_flock", try_flock)
    with pin(volume, NAME):
        assert pinned(volume) == {NAME}


def test_pins_that_cannot_be_listed_stop_whoever_would_prune(volume, monkeypatch):
    volume.make_private("pins")

    def refuse(path):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(VolumeError, match="Listing the backups in use failed: user id"):
        pinned(volume)
    assert pinned(Volume(volume.root, writable=False)) == frozenset()
