# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status says of a server's tiers."""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from ansible_collections.bandr.postgres.plugins.plugin_utils.schedule import next_run
from ansible_collections.bandr.postgres.plugins.plugin_utils.status import tier_rows, unknown_row
from ansible_collections.bandr.postgres.plugins.plugin_utils.status_table import status_table

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)


def cronjob(
    tier: str = "hourly", schedule: str = "7 * * * *", annotations: dict | None = None, status: dict | None = None, **spec: object
) -> dict:
    container = {"args": ["backup", "--tier", tier, "--count", "24"]}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    made = {"creationTimestamp": "2026-11-22T10:00:00Z"}
    return {
        "metadata": {"name": "orders-backup-" + tier, "labels": {"bandr.postgres/tier": tier}, "annotations": annotations, **made},
        "spec": {"schedule": schedule, "jobTemplate": template, **spec},
        "status": status or {},
    }


def backup(started: str, tier: str = "hourly", state: str = "proven", size: int = 1024) -> dict:
    return {"name": started, "started": started, "tier": tier, "state": state, "size": size}


RAN = {"lastScheduleTime": "2026-11-22T10:07:00Z", "lastSuccessfulTime": "2026-11-22T10:07:09Z"}


def row(job: dict, *backups: dict) -> dict:
    (only,) = tier_rows("orders", [job], backups, NOW)
    return only


def test_a_tier_that_is_well() -> None:
    well = row(
        cronjob(status=RAN), backup("2026-11-22T09:07:00Z"), backup("2026-11-22T10:07:00Z"), backup("2026-11-22T10:20:00Z", state="damaged")
    )
    assert well["state"] == "good"
    assert well["good"]
    assert (well["newest"], well["age_seconds"]) == ("2026-11-22T10:07:00Z", 23 * 60)
    assert (well["kept"], well["wanted"], well["not_proven"], well["size"]) == (2, 24, 1, 3072)
    assert well["next_run"] == "2026-11-22T11:07:00Z"


@pytest.mark.parametrize(
    ("job", "state"),
    [
        (cronjob(), "new"),
        (cronjob(suspend=True), "suspended"),
        (cronjob(suspend=True, annotations={"bandr.postgres/paused": "{}"}), "paused"),
        (cronjob(status=dict(RAN, active=[{}])), "running"),
        (cronjob(status={"lastScheduleTime": "2026-11-22T10:07:00Z"}), "failed"),
        (cronjob(status=dict(RAN, lastSuccessfulTime="2026-11-22T09:07:09Z")), "failed"),
    ],
)
def test_what_is_worst_is_said(job: dict, state: str) -> None:
    assert row(job)["state"] == state
    assert row(job)["good"] is (state in ("new", "running"))


def test_an_hourly_tier_without_a_fresh_backup_is_stale() -> None:
    assert row(cronjob(status=RAN), backup("2026-11-22T08:20:00Z"))["state"] == "good"
    assert row(cronjob(status=RAN), backup("2026-11-22T08:10:00Z"))["state"] == "stale"
    assert row(cronjob("daily", "55 0 * * *", status=RAN), backup("2026-11-01T08:10:00Z", "daily"))["state"] == "good"


@pytest.mark.parametrize(
    ("tier", "schedule", "success", "state"),
    [
        ("daily", "55 0 * * *", "2026-11-21T00:55:09Z", "good"),
        ("daily", "55 0 * * *", "2026-11-19T00:55:09Z", "stale"),
        ("monthly", "45 0 1 * *", "2026-10-01T00:45:09Z", "good"),
        ("monthly", "45 0 1 * *", "2026-09-01T00:45:09Z", "stale"),
        # Sunday: nothing was due since Friday evening.
        ("hourly", "0 9-17 * * mon-fri", "2026-11-20T17:00:09Z", "good"),
    ],
)
def test_a_tier_that_missed_two_runs_is_stale(tier: str, schedule: str, success: str, state: str) -> None:
    missed = row(cronjob(tier, schedule, status={"lastScheduleTime": success, "lastSuccessfulTime": success}), backup(success, tier))
    assert missed["state"] == state
    assert bool(missed["why"]) is (state == "stale")


def test_a_tier_that_never_ran_although_it_should_have_is_stale() -> None:
    never = cronjob()
    never["metadata"]["creationTimestamp"] = "2026-11-22T08:10:00Z"
    assert row(never)["state"] == "stale"
    assert row(never)["why"] == "No run has succeeded since 2026-11-22T08:10:00Z, and two were due."


def test_the_room_on_the_volume_is_told_where_it_is_known() -> None:
    (told,) = tier_rows("orders", [cronjob(status=RAN)], [], NOW, {"size": 1000, "free": 600})
    assert (told["volume_size"], told["volume_free"]) == (1000, 600)
    assert (row(cronjob())["volume_size"], row(cronjob())["volume_free"]) == (None, None)


def test_a_server_that_could_not_be_asked_has_a_row_like_the_others() -> None:
    unknown = unknown_row("billing", "The namespace is gone.")
    assert set(unknown) == set(row(cronjob()))
    assert (unknown["state"], unknown["good"]) == ("unknown", False)
    assert status_table([unknown])[1:] == [
        "billing" + " " * (len(status_table([unknown])[0]) - len("billing") - len("STATE")) + "unknown",
        "billing: The namespace is gone.",
    ]


def test_tiers_come_in_their_order_and_others_are_left_out() -> None:
    foreign = cronjob()
    foreign["metadata"]["labels"] = {}
    rows = tier_rows("orders", [cronjob("monthly"), foreign, cronjob("hourly"), cronjob("weekly")], [], NOW)
    assert [one["tier"] for one in rows] == ["hourly", "weekly", "monthly"]


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("7 * * * *", "UTC", "2026-11-22T11:07:00Z"),
        ("55 0 * * *", "UTC", "2026-11-23T00:55:00Z"),
        ("55 0 * * *", "America/New_York", "2026-11-23T05:55:00Z"),
        ("30 10 * * *", "UTC", "2026-11-23T10:30:00Z"),
        ("45 0 1 * *", "UTC", "2026-12-01T00:45:00Z"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00:00Z"),
        ("0 9 * * sun", "Asia/Tokyo", "2026-11-29T00:00:00Z"),
    ],
)
def test_the_next_run(schedule: str, zone: str, expected: str) -> None:
    run = next_run(schedule, NOW.astimezone(ZoneInfo(zone)))
    assert run is not None
    assert run.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") == expected


def test_the_table_is_aligned() -> None:
    failed = cronjob("daily", status={"lastScheduleTime": "2026-11-22T10:07:00Z"})
    held = [backup("2026-11-22T10:07:00Z", size=9 * 1024 * 1024)]
    rows = tier_rows("orders", [cronjob(status=RAN), failed], held, NOW, {"size": 2**40, "free": 5 * 2**30})
    assert status_table(rows) == [
        "SERVER  TIER    NEWEST                AGE     KEPT     SIZE     LAST RUN              NEXT RUN              LAST DRILL  FREE     STATE",
        "orders  hourly  2026-11-22T10:07:00Z  23 min  1 of 24  9.0 MiB  2026-11-22T10:07:00Z  2026-11-22T11:07:00Z  none        5.0 GiB  good",
        "orders  daily   none                          0 of 24  0 B      2026-11-22T10:07:00Z  2026-11-22T11:07:00Z              5.0 GiB  failed",
        "orders daily: The run of 2026-11-22T10:07:00Z did not succeed; the log of its Job says why.",
    ]


def drill_cronjob(schedule: str = "17 3 * * *", status: dict | None = None, **spec: object) -> dict:
    return {
        "metadata": {"name": "orders-backup-drill", "labels": {"bandr.postgres/action": "drill"}},
        "spec": {"schedule": schedule, **spec},
        "status": status or {},
    }


def drilled(result: str, finished: str) -> dict:
    return {"result": result, "finished": finished, "backup": "2026-11-22T02:07:00Z", "message": "So it ended.", "last_passed": None}


PASSED, FAILED = drilled("passed", "2026-11-22T03:18:00Z"), drilled("failed", "2026-11-22T03:18:00Z")
RAN_AT_THREE = {"lastScheduleTime": "2026-11-22T03:17:00Z"}


@pytest.mark.parametrize(
    ("drills", "last", "state"),
    [
        ([], None, "none"),
        ([], PASSED, "passed"),
        ([drill_cronjob()], None, "never"),
        ([drill_cronjob(status=RAN_AT_THREE)], None, "failed"),
        ([drill_cronjob(status=dict(RAN_AT_THREE, active=[{}]))], None, "never"),
        ([drill_cronjob(status=RAN_AT_THREE)], PASSED, "passed"),
        ([drill_cronjob(status=RAN_AT_THREE)], FAILED, "failed"),
        # It was killed before it could write anything down.
        ([drill_cronjob(status=RAN_AT_THREE)], drilled("passed", "2026-11-21T03:18:00Z"), "failed"),
        ([drill_cronjob(status={"lastScheduleTime": "2026-11-20T01:17:00Z"})], drilled("passed", "2026-11-20T01:18:00Z"), "late"),
        ([drill_cronjob(suspend=True)], drilled("passed", "2026-11-12T03:18:00Z"), "passed"),
    ],
)
def test_the_last_drill_is_told_in_every_row_and_counts_in_the_first(drills: list, last: dict | None, state: str) -> None:
    jobs = [cronjob(status=RAN), cronjob("daily"), *drills]
    hourly, daily = tier_rows("orders", jobs, [backup("2026-11-22T10:07:00Z")], NOW, last_drill=last)
    assert (hourly["drill"], daily["drill"]) == (state, state)
    assert (hourly["state"], hourly["good"]) == {"failed": ("failed", False), "late": ("stale", False)}.get(state, ("good", True))
    assert bool(hourly["why"]) is not hourly["good"]
    assert daily["state"] == "new"
    assert hourly["drill_backup"] == (None if last is None else "2026-11-22T02:07:00Z")


def test_what_is_wrong_with_the_tier_itself_is_said_first() -> None:
    (hourly,) = tier_rows("orders", [cronjob(status=RAN, suspend=True)], [], NOW, last_drill=FAILED)
    assert (hourly["state"], hourly["drill"]) == ("suspended", "failed")


def test_the_table_tells_of_a_drill_once() -> None:
    lines = status_table(tier_rows("orders", [cronjob(status=RAN), cronjob("daily")], [], NOW, last_drill=FAILED))
    assert ["failed 7 h 12 min ago" in line for line in lines] == [False, True, False, False]
    assert lines[-1] == "orders hourly: So it ended."
