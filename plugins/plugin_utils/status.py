# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server's backups do, from its CronJobs and the list of its volume."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Iterable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .drill_status import NOTHING_KNOWN, drill_facts
from .schedule import ScheduleError, longest_interval, next_run

TIER_LABEL = "bandr.postgres/tier"
PAUSED = "bandr.postgres/paused"
GOOD_STATES = ("good", "new", "running")
STATES = (*GOOD_STATES, "paused", "suspended", "failed", "stale", "unknown")
_BAD_DRILLS = {"failed": "failed", "late": "stale"}
_ORDER = ("hourly", "daily", "weekly", "monthly")
# A run begins a little late and takes its time.
_LATE_SECONDS = 15 * 60


def stale_after(schedule: str) -> int:
    """Seconds without a success after which a schedule is stale: two of its runs were missed; raises ScheduleError."""
    return 2 * longest_interval(schedule) + _LATE_SECONDS


def tier_rows(
    server: str,
    cronjobs: Iterable[Mapping[str, Any]],
    backups: Iterable[Mapping[str, Any]],
    now: datetime,
    volume: Mapping[str, Any] | None = None,
    last_drill: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """One row of plain values for each tier that has a CronJob.

    ``volume`` is its size and free bytes where they are known, ``last_drill`` what it remembers of one, which every row tells.
    """
    held = list(backups)
    cronjobs = list(cronjobs)
    drill = drill_facts(cronjobs, last_drill, now)
    room = {"volume_size": (volume or {}).get("size"), "volume_free": (volume or {}).get("free")}
    rows = []
    for cronjob in cronjobs:
        tier = cronjob["metadata"]["labels"].get(TIER_LABEL)
        if tier in _ORDER:
            row = _row(server, tier, cronjob, [one for one in held if one["tier"] == tier], now, {**room, **drill})
            # A drill that failed speaks of what this tier makes.
            if tier == _ORDER[0] and row["good"] and drill["drill"] in _BAD_DRILLS:
                row.update(state=_BAD_DRILLS[drill["drill"]], why=drill["drill_message"], good=False)
            rows.append(row)
    return sorted(rows, key=lambda row: _ORDER.index(row["tier"]))


def unknown_row(server: str, why: str) -> dict[str, Any]:
    """The row of a server that could not be asked; ``why`` is a sentence."""
    nothing = ("schedule", "last_run", "last_success", "next_run", "wanted", "newest", "age_seconds", "volume_size", "volume_free")
    counts = ("running", "kept", "not_proven", "size")
    return {
        "server": server,
        "tier": "",
        "suspended": False,
        "paused": False,
        **dict.fromkeys(nothing),
        **dict.fromkeys(counts, 0),
        **NOTHING_KNOWN,
        "state": "unknown",
        "why": why,
        "good": False,
    }


def _row(
    server: str, tier: str, cronjob: Mapping[str, Any], backups: list[Mapping[str, Any]], now: datetime, room: Mapping[str, Any]
) -> dict[str, Any]:
    spec, status = cronjob["spec"], cronjob.get("status") or {}
    proven = [one for one in backups if one["state"] == "proven"]
    newest = max(proven, key=lambda one: one["started"], default=None)
    suspended = bool(spec.get("suspend"))
    coming = None if suspended else _next_run(spec, now)
    row = {
        "server": server,
        "tier": tier,
        "schedule": spec["schedule"],
        "suspended": suspended,
        "paused": PAUSED in (cronjob["metadata"].get("annotations") or {}),
        "running": len(status.get("active") or []),
        "last_run": status.get("lastScheduleTime"),
        "last_success": status.get("lastSuccessfulTime"),
        "next_run": coming.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if coming else None,
        "wanted": _wanted(cronjob),
        "kept": len(proven),
        "not_proven": len(backups) - len(proven),
        "size": sum(one["size"] for one in backups),
        "newest": newest["name"] if newest else None,
        "age_seconds": _seconds_since(newest["started"], now) if newest else None,
        **room,
    }
    row["state"], row["why"] = _state(row, cronjob["metadata"].get("creationTimestamp"), now)
    row["good"] = row["state"] in GOOD_STATES
    return row


def _state(row: Mapping[str, Any], made: str | None, now: datetime) -> tuple[str, str]:
    """One word, and a sentence where all is not well; what is worst is said first."""
    if row["paused"]:
        return "paused", "A restore has paused it; bandr.postgres.resume resumes it if that restore is over."
    if row["suspended"]:
        return "suspended", "Its CronJob is suspended."
    if row["running"]:
        return "running", ""
    if row["last_run"] and (not row["last_success"] or _time(row["last_success"]) < _time(row["last_run"])):
        return "failed", "The run of %s did not succeed; the log of its Job says why." % row["last_run"]
    why = _stale(row, made, now)
    if why:
        return "stale", why
    if row["last_run"] is None and row["newest"] is None:
        return "new", ""
    return "good", ""


def _stale(row: Mapping[str, Any], made: str | None, now: datetime) -> str:
    """Why the tier is behind its schedule, or nothing."""
    try:
        limit = stale_after(row["schedule"])
    except ScheduleError:
        return ""
    if row["tier"] == "hourly" and row["age_seconds"] is not None and row["age_seconds"] > limit:
        return "The newest backup is older than two runs of the schedule are apart."
    since = row["last_success"] or (made if row["last_run"] is None else None)
    if since and _seconds_since(since, now) > limit:
        return "No run has succeeded since %s, and two were due." % since
    return ""


def _next_run(spec: Mapping[str, Any], now: datetime) -> datetime | None:
    try:
        zone = ZoneInfo(spec["timeZone"]) if spec.get("timeZone") else timezone.utc
        return next_run(spec["schedule"], now.astimezone(zone))
    except (ScheduleError, ZoneInfoNotFoundError):
        return None


def _wanted(cronjob: Mapping[str, Any]) -> int | None:
    arguments = " ".join(cronjob["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0].get("args") or [])
    count = re.search(r"--count (\d+)", arguments)
    return int(count.group(1)) if count else None


def _seconds_since(text: str, now: datetime) -> int:
    return int((now - _time(text)).total_seconds())


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
