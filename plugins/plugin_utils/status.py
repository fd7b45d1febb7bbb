# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a server's backups do, from its CronJobs and the list of its volume."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Iterable, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .schedule import ScheduleError, next_run, shortest_interval

TIER_LABEL = "bandr.postgres/tier"
PAUSED = "bandr.postgres/paused"
_ORDER = ("hourly", "daily", "weekly", "monthly")
_LATE = timedelta(minutes=15)
_COLUMNS = ("SERVER", "TIER", "NEWEST", "AGE", "KEPT", "SIZE", "LAST RUN", "NEXT RUN", "STATE")


def tier_rows(
    server: str, cronjobs: Iterable[Mapping[str, Any]], backups: Iterable[Mapping[str, Any]], now: datetime
) -> list[dict[str, Any]]:
    """One row of plain values for each tier that has a CronJob."""
    held = list(backups)
    rows = []
    for cronjob in cronjobs:
        tier = cronjob["metadata"]["labels"].get(TIER_LABEL)
        if tier in _ORDER:
            rows.append(_row(server, tier, cronjob, [one for one in held if one["tier"] == tier], now))
    return sorted(rows, key=lambda row: _ORDER.index(row["tier"]))


def _row(server: str, tier: str, cronjob: Mapping[str, Any], backups: list[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
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
        "age_seconds": int((now - _time(newest["started"])).total_seconds()) if newest else None,
    }
    row["state"] = _state(row)
    row["good"] = row["state"] in ("good", "new", "running")
    return row


def _state(row: Mapping[str, Any]) -> str:
    """One word; what is worst is said first."""
    if row["paused"]:
        return "paused"
    if row["suspended"]:
        return "suspended"
    if row["running"]:
        return "running"
    if row["last_run"] and (not row["last_success"] or _time(row["last_success"]) < _time(row["last_run"])):
        return "failed"
    if row["tier"] == "hourly" and row["age_seconds"] is not None:
        try:
            limit = 2 * timedelta(seconds=shortest_interval(row["schedule"])) + _LATE
        except ScheduleError:
            return "good"
        if timedelta(seconds=row["age_seconds"]) > limit:
            return "stale"
    if row["last_run"] is None and row["newest"] is None:
        return "new"
    return "good"


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


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def status_table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The rows as lines of text with aligned columns."""
    cells = [list(_COLUMNS)]
    for row in rows:
        kept = "%d of %s" % (row["kept"], "?" if row["wanted"] is None else row["wanted"])
        cells.append(
            [
                row["server"],
                row["tier"],
                row["newest"] or "none",
                _age(row["age_seconds"]),
                kept + (" (%d not proven)" % row["not_proven"] if row["not_proven"] else ""),
                _size(row["size"]),
                row["last_run"] or "never",
                row["next_run"] or "none",
                row["state"],
            ]
        )
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def _age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    minutes = max(0, seconds) // 60
    if minutes < 60:
        return "%d min" % minutes
    hours = minutes // 60
    return "%d h %d min" % (hours, minutes % 60) if hours < 48 else "%d d %d h" % (hours // 24, hours % 24)


def _size(octets: int) -> str:
    size = float(octets)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return ("%d %s" if unit == "B" else "%.1f %s") % (size, unit)
        size /= 1024
    return "%.1f TiB" % size
