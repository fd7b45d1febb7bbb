# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that is written in several places at once: every order of writing and finishing leaves the same bytes."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import threading

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.lanes import Lanes


@pytest.fixture
def file(tmp_path):
    with open(tmp_path / "dump", "xb", buffering=0) as opened:
        yield opened


def lanes_of(file, count):
    lanes = Lanes(file, file.name)
    assert [lanes.add() for _lane in range(count)] == list(range(count))
    return lanes


def check(file, lanes, expected):
    with open(file.name, "rb") as written:
        assert written.read() == expected
    assert (lanes.size, lanes.sha256) == (len(expected), hashlib.sha256(expected).hexdigest())
    assert os.listdir(os.path.dirname(file.name)) == ["dump"], "what waited is removed"


# Two writes for each lane, then its end, in every order that keeps those of one lane.
ORDERS = sorted(set(itertools.permutations([0, 0, 0, 1, 1, 1, 2, 2])))


@pytest.mark.parametrize("orders", [ORDERS[part::8] for part in range(8)])
def test_every_order_leaves_the_same_bytes(tmp_path, orders):
    steps = {0: [b"a" * 10, b"b", None], 1: [b"c" * 7, b"d", None], 2: [b"", None]}
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        with open(folder / "dump", "xb", buffering=0) as file:
            lanes = lanes_of(file, 3)
            left = {lane: iter(parts) for lane, parts in steps.items()}
            lengths = {}
            for lane in order:
                data = next(left[lane])
                if data is None:
                    lengths[lane] = lanes.finish(lane)
                else:
                    lanes.write(lane, data)
            check(file, lanes, b"a" * 10 + b"b" + b"c" * 7 + b"d")
            assert lengths == {0: 11, 1: 8, 2: 0}


def test_what_waits_lies_beside_the_file_and_nobody_else_may_read_it(file):
    lanes = lanes_of(file, 2)
    lanes.write(1, b"later")
    waiting = file.name + ".1"
    assert stat.S_IMODE(os.stat(waiting).st_mode) == 0o640
    assert os.path.getsize(file.name) == 0
    lanes.write(0, b"first ")
    lanes.finish(0)
    assert not os.path.exists(waiting)
    lanes.write(1, b" still")
    lanes.finish(1)
    check(file, lanes, b"first later still")


def test_lanes_that_wait_finished_hold_no_file_open(file):
    before = len(os.listdir("/dev/fd"))
    lanes = lanes_of(file, 300)
    for number in range(1, 300):
        lanes.write(number, b"%d " % number)
        lanes.finish(number)
    assert len(os.listdir("/dev/fd")) == before
    lanes.finish(0)
    assert len(os.listdir("/dev/fd")) == before
    check(file, lanes, b"".join(b"%d " % number for number in range(1, 300)))


def test_what_waited_and_was_cut_short_meanwhile_never_passes(file):
    lanes = lanes_of(file, 2)
    lanes.write(1, b"whole")
    lanes.finish(1)
    os.truncate(file.name + ".1", 3)
    with pytest.raises(OSError, match="5 bytes waited and 3 are there"):
        lanes.finish(0)
    lanes.close()
    assert os.listdir(os.path.dirname(file.name)) == ["dump"]


def test_a_lane_that_is_added_when_all_are_finished_is_next(file):
    lanes = lanes_of(file, 1)
    lanes.write(0, b"one ")
    lanes.finish(0)
    assert lanes.add() == 1
    lanes.write(1, b"two")
    lanes.finish(1)
    check(file, lanes, b"one two")


def test_what_still_waits_is_removed_at_the_end(file):
    lanes = lanes_of(file, 3)
    lanes.write(2, b"never written")
    lanes.close()
    lanes.close()
    assert os.listdir(os.path.dirname(file.name)) == ["dump"]


def test_threads_at_once(file):
    count, chunk = 6, 4096
    lanes = lanes_of(file, count)

    def work(number):
        for part in range(50):
            lanes.write(number, bytes([number * 40 + part % 40]) * chunk)
        lanes.finish(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in reversed(range(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(file, lanes, b"".join(bytes([number * 40 + part % 40]) * chunk for number in range(count) for part in range(50)))


def test_what_the_disk_refuses_is_raised_where_it_is_written(file):
    lanes = lanes_of(file, 2)
    file.close()
    with pytest.raises(ValueError, match="closed"):
        lanes.write(0, b"x")
    lanes.write(1, b"waits")
    with pytest.raises(ValueError, match="closed"):
        lanes.finish(0)
    lanes.close()
    assert os.listdir(os.path.dirname(file.name)) == ["dump"]
