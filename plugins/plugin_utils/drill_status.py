# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server's drills do, from what its volume remembers and from the CronJob that runs them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, Iterable, Mapping

from .schedule import ScheduleError, longest_interval

ACTION_LABEL = "bandr.postgres/action"
DRILL = "drill"
# A drill takes its time, and two of its runs may be missed.
_LATE_SECONDS = 3600
NOTHING_KNOWN = {
    "drill": "none",
    "drill_time": None,
    "drill_age_seconds": None,
    "drill_backup": None,
    "drill_message": None,
    "drill_last_passed": None,
}


def drill_facts(cronjobs: Iterable[Mapping[str, Any]], last_drill: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """What every row of a server tells of its drills.

    ``drill`` is passed, failed, late (it should have run again by now), never (none has run yet), or none (nobody wants one).
    """
    last = dict(last_drill or {})
    finished = last.get("finished")
    drills = [one for one in cronjobs if one["metadata"]["labels"].get(ACTION_LABEL) == DRILL]
    state, message = last.get("result") or ("never" if drills else "none"), last.get("message")
    for cronjob in drills:
        if _ended_in_silence(cronjob.get("status") or {}, finished):
            state, message = (
                "failed",
                "The drill of %s ended before it could say how; the log of its Job says why." % (cronjob["status"]["lastScheduleTime"]),
            )
        elif state == "passed" and _is_late(cronjob, finished, now):
            state, message = "late", "No drill has run since %s, and two were due." % finished
    return {
        "drill": state,
        "drill_time": finished,
        "drill_age_seconds": _seconds_since(finished, now) if finished else None,
        "drill_backup": last.get("backup"),
        "drill_message": message,
        "drill_last_passed": last.get("last_passed"),
    }


def _ended_in_silence(status: Mapping[str, Any], finished: str | None) -> bool:
    """Whether the last run of the CronJob is over, did not succeed, and is not the drill that the volume remembers."""
    ran, succeeded = status.get("lastScheduleTime"), status.get("lastSuccessfulTime")
    if not ran or status.get("active") or (finished and _time(finished) >= _time(ran)):
        return False
    return not succeeded or _time(succeeded) < _time(ran)


def _is_late(cronjob: Mapping[str, Any], finished: str | None, now: datetime) -> bool:
    if not finished or cronjob["spec"].get("suspend"):
        return False
    try:
        return _seconds_since(finished, now) > 2 * longest_interval(cronjob["spec"]["schedule"]) + _LATE_SECONDS
    except ScheduleError:
        return False


def _seconds_since(text: str, now: datetime) -> int:
    return int((now - _time(text)).total_seconds())


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
