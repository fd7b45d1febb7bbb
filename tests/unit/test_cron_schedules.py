# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron schedules: the time between runs, and what Kubernetes would refuse."""

from __future__ import annotations

import pytest

from ansible_collections.bandr.postgres.plugins.plugin_utils.schedule import ScheduleError, longest_interval, shortest_interval

HOUR = 3600
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("* * * * *", 60),
        ("7 * * * *", HOUR),
        ("7 */4 * * *", 4 * HOUR),
        ("7,17 * * * *", 600),
        ("55 0 * * *", DAY),
        ("50 0 * * 0", 7 * DAY),
        ("50 0 * * 7", 7 * DAY),
        ("50 0 * * sun,wed", 3 * DAY),
        ("45 0 1 * *", 28 * DAY),
        ("0 0 1 1 *", 365 * DAY),
        ("0 23,1 * * *", 2 * HOUR),
        ("0 5-7/2 * * *", 2 * HOUR),
        ("0 0 1 * mon", DAY),
        ("*/7 * * * *", 4 * 60),
        ("@hourly", HOUR),
        ("@monthly", 28 * DAY),
    ],
)
def test_the_shortest_time_between_two_runs(schedule: str, seconds: int) -> None:
    assert shortest_interval(schedule) == seconds


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("* * * * *", 60),
        ("7 * * * *", HOUR),
        ("7,17 * * * *", 3000),
        ("55 0 * * *", DAY),
        ("50 0 * * 0", 7 * DAY),
        ("45 0 1 * *", 31 * DAY),
        # Office hours: from Friday evening to Monday morning nothing runs.
        ("0 9-17 * * mon-fri", 64 * HOUR),
        ("0 0 1 1 *", 366 * DAY),
        ("0 0 29 2 *", 4 * 366 * DAY),
    ],
)
def test_the_longest_time_between_two_runs(schedule: str, seconds: int) -> None:
    assert longest_interval(schedule) == seconds


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("7 * * *", "4 fields"),
        ("60 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of the month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "day of the week"),
        ("5-3 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("x * * * *", "no number"),
        ("0 0 30 2 *", "no month has"),
        ("TZ=UTC 7 * * * *", "pg_backup_time_zone"),
        ("CRON_TZ=UTC 7 * * * *", "pg_backup_time_zone"),
        ("@reboot", "1 fields"),
    ],
)
def test_what_kubernetes_would_refuse_is_refused_with_a_sentence(schedule: str, said: str) -> None:
    with pytest.raises(ScheduleError, match=said):
        shortest_interval(schedule)
