# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cron schedules as Kubernetes reads them, and the shortest and the longest time between two of their runs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("day of the week", 0, 7))
_MONTHS = {"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12}
_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_FIRST_DAY = date(2027, 1, 1)
_DAYS_LOOKED_AT = 4 * 366
_A_YEAR = 1440 * 365


class ScheduleError(ValueError):
    """A schedule that Kubernetes would refuse, or never run; the message is a sentence."""


def shortest_interval(schedule: str) -> int:
    """Seconds between the two closest runs of ``schedule``; raises ScheduleError."""
    return 60 * min(_gaps(schedule), default=_A_YEAR)


def longest_interval(schedule: str) -> int:
    """Seconds between the two runs of ``schedule`` that are furthest apart; raises ScheduleError."""
    return 60 * max(_gaps(schedule), default=_DAYS_LOOKED_AT * 1440)


@lru_cache(maxsize=256)
def _gaps(schedule: str) -> frozenset[int]:
    """Every number of minutes that lies between two runs that follow one another.

    Four years hold every case but a 29 February that falls on a chosen weekday.
    """
    minutes, hours, month_days, months, week_days = _parse(schedule)
    times = sorted(hour * 60 + minute for hour in hours for minute in minutes)
    gaps = {later - earlier for earlier, later in zip(times, times[1:])}
    previous = None
    for offset in range(_DAYS_LOOKED_AT):
        day = _FIRST_DAY + timedelta(days=offset)
        if day.month not in months or not _day_matches(day, month_days, week_days, schedule):
            continue
        if previous is not None:
            gaps.add((day - previous).days * 1440 + times[0] - times[-1])
        previous = day
    if previous is None:
        raise ScheduleError("The schedule %r names a day that no month has." % schedule)
    return frozenset(gaps)


def next_run(schedule: str, after: datetime) -> datetime | None:
    """The first run of ``schedule`` after a time, in that time's zone; None when there is none in four years."""
    minutes, hours, month_days, months, week_days = _parse(schedule)
    for offset in range(_DAYS_LOOKED_AT):
        day = after.date() + timedelta(days=offset)
        if day.month not in months or not _day_matches(day, month_days, week_days, schedule):
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                run = after.replace(year=day.year, month=day.month, day=day.day, hour=hour, minute=minute, second=0, microsecond=0)
                if run > after:
                    return run
    return None


def _day_matches(day: date, month_days: set[int], week_days: set[int], schedule: str) -> bool:
    # Cron's old rule: when both fields are restricted, either is enough.
    fields = _MACROS.get(schedule.strip().lower(), schedule).split()
    in_month = day.day in month_days
    in_week = day.isoweekday() % 7 in week_days
    if fields[2].startswith(("*", "?")) or fields[4].startswith(("*", "?")):
        return in_month and in_week
    return in_month or in_week


def _parse(schedule: str) -> tuple[set[int], set[int], set[int], set[int], set[int]]:
    text = schedule.strip()
    if "TZ=" in text:
        raise ScheduleError("The schedule %r holds a time zone; Kubernetes refuses that there: set pg_backup_time_zone instead." % schedule)
    fields = _MACROS.get(text.lower(), text).split()
    if len(fields) != len(_FIELDS):
        raise ScheduleError(
            "The schedule %r has %d fields; five are needed: minute, hour, day, month, day of the week." % (schedule, len(fields))
        )
    parsed = [_parse_field(schedule, field, *bounds) for field, bounds in zip(fields, _FIELDS)]
    minutes, hours, month_days, months, week_days = parsed
    return minutes, hours, month_days, months, {number % 7 for number in week_days}


def _parse_field(schedule: str, field: str, name: str, lowest: int, highest: int) -> set[int]:
    numbers: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(schedule, step_text, name) if slash else 1
        if span in ("*", "?"):
            first, last = lowest, highest
        else:
            first_text, dash, last_text = span.partition("-")
            first = _number(schedule, first_text, name)
            last = _number(schedule, last_text, name) if dash else (highest if slash else first)
        if step < 1 or not lowest <= first <= last <= highest:
            raise ScheduleError("The schedule %r has %r as its %s; %d to %d are possible." % (schedule, part, name, lowest, highest))
        numbers.update(range(first, last + 1, step))
    if name == "day of the week" and field.strip() in ("*", "?"):
        numbers.discard(7)
    return numbers


def _number(schedule: str, text: str, name: str) -> int:
    names = {"month": _MONTHS, "day of the week": _DAYS}.get(name, {})
    if text.lower() in names:
        return names[text.lower()]
    if not (text.isascii() and text.isdigit()):
        raise ScheduleError("The schedule %r has %r as part of its %s, which is no number." % (schedule, text, name))
    return int(text)
