# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time, whatever becomes of the others."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import Busy, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.holder import this_holder
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.lease import hold
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.lease_record import LeaseRecord
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume

ENGINE = "ansible_collections.bandr.postgres.plugins.module_utils._engine"
SHORT = 0.6
HOLD = """
import sys, time
from %s.volume.lease import hold
from %s.volume.root import Volume
with hold(Volume(sys.argv[1]), "dump"):
    print("held", flush=True)
    time.sleep(60)
""" % (ENGINE, ENGINE)
COUNT = """
import sys, time
from %s.volume.lease import hold
from %s.volume.root import Volume
path = sys.argv[1] + "/count"
for _ in range(5):
    with hold(Volume(sys.argv[1]), "catalog", wait_seconds=120) as lease:
        number = int(open(path).read())
        time.sleep(0.01)
        lease.check()
        with open(path, "w") as file:
            file.write(str(number + 1))
""" % (ENGINE, ENGINE)


@pytest.fixture(name="volume")
def _volume(tmp_path):
    return Volume(str(tmp_path))


@pytest.fixture(name="holder")
def _holder(volume):
    """A process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, volume.root], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def record_of(volume):
    return LeaseRecord(os.path.join(volume.make_private(), "dump.lease"))


def claim_from_elsewhere(volume, counter=1):
    """What a run on another machine writes."""
    elsewhere = replace(this_holder(volume.make_private()), host="far-away", pid=4711, boot_id="another boot")
    record_of(volume).claim(elsewhere, "another owner", counter, SHORT)


def no_flock(monkeypatch):
    def flock(descriptor, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)


def take(volume, **options):
    with hold(volume, "dump", lease_seconds=SHORT, **options) as lease:
        lease.check()


def test_a_second_run_is_told_who_holds_the_lock(volume, holder):
    with pytest.raises(Busy, match=r"process %d on \S+, holds the lock 'dump' of .* Nothing was changed" % holder.pid):
        take(volume)


def test_the_same_process_cannot_hold_a_lock_twice(volume):
    with hold(volume, "dump"), pytest.raises(Busy):
        take(volume)
    take(volume)


def test_two_locks_do_not_hinder_each_other(volume):
    with hold(volume, "dump"), hold(volume, "catalog") as lease:
        lease.check()


def test_the_lock_of_a_killed_run_is_taken_over_at_once(volume, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not record_of(volume).read().free
    begun = time.monotonic()
    with hold(volume, "dump", lease_seconds=60) as lease:
        lease.check()
    assert time.monotonic() - begun < 10


def test_a_run_waits_until_the_other_ends_and_says_so_once(volume):
    said, ended = [], threading.Event()

    def other():
        with hold(volume, "dump"):
            ended.set()
            time.sleep(1)

    thread = threading.Thread(target=other)
    thread.start()
    ended.wait()
    begun = time.monotonic()
    take(volume, wait_seconds=60, on_wait=said.append)
    assert time.monotonic() - begun > 0.5
    thread.join()
    assert said == ["Waiting for process %d on %s, which holds the lock 'dump' of %s." % (os.getpid(), os.uname().nodename, volume.root)]


def test_waiting_ends_when_its_time_is_over(volume):
    with hold(volume, "dump"):
        begun = time.monotonic()
        with pytest.raises(Busy):
            take(volume, wait_seconds=0.5)
        assert 0.5 <= time.monotonic() - begun < 10


def test_processes_that_race_go_one_after_another(volume):
    count = Path(volume.root, "count")
    count.write_text("0")
    with ExitStack() as stack:
        processes = [stack.enter_context(subprocess.Popen([sys.executable, "-c", COUNT, volume.root])) for _process in range(4)]
        assert [process.wait() for process in processes] == [0] * 4
    assert count.read_text() == "20"


def test_a_failed_run_gives_its_lock_back(volume):
    with pytest.raises(ValueError, match="something"), hold(volume, "dump"):
        raise ValueError("something")
    assert record_of(volume).read().free
    take(volume)


def test_a_child_that_outlives_the_run_does_not_keep_the_lock(volume):
    with hold(volume, "dump"):
        child = subprocess.Popen(["sleep", "60"])
    try:
        take(volume)
    finally:
        child.kill()
        child.wait()


def test_a_lease_of_another_machine_that_stands_still_is_taken_over_after_its_time(volume):
    claim_from_elsewhere(volume)
    said = []
    begun = time.monotonic()
    take(volume, on_wait=said.append)
    assert SHORT <= time.monotonic() - begun < 10
    assert said == ["Waiting for process 4711 on far-away, which holds the lock 'dump' of %s." % volume.root]


def test_a_lease_is_given_the_time_that_its_holder_asked_for(volume):
    claim_from_elsewhere(volume)
    begun = time.monotonic()
    with hold(volume, "dump", lease_seconds=0.05):
        assert time.monotonic() - begun >= SHORT


def test_a_lease_of_another_machine_that_moves_is_respected(volume):
    with moving_from_elsewhere(volume), pytest.raises(Busy, match="process 4711 on far-away"):
        take(volume)


def test_a_lease_of_another_machine_that_moves_is_waited_for(volume):
    with moving_from_elsewhere(volume) as stop:
        threading.Timer(SHORT * 2, stop).start()
        begun = time.monotonic()
        take(volume, wait_seconds=60)
        assert SHORT * 2 <= time.monotonic() - begun < 30


class moving_from_elsewhere:  # noqa: N801
    """A run on another machine that renews its lease, until it is told to give it back."""

    def __init__(self, volume):
        self._volume = volume
        self._ended = threading.Event()
        claim_from_elsewhere(volume)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self._ended.set

    def __exit__(self, *error):
        self._ended.set()
        self._thread.join()

    def _run(self):
        counter = 1
        while not self._ended.wait(SHORT / 6):
            counter += 1
            claim_from_elsewhere(self._volume, counter)
        if record_of(self._volume).read().owner == "another owner":
            record_of(self._volume).clear()


def test_another_mount_of_the_same_machine_keeps_locks_of_its_own(volume):
    """So it is with file systems in user space: two mounts, one kernel, and neither sees the other's flock."""
    elsewhere = replace(this_holder(volume.make_private()), device=0)
    record_of(volume).claim(elsewhere, "another owner", 1, SHORT)
    begun = time.monotonic()
    take(volume)
    assert time.monotonic() - begun >= SHORT


@pytest.mark.parametrize("content", [b"\0" * 512, b"{", b"[1]", b'{"owner": 3, "seconds": "x"}'])
def test_a_lease_that_cannot_be_read_runs_out_like_any_other(volume, content):
    Path(record_of(volume).path).write_bytes(content)
    begun = time.monotonic()
    take(volume)
    assert time.monotonic() - begun >= SHORT


def test_without_flock_the_lease_alone_keeps_others_out(volume, monkeypatch):
    no_flock(monkeypatch)
    with hold(volume, "dump", lease_seconds=SHORT) as lease:
        with pytest.raises(Busy):
            take(volume)
        time.sleep(SHORT * 2)
        lease.check()
    begun = time.monotonic()
    take(volume)
    assert time.monotonic() - begun < SHORT


def test_without_flock_only_one_of_many_gets_the_lock(volume, monkeypatch):
    no_flock(monkeypatch)
    claim_from_elsewhere(volume)
    together, inside, most, busy = threading.Barrier(4), [], [], []

    def run():
        together.wait()
        try:
            with hold(volume, "dump", lease_seconds=2):
                inside.append(1)
                most.append(len(inside))
                time.sleep(SHORT)
                inside.pop()
        except Busy:
            busy.append(1)

    threads = [threading.Thread(target=run) for _thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert len(most) + len(busy) == 4


def test_without_flock_the_last_of_two_that_take_a_free_lock_has_it(volume, monkeypatch):
    no_flock(monkeypatch)
    really_claim, others = LeaseRecord.claim, []

    def claim(record, *arguments):
        really_claim(record, *arguments)
        if not others:
            others.append(1)
            claim_from_elsewhere(volume)

    monkeypatch.setattr(LeaseRecord, "claim", claim)
    with pytest.raises(Busy, match="process 4711 on far-away, holds the lock"):
        take(volume)
    assert record_of(volume).read().owner == "another owner"


def test_a_run_that_lost_its_lease_is_told_and_does_not_take_the_others_away(volume):
    with hold(volume, "dump", lease_seconds=SHORT) as lease:
        claim_from_elsewhere(volume)
        with pytest.raises(Busy, match="process 4711 on far-away took over its lock 'dump'"):
            lease.check()
        time.sleep(SHORT)
        assert record_of(volume).read().owner == "another owner"
    assert record_of(volume).read().owner == "another owner"


def test_a_run_whose_volume_went_away_is_told(volume):
    with hold(volume, "dump") as lease:
        shutil.rmtree(volume.private)
        with pytest.raises(VolumeError, match="Reading the lock 'dump' failed: a file or folder went away"):
            lease.check()


def test_a_lock_on_a_volume_that_cannot_be_written_is_refused_in_a_sentence(volume, monkeypatch):
    def flock(descriptor, how):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(VolumeError, match=r"Taking the lock 'dump' of .* failed: the storage answers"):
        take(volume)


def test_the_lease_keeps_its_size(volume):
    path = record_of(volume).path
    with hold(volume, "dump"):
        assert os.path.getsize(path) == 512
    assert os.path.getsize(path) == 512
