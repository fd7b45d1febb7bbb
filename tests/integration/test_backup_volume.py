# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes that are full, read-only, missing or not mounted: a sentence, and nothing lost."""

from __future__ import annotations

import os
import subprocess

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.dump import DumpSettings
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import VolumeError
from ansible_collections.bandr.postgres.tests.servers.commands import Clients, listed, run, start, unfinished, verify_all
from ansible_collections.bandr.postgres.tests.servers.engine import connection_to

PAGE = 4096
WHAT_IS_SAFE = ("No backup was made", "No backup was touched", "No older backup was touched", "Nothing was changed", "stays in its tier")


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    """A server whose dump does not compress well."""
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE DATABASE a_big")
    server.psql("CREATE TABLE big AS SELECT md5(g::text) || md5((-g)::text) AS t FROM generate_series(1, 20000) g", "a_big")
    return server


class SmallVolume:
    """A file system in memory whose room a test decides."""

    def __init__(self, path):
        self.path = path
        self.mount("size=64m")

    def mount(self, options, remount=False):
        options = ("remount," if remount else "") + options
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)], check=False, capture_output=True)
        if result.returncode and not remount:
            pytest.skip("this machine does not let root mount a file system")
        assert result.returncode == 0, result.stderr

    def leave(self, pages):
        """Leave room for so many pages."""
        status = os.statvfs(self.path)
        used = status.f_blocks - status.f_bfree
        # A size of 0 would mean no limit.
        self.mount("size=%d" % (max(used + pages, 1) * PAGE), remount=True)

    def leave_files(self, count):
        """Leave room for so many files."""
        status = os.statvfs(self.path)
        self.mount("nr_inodes=%d" % (status.f_files - status.f_ffree + count), remount=True)

    def enough(self):
        self.mount("size=64m,nr_inodes=100000", remount=True)


@pytest.fixture
def small(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "small"
    folder.mkdir()
    volume = SmallVolume(folder)
    try:
        yield volume
    finally:
        subprocess.run(["umount", str(folder)], check=os.path.ismount(folder))


def request(root, source, tier="hourly", jobs=1):
    settings = DumpSettings(connection_to(source), jobs=jobs)
    prior = {} if tier == "hourly" else {"prior_tier": "hourly", "prior_count": 1}
    return BackupRequest(str(root), TierPolicy(tier, 24, **prior), settings)


def backup(root, source, clients=None, **options):
    return run_backup(Context(client_folder=clients or source.installation.bin_folder), request(root, source, **options))


def rooms(pages_of_dump):
    """Every page for the small writes before the dump and after it, and leaps through the dump itself."""
    yield from range(8)
    yield from range(8, pages_of_dump - 2, 40)
    yield from range(pages_of_dump - 2, pages_of_dump + 16)


def fill_and_run(small, source, room, **options):
    """One run with little room; whether it succeeded."""
    before = listed(small.path)
    room()
    try:
        backup(small.path, source, **options)
    except VolumeError as error:
        assert "full" in error.message or "No space left on device" in error.message, error.message
        assert any(words in error.message for words in WHAT_IS_SAFE), error.message
        assert error.code == 5
        return False
    finally:
        small.enough()
        after = listed(small.path)
        assert set(after.values()) <= {"proven"}
        assert set(before) <= set(after)
        assert unfinished(small.path) == []
    assert len(after) == len(before) + 1
    return True


def test_a_full_disk_at_every_write_of_a_backup(source, small, tmp_path):
    (tmp_path / "roomy").mkdir()
    pages_of_dump = backup(tmp_path / "roomy", source)["stored_size"] // PAGE
    assert pages_of_dump > 100
    for made in range(2):
        # Once on a volume that was never used, once on one that holds a backup.
        failures = 0
        for pages in rooms(pages_of_dump):
            if fill_and_run(small, source, lambda pages=pages: small.leave(pages)):
                break
            failures += 1
        assert len(listed(small.path)) == made + 1, "no run succeeded"
        assert failures > 12 and pages > pages_of_dump
    verify_all(small.path)
    assert backup(small.path, source)["swept"] == []


def test_a_full_disk_while_a_database_waits_for_its_turn(source, small, tmp_path):
    clients = Clients(tmp_path / "clients", source.installation)
    # The first in the file is the last to come, so that all of the big one waits beside the file.
    clients.hook("pg_dump", before='case "$*" in *template1*) sleep 0.5;; esac')
    (tmp_path / "roomy").mkdir()
    options = {"jobs": 2, "clients": clients.path}
    pages_of_dump = backup(tmp_path / "roomy", source, **options)["stored_size"] // PAGE
    failures = 0
    for pages in range(0, 3 * pages_of_dump, pages_of_dump // 5):
        if fill_and_run(small, source, lambda pages=pages: small.leave(pages), **options):
            break
        failures += 1
    # While it is moved it is there twice.
    assert failures > 5 and pages > 2 * pages_of_dump
    verify_all(small.path)
    assert backup(small.path, source, **options)["swept"] == []


@pytest.mark.parametrize("tier", ["hourly", "daily"])
def test_no_room_for_another_file_at_every_new_file(source, small, tier):
    backup(small.path, source)
    for count in range(40):
        if fill_and_run(small, source, lambda count=count: small.leave_files(count), tier=tier):
            assert count > 2
            break
    else:
        pytest.fail("no run succeeded")
    verify_all(small.path)


def test_a_full_disk_at_every_write_of_a_promotion(source, small):
    backup(small.path, source)
    for pages in range(20):
        if fill_and_run(small, source, lambda pages=pages: small.leave(pages), tier="daily"):
            break
    else:
        pytest.fail("no run succeeded")
    verify_all(small.path)


def test_the_sentence_of_a_full_disk(source, small):
    run(small.path, source, "backup")
    small.leave(20)
    ended = run(small.path, source, "backup")
    assert (ended.code, ended.result["reason"]) == (5, "volume"), ended.said
    assert "No space left on device" in ended.message and "make room" in ended.message
    assert run(small.path, None, "list").code == 0
    assert run(small.path, None, "verify").code == 0


def test_what_a_killed_run_left_on_a_full_disk_makes_room_for_the_next(source, small, newest_installation, tmp_path):
    run(small.path, source, "backup")
    used = os.statvfs(small.path)
    size = used.f_blocks - used.f_bfree
    clients = Clients(tmp_path / "clients", newest_installation)
    held = clients.hold("zstd", 5)
    running = start(small.path, source, "backup", clients=clients.path)
    process = held.wait()
    running.kill()
    running.wait()
    os.kill(process, 9)
    small.leave(0)
    assert size > 0 and unfinished(small.path)
    ended = run(small.path, source, "backup")
    # There is room for what the dead run had, or the run says that there is not; either way its leavings are gone.
    assert ended.code in (0, 5), ended.said
    assert unfinished(small.path) == []
    small.enough()
    assert run(small.path, source, "backup").code == 0


def test_a_read_only_volume(source, small):
    made = run(small.path, source, "backup").result["backup"]["name"]
    small.mount("ro", remount=True)
    for arguments in (("backup",), ("backup", "--tier", "daily", "--prior-count", "1")):
        ended = run(small.path, source, *arguments)
        assert (ended.code, ended.result["reason"]) == (5, "volume")
        assert "mounted read-only" in ended.message and "Nothing was changed" in ended.message
    # What needs no writing works.
    assert run(small.path, None, "list").code == 0
    verified = run(small.path, None, "verify")
    assert verified.code == 0 and not verified.result["changed"]
    assert run(small.path, source, "backup", "--dry-run").code == 0
    small.mount("rw", remount=True)
    assert listed(small.path) == {"hourly " + made: "proven"}


@pytest.mark.parametrize("arguments", [("backup",), ("backup", "--tier", "daily"), ("list",), ("verify",), ("recover",)])
def test_a_volume_that_is_not_there(source, tmp_path, arguments):
    ended = run(tmp_path / "none", source, *arguments)
    assert (ended.code, ended.result["reason"]) == (5, "volume")
    assert "does not exist" in ended.message and "Mount it" in ended.message
    assert not (tmp_path / "none").exists()
    file = tmp_path / "file"
    file.write_text("")
    ended = run(file, source, *arguments)
    assert ended.code == 5 and "is a file, not a folder" in ended.message
    image = tmp_path / "image"
    image.mkdir()
    (image / ".bandr-no-volume").write_text("")
    ended = run(image, source, *arguments)
    assert ended.code == 5 and "No volume is mounted" in ended.message
    assert [path.name for path in image.iterdir()] == [".bandr-no-volume"]


def test_a_volume_that_goes_away_in_the_middle(source, small, newest_installation, tmp_path):
    clients = Clients(tmp_path / "clients", newest_installation)
    held = clients.hold("zstd", 3)
    running = start(small.path, source, "backup", clients=clients.path)
    held.wait()
    subprocess.run(["umount", "--lazy", str(small.path)], check=True)
    held.let_go()
    ended = running.wait()
    assert (ended.code, ended.result["reason"]) == (5, "volume"), ended.said
    assert "went away meanwhile" in ended.message or "No such file" in ended.message
    assert listed(small.path) == {}
