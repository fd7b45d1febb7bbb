# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and durations as people write them, read without guessing.

A time of reduced precision is an interval: ``2026-11-22T10`` is a whole hour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

from ..tools.errors import UsageError

_WHEN = re.compile(
    r"(?P<year>\d{4})"
    r"(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?|(?P<basic_month>\d\d)(?P<basic_day>\d\d)"
    r"|-?(?P<ordinal>\d{3})"
    r"|-W(?P<week>\d\d)(?:-(?P<weekday>\d))?|W(?P<basic_week>\d\d)(?P<basic_weekday>\d)?)?"
    r"(?:[T ](?P<hour>\d\d)"
    r"(?::?(?P<minute>\d\d)(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r" ?(?P<offset>Z|(?P<sign>[+-])(?P<offset_hour>\d\d)(?::?(?P<offset_minute>\d\d))?)?)?",
    re.ASCII,
)
_SHORT_DURATION = re.compile(r"(?:(\d+) ?w)? ?(?:(\d+) ?d)? ?(?:(\d+) ?h)? ?(?:(\d+) ?m(?:in)?)? ?(?:(\d+) ?s)?", re.ASCII)
_ISO_DURATION = re.compile(r"p(?=.)(?:(\d+)w)?(?:(\d+)d)?(?:t(?=.)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?)?", re.ASCII)
_AGE_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@dataclass(frozen=True)
class Moment:
    """The interval a written time means: from ``start`` up to, not including, ``end``; both are UTC."""

    start: datetime
    end: datetime

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time < self.end


def parse_moment(text: str) -> Moment:
    """Read an ISO 8601 time, extended or basic, as a calendar, ordinal or week date.

    What is left out on the right widens the interval: a year, month, week, day, hour, minute,
    second or fraction of one. Without an offset it is UTC. Raises UsageError for anything else.
    """
    match = _WHEN.fullmatch(text.strip().upper())
    if match is None:
        raise UsageError(
            "%r is not a time. Write it as 2026-11-22T10:07:00Z, or leave off the end to mean a whole minute, hour or day; "
            "without an offset it is UTC." % text
        )
    part = match.groupdict()
    try:
        start, length = _date(part)
        if part["hour"] is not None:
            if length != timedelta(days=1):
                raise UsageError("%r names an hour without naming a day. Write it as 2026-11-22T10:07:00Z." % text)
            since_midnight, length = _time_of_day(part)
            start += since_midnight - _offset(part)
        return Moment(start, start + length)
    except (ValueError, OverflowError) as error:
        raise UsageError("%r is not a time that exists (%s). Write it as 2026-11-22T10:07:00Z." % (text, error)) from error


def parse_duration(text: str) -> timedelta:
    """Read a duration: ``36h``, ``90m``, ``2d``, ``1w``, ``1d12h``, ``3 h 12 min``, or ISO 8601's ``PT36H`` and ``P2D``.

    Raises UsageError for a number without a unit, for months and years (their length varies),
    for nothing at all and for anything else.
    """
    given = text.strip().lower()
    if re.fullmatch(r"[+-]?\d+(?:[.,]\d*)?", given, re.ASCII):
        raise UsageError("The duration %r has no unit. Write %sh for hours, %sm for minutes or %sd for days." % ((text,) + (given,) * 3))
    match = (_ISO_DURATION if given.startswith("p") else _SHORT_DURATION).fullmatch(given)
    if match is None or not any(match.groups()):
        raise UsageError(
            "%r is not a duration. Write whole weeks, days, hours, minutes or seconds, as in 36h, 90m, 2d, 1w, 1d12h, PT36H or P2D." % text
        )
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in match.groups())
    try:
        duration = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise UsageError("The duration %r is longer than any calendar." % text) from error
    if not duration:
        raise UsageError("The duration %r is zero. Write one that is longer, as in 36h." % text)
    return duration


def format_age(age: timedelta) -> str:
    """Write ``age`` rounded down to its two largest units: ``3 h 12 min``; ``... ahead`` when it is negative."""
    if age < timedelta(0):
        return format_age(-age) + " ahead"
    left = age // timedelta(seconds=1)
    words = []
    for unit, seconds in _AGE_UNITS:
        number, left = divmod(left, seconds)
        if number:
            words.append("%d %s" % (number, unit))
        elif words:
            # Days and seconds side by side would look more exact than they read.
            break
        if len(words) == 2:
            break
    return " ".join(words) or "0 s"


def _date(part: dict[str, str | None]) -> tuple[datetime, timedelta]:
    """The first midnight of a date and how long the date lasts."""
    year = int(part["year"] or "")
    month, day = part["month"] or part["basic_month"], part["day"] or part["basic_day"]
    week, weekday = part["week"] or part["basic_week"], part["weekday"] or part["basic_weekday"]
    if part["ordinal"]:
        first = date(year, 1, 1) + timedelta(days=int(part["ordinal"]) - 1)
        if first.year != year:
            raise ValueError("%d has no day %s" % (year, part["ordinal"]))
        last = first
    elif week:
        first = date.fromisocalendar(year, int(week), int(weekday or 1))
        last = first if weekday else first + timedelta(days=6)
    elif day:
        first = last = date(year, int(month or ""), int(day))
    elif month:
        first = date(year, int(month), 1)
        last = date(year + first.month // 12, first.month % 12 + 1, 1) - timedelta(days=1)
    else:
        first, last = date(year, 1, 1), date(year, 12, 31)
    midnight = datetime(first.year, first.month, first.day, tzinfo=timezone.utc)
    return midnight, last - first + timedelta(days=1)


def _time_of_day(part: dict[str, str | None]) -> tuple[timedelta, timedelta]:
    """How long after midnight a time begins, and how long it lasts by its last given digit."""
    hour, minute, second = (int(part[name] or 0) for name in ("hour", "minute", "second"))
    fraction = part["fraction"]
    # ISO 8601 lets a day end at 24:00, the next day's midnight.
    if hour > 24 or (hour == 24 and (minute or second or int(fraction or 0))):
        raise ValueError("a day has 24 hours")
    if minute > 59 or second > 59:
        raise ValueError("an hour has 60 minutes and a minute 60 seconds, counted from 0")
    since_midnight = timedelta(hours=hour, minutes=minute, seconds=second)
    if fraction is not None:
        digits = fraction[:6]
        length = timedelta(microseconds=10 ** (6 - len(digits)))
        return since_midnight + int(digits) * length, length
    if part["second"] is not None:
        return since_midnight, timedelta(seconds=1)
    if part["minute"] is not None:
        return since_midnight, timedelta(minutes=1)
    return since_midnight, timedelta(hours=1)


def _offset(part: dict[str, str | None]) -> timedelta:
    """How far a time's clock is ahead of UTC."""
    if part["sign"] is None:
        return timedelta(0)
    hour, minute = int(part["offset_hour"] or 0), int(part["offset_minute"] or 0)
    if hour > 23 or minute > 59:
        raise ValueError("no clock is that far from UTC")
    offset = timedelta(hours=hour, minutes=minute)
    return -offset if part["sign"] == "-" else offset
