# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup is meant: never another one, never a damaged one, and a sentence that helps when there is none."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, UNPROVEN, Backup, Order
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import TIERS, DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.selection import select
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import SelectionError, UsageError

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)


def backup(time: datetime, tier="hourly", state=PROVEN, why="as it should be", sequence=0, codec="zstd", effective=None) -> Backup:
    name = DumpName(time, codec).file_name
    return Backup(tier, name, "/backup/%s/%s" % (tier, name), time, 1, state, why, Order(effective or time, sequence, name))


def refused(backups, wanted, now=NOON, maximum_age=None, error=SelectionError):
    with pytest.raises(error) as caught:
        select(backups, wanted, now, maximum_age)
    return caught.value


MORNING = [backup(NOON - number * HOUR) for number in range(6, 0, -1)]


@pytest.mark.parametrize("wanted", ["latest", "LATEST", "Latest", " latest "])
def test_latest_is_the_newest_and_its_fallbacks_are_older_ones(wanted):
    selection = select(random.Random(1).sample(MORNING, 6), wanted, NOON)
    assert selection.backup is MORNING[-1]
    assert selection.candidates == tuple(reversed(MORNING))
    assert selection.skipped == () and selection.warnings == ()


@pytest.mark.parametrize("wanted", ["none", "NONE", " None "])
@pytest.mark.parametrize("backups", [[], MORNING])
def test_none_selects_nothing(wanted, backups):
    selection = select(backups, wanted, NOON, MINUTE)
    assert selection.backup is None and selection.candidates == ()


@pytest.mark.parametrize("wanted", ["", " ", "\t\n"])
def test_an_empty_wish_is_an_error_and_not_latest(wanted):
    assert "No backup was named" in refused(MORNING, wanted, error=UsageError).message


@pytest.mark.parametrize("wanted", ["newest", "2026-11-22T11:00:00Q", "backup-", "backup-x", "*", "2026-11-2"])
@pytest.mark.parametrize("backups", [[], MORNING])
def test_what_cannot_be_read_is_a_usage_error_even_on_an_empty_volume(wanted, backups):
    assert "is not a time" in refused(backups, wanted, error=UsageError).message


@pytest.mark.parametrize("wanted", ["latest", "2026-11-22", MORNING[0].file_name, "daily/" + MORNING[0].file_name])
def test_an_empty_volume_has_nothing(wanted):
    assert "no " in refused([], wanted).message


def test_latest_goes_by_the_order_of_making_when_the_clock_was_set_back():
    before = backup(NOON + 8 * HOUR, sequence=1)
    after = backup(NOON, sequence=2, effective=NOON + 8 * HOUR)
    assert select([after, before], "latest", NOON + HOUR).backup is after


def test_latest_passes_over_damaged_ones_and_says_so():
    damaged = [backup(NOON - MINUTE * number, state=DAMAGED, why="its size differs") for number in (1, 2)]
    older_damage = backup(NOON - 5 * HOUR - MINUTE, state=DAMAGED, why="its size differs")
    selection = select([*MORNING, *damaged, older_damage], "latest", NOON)
    assert selection.backup is MORNING[-1]
    assert selection.skipped == tuple((one, "its size differs") for one in damaged)
    assert not {DAMAGED} & {candidate.state for candidate in selection.candidates}


def test_latest_prefers_a_newer_unproven_one_to_an_older_proven_one():
    unproven = backup(NOON - MINUTE, state=UNPROVEN, codec="gzip")
    selection = select([*MORNING, unproven], "latest", NOON)
    assert selection.backup is unproven and selection.candidates[1] is MORNING[-1]


def test_only_damaged_backups_are_an_error_that_says_why():
    message = refused([backup(NOON - HOUR * number, state=DAMAGED, why="its size is 0") for number in (1, 2)], "latest").message
    assert "Every one of the 2 backups" in message and "2026-11-22T11:00:00Z: its size is 0" in message


@pytest.mark.parametrize(
    ("age", "maximum", "good"),
    [
        (HOUR, HOUR, True),
        (HOUR + timedelta(microseconds=1), HOUR, False),
        (119 * MINUTE, HOUR, False),
        (59 * MINUTE, HOUR, True),
        (-5 * MINUTE, HOUR, True),
        (-5 * MINUTE - SECOND, HOUR, False),
        (timedelta(0), SECOND, True),
        (-timedelta(days=1700), HOUR, False),
    ],
)
def test_the_maximum_age_is_exact_on_both_sides(age, maximum, good):
    if good:
        assert select([backup(NOON)], "latest", NOON + age, maximum).backup.time == NOON
    else:
        assert "2026-11-22T12:00:00Z" in refused([backup(NOON)], "latest", NOON + age, maximum).message


def test_a_backup_from_the_future_is_refused_where_age_matters_and_warned_of_elsewhere():
    future = backup(datetime(2031, 1, 1, tzinfo=timezone.utc), state=UNPROVEN, codec="gzip")
    assert "its age cannot be told" in refused([*MORNING, future], "latest", NOON, 1000 * HOUR).message
    selection = select([*MORNING, future], "latest", NOON)
    assert selection.backup is future and "ahead of this clock" in selection.warnings[0]


def test_fallbacks_are_no_older_than_the_maximum_age():
    assert select(MORNING, "latest", NOON, 3 * HOUR).candidates == tuple(reversed(MORNING[-3:]))


def test_a_fallback_from_the_future_is_none_where_age_matters():
    future = backup(NOON + 8 * HOUR, sequence=1)
    newest = backup(NOON, sequence=2, effective=NOON + 8 * HOUR)
    assert select([future, newest], "latest", NOON, HOUR).candidates == (newest,)
    assert select([future, newest], "latest", NOON).candidates == (newest, future)


def test_a_refusal_for_age_tells_of_newer_damaged_ones():
    damaged = backup(NOON - MINUTE, state=DAMAGED, why="its size differs")
    error = refused([*MORNING, damaged], "latest", NOON, 30 * MINUTE)
    assert "1 h old" in error.message and "2026-11-22T11:59:00Z is newer and damaged: its size differs" in error.message
    assert error.details == {"latest": "2026-11-22T11:00:00Z", "age_seconds": 3600, "maximum_age_seconds": 1800}


def test_the_maximum_age_binds_latest_alone():
    for wanted in ("2026-11-22T06:00:00Z", MORNING[0].file_name, "hourly/" + MORNING[0].file_name):
        assert select(MORNING, wanted, NOON + 10000 * HOUR, SECOND).backup is MORNING[0]


@pytest.mark.parametrize(
    "wanted",
    [
        "2026-11-22T08:00:00Z",
        "2026-11-22T08",
        "2026-11-22 08:00",
        "20261122T080000Z",
        "2026-11-22T10:00:00+02:00",
        "2026-326T08",
        "backup-2026-11-22T08:00:00Z",
        "BACKUP-2026-11-22T08:00:00Z-DUMPALL",
        "backup-2026-11-22T08:00:00Z-dumpall.sql",
        "backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
        "BACKUP-2026-11-22T08:00:00Z-DUMPALL.SQL.ZST",
        "hourly/backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
        "/backup/hourly/backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
    ],
)
def test_one_backup_has_many_names(wanted):
    selection = select(MORNING, wanted, NOON)
    assert selection.backup is MORNING[2] and selection.candidates == (MORNING[2],)


@pytest.mark.parametrize(
    "wanted",
    [
        "backup-2026-11-22T08:00:00Z-dumpall.sql.gz",
        "daily/backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
        "/other/hourly/backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
        "ourly/backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
        "/hourly/backup-2026-11-22T08:00:00Z-dumpall.sql.zst",
        "../etc/passwd",
        "/",
        "x.gz",
        "ackup-2026-11-22T08:00:00Z-dumpall.sql.zst",
    ],
)
def test_a_file_that_is_not_there_is_never_replaced_by_another(wanted):
    message = refused(MORNING, wanted).message
    assert "There is no backup file " + wanted in message
    assert "6 usable backups, from 2026-11-22T06:00:00Z to 2026-11-22T11:00:00Z" in message


@pytest.mark.parametrize(
    ("wanted", "phrase", "nearest"),
    [
        ("2026-11-22T08:30", "2026-11-22T08:00:00Z (30 min before) and 2026-11-22T09:00:00Z (30 min after)", ["08", "09"]),
        ("2026-11-22T08:59", "2026-11-22T08:00:00Z (59 min before) and 2026-11-22T09:00:00Z (1 min after)", ["08", "09"]),
        ("2026-11-21", "The nearest: 2026-11-22T06:00:00Z (1 d 6 h after).", ["06"]),
        ("2027", "The nearest: 2026-11-22T11:00:00Z (39 d 13 h before).", ["11"]),
        ("2026-11-22T08:00:00.5", "2026-11-22T08:00:00Z (0 s before) and 2026-11-22T09:00:00Z (59 min 59 s after)", ["08", "09"]),
    ],
)
def test_a_time_without_a_backup_names_the_nearest_two(wanted, phrase, nearest):
    error = refused(MORNING, wanted)
    assert "There is no backup of " + wanted in error.message and phrase in error.message
    assert error.details["nearest"] == ["2026-11-22T%s:00:00Z" % hour for hour in nearest]


def test_the_nearest_are_readable_ones():
    damaged = backup(NOON - 210 * MINUTE, state=DAMAGED)
    assert refused([*MORNING, damaged], "2026-11-22T08:40").details["nearest"] == ["2026-11-22T08:00:00Z", "2026-11-22T09:00:00Z"]


def test_an_interval_with_several_backups_lists_them():
    error = refused(MORNING, "2026-11-22")
    assert "6 backups answer to 2026-11-22: 2026-11-22T06:00:00Z, " in error.message
    assert error.details["matches"] == [one.file_name for one in MORNING]


def test_a_long_list_of_matches_is_cut_but_counted():
    many = [backup(NOON + number * MINUTE) for number in range(25)]
    error = refused(many, "2026-11-22T12")
    assert "25 backups" in error.message and "12:09:00Z and 15 more" in error.message and "12:10:00Z" not in error.message
    assert len(error.details["matches"]) == 25


def test_a_good_one_does_not_stand_in_for_a_damaged_one_of_the_same_interval():
    message = refused([backup(NOON), backup(NOON + MINUTE, state=DAMAGED)], "2026-11-22T12").message
    assert "2 backups" in message and "2026-11-22T12:01:00Z (damaged)" in message


def test_two_files_of_one_second_are_told_apart_by_file_name():
    old, new = backup(NOON, codec="gzip", state=UNPROVEN), backup(NOON)
    message = refused([old, new], "2026-11-22T12:00:00Z").message
    assert old.file_name in message and new.file_name in message
    assert select([old, new], old.file_name, NOON).backup is old
    assert select([old, new], new.file_name, NOON).backup is new


def test_a_damaged_backup_asked_for_by_time_is_an_error_that_says_why():
    message = refused([*MORNING, backup(NOON, state=DAMAGED, why="its size differs")], "2026-11-22T12").message
    assert "2026-11-22T12 is damaged: its size differs" in message and "6 usable backups" in message


def test_copies_in_several_tiers_are_one_backup():
    copies = [backup(NOON, tier) for tier in reversed(TIERS)]
    for wanted in ("latest", "2026-11-22", copies[0].file_name):
        selection = select(copies, wanted, NOON)
        assert [copy.tier for copy in selection.candidates] == list(TIERS)
        assert selection.backup.tier == "hourly" and selection.skipped == ()


def test_a_path_means_the_copy_of_that_tier():
    copies = [backup(NOON, tier) for tier in TIERS]
    assert select(copies, "weekly/" + copies[0].file_name, NOON).candidates == (copies[2],)


def test_a_damaged_copy_asked_for_by_path_points_to_the_readable_one():
    copies = [backup(NOON), backup(NOON, "daily", DAMAGED, "its size differs")]
    message = refused(copies, "daily/" + copies[0].file_name).message
    assert "its size differs" in message and "A readable copy is hourly/" + copies[0].file_name in message


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_volume_holds_the_answer_is_the_one_meant_or_an_error(seed):
    chance = random.Random(seed)
    for _turn in range(100):
        times = [NOON + timedelta(minutes=chance.randrange(-3000, 1)) for _turn in range(chance.randrange(1, 12))]
        backups = [
            backup(time, tier, chance.choice([PROVEN, UNPROVEN, DAMAGED])) for time in set(times) for tier in TIERS if chance.random() < 0.6
        ]
        chance.shuffle(backups)
        good = [one for one in backups if one.state != DAMAGED]
        wanted = chance.choice(times).strftime(chance.choice(["latest", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H", "%Y-%m-%d"]))
        try:
            selection = select(backups, wanted, NOON)
        except SelectionError:
            meant = {one.time for one in backups if wanted == "latest" or one.name.startswith(wanted)}
            readable = {one.time for one in good if one.time in meant}
            assert not readable if wanted == "latest" else len(meant) != 1 or not readable
            continue
        assert selection.backup is selection.candidates[0]
        assert not [one for one in selection.candidates if one.state == DAMAGED]
        copies = [one for one in good if one.file_name == selection.backup.file_name]
        assert (selection.backup.state == PROVEN) == any(one.state == PROVEN for one in copies)
        if wanted == "latest":
            assert selection.backup.time == max(one.time for one in good)
            assert sorted(selection.candidates, key=lambda one: one.path) == sorted(good, key=lambda one: one.path)
            assert [one.time for one in selection.candidates] == sorted((one.time for one in good), reverse=True)
            assert {one.time for one, why in selection.skipped} == {one.time for one in backups if one.time > selection.backup.time}
        else:
            assert selection.backup.name.startswith(wanted)
            assert {one.time for one in backups if one.name.startswith(wanted)} == {selection.backup.time}
            assert set(selection.candidates) == set(copies)


def test_ten_thousand_backups_are_searched_at_once():
    many = [backup(NOON - number * HOUR) for number in range(10000)]
    # Of the processor, because others may work on the machine; what looks at each for each of them takes minutes.
    began = time.process_time()
    assert select(many, "latest", NOON).backup is many[0]
    assert select(many, many[-1].name, NOON).backup is many[-1]
    assert time.process_time() - began < 10


@pytest.mark.parametrize("asked", ["2026-11-22T11:00:", "2026-11-22T11:", "BACKUP-2026-11-22T11:00:", "backup-2026-11-22T11:"])
def test_a_part_of_a_name_may_end_where_its_next_number_would_begin(asked):
    assert select(MORNING, asked, NOON).backup is MORNING[-1]
    assert "6 backups answer to 2026-11-22T" in refused(MORNING, "2026-11-22T").message
