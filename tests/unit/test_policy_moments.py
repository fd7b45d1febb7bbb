# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times, durations and ages: what is read, what is refused, and that reading and writing agree."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.moments import format_age, parse_duration, parse_moment
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "start", "length"),
    [
        ("2026-11-22T10:07:00Z", utc(2026, 11, 22, 10, 7), SECOND),
        ("2026-11-22t10:07:00z", utc(2026, 11, 22, 10, 7), SECOND),
        ("  2026-11-22 10:07:00  ", utc(2026, 11, 22, 10, 7), SECOND),
        ("20261122T100700Z", utc(2026, 11, 22, 10, 7), SECOND),
        ("2026-11-22T10:07:00+00:00", utc(2026, 11, 22, 10, 7), SECOND),
        ("2026-11-22T10:07:00 +0200", utc(2026, 11, 22, 8, 7), SECOND),
        ("2026-11-22T10:07:00+02", utc(2026, 11, 22, 8, 7), SECOND),
        ("2026-11-22T10-05", utc(2026, 11, 22, 15), HOUR),
        ("2026-11-22T23:30:00-05:30", utc(2026, 11, 23, 5), SECOND),
        ("2026-01-01T00:30+01:00", utc(2025, 12, 31, 23, 30), MINUTE),
        ("2026-11-22T10:07:00.5Z", utc(2026, 11, 22, 10, 7, 0, 500000), timedelta(microseconds=100000)),
        ("2026-11-22T10:07:00,250", utc(2026, 11, 22, 10, 7, 0, 250000), timedelta(microseconds=1000)),
        ("2026-11-22T10:07:00.123456789", utc(2026, 11, 22, 10, 7, 0, 123456), timedelta(microseconds=1)),
        ("2026-11-22T10:07", utc(2026, 11, 22, 10, 7), MINUTE),
        ("20261122T1007", utc(2026, 11, 22, 10, 7), MINUTE),
        ("2026-11-22T10", utc(2026, 11, 22, 10), HOUR),
        ("20261122T10z", utc(2026, 11, 22, 10), HOUR),
        ("2026-11-22T24:00", utc(2026, 11, 23), MINUTE),
        ("2026-12-31T24:00:00Z", utc(2027, 1, 1), SECOND),
        ("2026-11-22", utc(2026, 11, 22), DAY),
        ("20261122", utc(2026, 11, 22), DAY),
        ("2026-326", utc(2026, 11, 22), DAY),
        ("2026326", utc(2026, 11, 22), DAY),
        ("2028-366", utc(2028, 12, 31), DAY),
        ("2026-W47-7", utc(2026, 11, 22), DAY),
        ("2026w477T10:07", utc(2026, 11, 22, 10, 7), MINUTE),
        ("2026-W47", utc(2026, 11, 16), 7 * DAY),
        ("2026W47", utc(2026, 11, 16), 7 * DAY),
        ("2027-W01-1", utc(2027, 1, 4), DAY),
        ("2025-W01-1", utc(2024, 12, 30), DAY),
        ("2026-11", utc(2026, 11, 1), 30 * DAY),
        ("2026-12", utc(2026, 12, 1), 31 * DAY),
        ("2028-02", utc(2028, 2, 1), 29 * DAY),
        ("2026", utc(2026, 1, 1), 365 * DAY),
    ],
)
def test_a_time_means_the_interval_its_precision_says(text, start, length):
    moment = parse_moment(text)
    assert (moment.start, moment.end) == (start, start + length)
    assert moment.start.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "yesterday",
        "22.11.2026",
        "22/11/2026",
        "11-22",
        "26-11-22",
        "202611",
        "2026-1-2",
        "2026-11-2",
        "12026-11-22",
        "2026-13-01",
        "2026-00-01",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "2026-000",
        "2026-366",
        "2028-367",
        "2026-W00",
        "2026-W54",
        "2025-W53-1",
        "2026-W47-0",
        "2026-W47-8",
        "0000-01-01",
        "2026-11-22T",
        "2026-11-22T1",
        "2026-11-22T10:",
        "2026-11-22T10:7",
        "2026-11-22T25",
        "2026-11-22T24:01",
        "2026-11-22T24:00:00.1",
        "2026-11-22T10:60",
        "2026-11-22T10:07:60",
        "2026-11-22T10:07:00.",
        "2026-11-22T10:07.5",
        "2026-11-22T10:07:00+24:00",
        "2026-11-22T10:07:00+02:60",
        "2026-11-22T10:07:00+2",
        "2026-11-22T10:07:00ZZ",
        "2026-11-22T10:07:00 UTC",
        "2026-11-22Z",
        "2026-11T10",
        "2026T10",
        "2026-W47T10",
        "2026-11-22  10:07",
        "2026-11-22\n10:07",
        "2026-11-22T10:07:00Z; rm -rf /",
        "٢٠٢٦-11-22",
        "0001-01-01T00:00+01:00",
        "9999-12-31T24:00",
        "9999",
    ],
)
def test_what_is_not_a_time_is_refused_with_a_sentence_that_shows_one(text):
    with pytest.raises(UsageError, match="2026-11-22T10:07:00Z") as caught:
        parse_moment(text)
    assert repr(text) in caught.value.message


@pytest.mark.parametrize("seed", range(5))
def test_every_way_of_writing_a_moment_is_read_the_same(seed):
    chance = random.Random(seed)
    for _turn in range(400):
        offset = timezone(timedelta(minutes=chance.randrange(-14 * 60, 14 * 60 + 1)))
        time = datetime(chance.randrange(1990, 2090), 1, 1, tzinfo=offset) + timedelta(seconds=chance.randrange(364 * 86400))
        year, week, weekday = time.isocalendar()
        dates = [
            time.strftime("%Y-%m-%d"),
            time.strftime("%Y%m%d"),
            time.strftime("%Y-%j"),
            time.strftime("%Y%j"),
            "%04d-W%02d-%d" % (year, week, weekday),
            "%04dW%02d%d" % (year, week, weekday),
        ]
        clock = chance.choice([time.strftime("%H:%M:%S"), time.strftime("%H%M%S")])
        zone = time.strftime("%z")
        text = chance.choice(dates) + chance.choice("Tt ") + clock + chance.choice([zone, zone[:3] + ":" + zone[3:]])
        assert parse_moment(text).start == time.astimezone(timezone.utc), text
        assert time in parse_moment(text)
        assert time + SECOND not in parse_moment(text)
        assert time - timedelta(microseconds=1) not in parse_moment(text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("36h", 36 * HOUR),
        ("36H", 36 * HOUR),
        (" 36 h ", 36 * HOUR),
        ("90m", 90 * MINUTE),
        ("90min", 90 * MINUTE),
        ("30s", 30 * SECOND),
        ("2d", 2 * DAY),
        ("1w", 7 * DAY),
        ("1d12h", 36 * HOUR),
        ("1d 12h", 36 * HOUR),
        ("3 h 12 min", 3 * HOUR + 12 * MINUTE),
        ("1w2d3h4m5s", 9 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND),
        ("PT36H", 36 * HOUR),
        ("P2D", 2 * DAY),
        ("P1W", 7 * DAY),
        ("P1DT12H", 36 * HOUR),
        ("pt90m", 90 * MINUTE),
        ("PT0H30S", 30 * SECOND),
    ],
)
def test_a_duration_is_read(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("36", "has no unit. Write 36h for hours"),
        ("1.5", "no unit"),
        ("-36", "no unit"),
        ("0", "no unit"),
        ("0h", "is zero"),
        ("PT0S", "is zero"),
        ("0d0h", "is zero"),
        ("-36h", "not a duration"),
        ("-PT36H", "not a duration"),
        ("", "not a duration"),
        ("  ", "not a duration"),
        ("h", "not a duration"),
        ("P", "not a duration"),
        ("PT", "not a duration"),
        ("P1DT", "not a duration"),
        ("P1M", "not a duration"),
        ("P1Y", "not a duration"),
        ("1y", "not a duration"),
        ("12h1d", "not a duration"),
        ("1d1d", "not a duration"),
        ("36 hours ago", "not a duration"),
        ("1.5h", "not a duration"),
        ("٣h", "not a duration"),
        ("999999999999d", "longer than any calendar"),
    ],
)
def test_what_is_not_a_duration_is_refused_with_a_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        parse_duration(text)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(0), "0 s"),
        (timedelta(microseconds=999999), "0 s"),
        (45 * SECOND, "45 s"),
        (MINUTE, "1 min"),
        (90 * SECOND, "1 min 30 s"),
        (119 * MINUTE, "1 h 59 min"),
        (3 * HOUR + 12 * MINUTE + 59 * SECOND, "3 h 12 min"),
        (HOUR, "1 h"),
        (HOUR + SECOND, "1 h"),
        (2 * DAY + 3 * HOUR + MINUTE, "2 d 3 h"),
        (2 * DAY + 5 * MINUTE, "2 d"),
        (400 * DAY, "400 d"),
        (-7 * MINUTE, "7 min ahead"),
    ],
)
def test_an_age_is_written_for_people(age, text):
    assert format_age(age) == text


@pytest.mark.parametrize("seed", range(3))
def test_an_age_that_is_written_is_never_more_than_the_age_and_reads_back(seed):
    chance = random.Random(seed)
    for _turn in range(300):
        age = timedelta(seconds=chance.randrange(1, 10 ** chance.randrange(1, 9)))
        read = parse_duration(format_age(age))
        assert read <= age < read + max(read / 2, MINUTE), age
