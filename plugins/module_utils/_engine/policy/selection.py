# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup is meant by what somebody asked for; never another one instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..backups import DAMAGED, PROVEN, UNPROVEN, Backup, Order
from ..names import SUFFIX_OF_CODEC, TIERS
from ..tools.errors import SelectionError, UsageError
from .missed import told_by_latest
from .moments import Moment, format_age, parse_moment

LATEST = "latest"
NONE = "none"
# Clocks of the machines that back up and restore may differ by this much.
CLOCK_TOLERANCE = timedelta(minutes=5)

_STATES = (PROVEN, UNPROVEN, DAMAGED)
_MOST_LISTED = 10


@dataclass(frozen=True)
class Selection:
    """The answer to a request.

    ``backup`` is None when none was asked for. ``skipped`` are newer ones that ``latest`` passed over, each with
    the reason. ``candidates`` begins with ``backup`` and goes on with what may stand in for it should it prove
    unreadable: copies of the same backup in other tiers and, for ``latest`` only, older backups, newest first.
    """

    backup: Backup | None
    skipped: tuple[tuple[Backup, str], ...] = ()
    candidates: tuple[Backup, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Point:
    """One backup with all its copies, the best first."""

    copies: tuple[Backup, ...]
    order: Order

    @property
    def best(self) -> Backup:
        return self.copies[0]

    @property
    def readable(self) -> tuple[Backup, ...]:
        return tuple(copy for copy in self.copies if copy.state != DAMAGED)


def select(backups: Iterable[Backup], wanted: str, now: datetime, maximum_age: timedelta | None = None) -> Selection:
    """Find the backup that ``wanted`` names: ``latest``, ``none``, a time, a file name or ``TIER/FILE``.

    ``maximum_age`` binds ``latest`` alone: whoever names a time knows how old it is.
    Raises UsageError when ``wanted`` cannot be read, SelectionError when no backup,
    more than one, or only a damaged one answers to it.
    """
    asked = wanted.strip()
    if not asked:
        raise UsageError("No backup was named. Ask for latest, none (to list them), a time such as 2026-11-22T10:07:00Z, or a file name.")
    if asked.lower() == NONE:
        return Selection(None)
    everything = tuple(backups)
    points = _points(everything)
    if asked.lower() == LATEST:
        return _latest(points, now, maximum_age)
    if "/" in asked or asked.lower().endswith(tuple(SUFFIX_OF_CODEC.values())):
        return _named(everything, points, asked)
    return _at(points, asked, _moment(asked))


def _points(backups: Iterable[Backup]) -> list[_Point]:
    """Backups without regard to tiers, from oldest to newest."""
    copies_of: dict[str, list[Backup]] = {}
    for backup in backups:
        copies_of.setdefault(backup.file_name, []).append(backup)
    points = [_Point(tuple(sorted(copies, key=_preference)), max(copy.order for copy in copies)) for copies in copies_of.values()]
    return sorted(points, key=lambda point: point.order)


def _preference(backup: Backup) -> tuple[int, int]:
    return _STATES.index(backup.state), TIERS.index(backup.tier)


def _latest(points: Sequence[_Point], now: datetime, maximum_age: timedelta | None) -> Selection:
    if not points:
        raise SelectionError("There is no backup on the volume. Nothing was changed.")
    newest_first = points[::-1]
    usable = [point for point in newest_first if point.readable]
    if not usable:
        raise SelectionError(
            "Every one of the %d backups on the volume is damaged; of the newest, %s: %s."
            % (len(points), newest_first[0].best.name, newest_first[0].best.why)
        )
    skipped = [(point.best, point.best.why) for point in newest_first[: newest_first.index(usable[0])]]
    older = [point.best for point in points if point.readable and point.order < usable[0].order]
    warnings = told_by_latest(usable[0].best, older)
    if maximum_age is not None:
        _check_age(usable[0].best, now, maximum_age, skipped)
        usable = [point for point in usable if -CLOCK_TOLERANCE <= now - point.best.time <= maximum_age]
    elif now - usable[0].best.time < -CLOCK_TOLERANCE:
        warnings.append("The latest backup, %s, is dated %s of this clock." % (usable[0].best.name, format_age(now - usable[0].best.time)))
    candidates = tuple(copy for point in usable for copy in point.readable)
    return Selection(candidates[0], tuple(skipped), candidates, tuple(warnings))


def _check_age(backup: Backup, now: datetime, maximum_age: timedelta, skipped: Sequence[tuple[Backup, str]]) -> None:
    age = now - backup.time
    if age < -CLOCK_TOLERANCE:
        raise SelectionError(
            "The latest backup, %s, is dated %s of this clock (%s), so its age cannot be told. "
            "Set the clock right, or ask for a backup by its time." % (backup.name, format_age(age), now.isoformat(timespec="seconds"))
        )
    if age > maximum_age:
        passed_over = "".join(" %s is newer and damaged: %s." % (newer.name, why) for newer, why in skipped[:_MOST_LISTED])
        raise SelectionError(
            "The latest backup, %s, is %s old and the maximum age is %s.%s Ask for it by its time to use it all the same."
            % (backup.name, format_age(age), format_age(maximum_age), passed_over),
            {"latest": backup.name, "age_seconds": int(age.total_seconds()), "maximum_age_seconds": int(maximum_age.total_seconds())},
        )


def _named(backups: Sequence[Backup], points: Sequence[_Point], asked: str) -> Selection:
    """The backup of a file name, in any tier, or of a path or its tail, in that tier alone."""
    # The predecessor upper-cases what it is asked for.
    tail = asked.lower()
    if "/" in tail:
        found = [backup for backup in backups if backup.path.lower() == tail or ("/" + backup.path.lower()).endswith("/" + tail)]
    else:
        found = [copy for point in points if point.best.file_name.lower() == tail for copy in point.copies]
    if not found:
        raise SelectionError("There is no backup file %s. %s" % (asked, _what_exists(points)))
    found.sort(key=_preference)
    return _readable_of(found, asked, points)


def _moment(asked: str) -> Moment:
    text = asked
    # The predecessor's users name a backup by the front of its file name.
    if text.lower().startswith("backup-"):
        text = text[len("backup-") :].upper().split("-DUMPALL", 1)[0]
    try:
        # A part of a name may end where its next number would begin.
        return parse_moment(text.rstrip("-T:t"))
    except UsageError as error:
        raise UsageError("%s A backup can also be asked for as latest, none or by its file name." % error.message) from error


def _at(points: Sequence[_Point], asked: str, moment: Moment) -> Selection:
    found = [point for point in points if point.best.time in moment]
    if not found:
        raise SelectionError(
            "There is no backup of %s. %s%s" % (asked, _nearest(points, moment), _what_exists(points)),
            {"nearest": [point.best.name for point in _neighbours(points, moment)]},
        )
    if len(found) > 1:
        names = [point.best.name + (" (damaged)" if not point.readable else "") for point in found]
        if len(set(names)) < len(names):
            names = [point.best.file_name for point in found]
        more = " and %d more" % (len(names) - _MOST_LISTED) if len(names) > _MOST_LISTED else ""
        raise SelectionError(
            "%d backups answer to %s: %s%s. Ask for one of them by its whole name."
            % (len(names), asked, ", ".join(names[:_MOST_LISTED]), more),
            {"matches": [point.best.file_name for point in found]},
        )
    return _readable_of(found[0].copies, asked, points)


def _readable_of(copies: Sequence[Backup], asked: str, points: Sequence[_Point]) -> Selection:
    """The readable ones of the copies of one backup, best first."""
    readable = tuple(copy for copy in copies if copy.state != DAMAGED)
    if readable:
        return Selection(readable[0], (), readable)
    damaged = copies[0]
    elsewhere = [copy for point in points if point.best.file_name == damaged.file_name for copy in point.readable]
    cure = "Ask for another one. " + _what_exists(points)
    if elsewhere:
        cure = "A readable copy is %s/%s." % (elsewhere[0].tier, elsewhere[0].file_name)
    raise SelectionError("The backup %s is damaged: %s. %s" % (asked, damaged.why, cure), {"damaged": [copy.path for copy in copies]})


def _neighbours(points: Sequence[_Point], moment: Moment) -> list[_Point]:
    """The last usable backup before a moment and the first one after it."""
    usable = sorted((point for point in points if point.readable), key=lambda point: point.best.time)
    before = [point for point in usable if point.best.time < moment.start]
    after = [point for point in usable if point.best.time >= moment.end]
    return before[-1:] + after[:1]


def _nearest(points: Sequence[_Point], moment: Moment) -> str:
    phrases = []
    for point in _neighbours(points, moment):
        time = point.best.time
        distance = "%s before" % format_age(moment.start - time) if time < moment.start else "%s after" % format_age(time - moment.start)
        phrases.append("%s (%s)" % (point.best.name, distance))
    return "The nearest: %s. " % " and ".join(phrases) if phrases else ""


def _what_exists(points: Sequence[_Point]) -> str:
    usable = sorted(point.best.time for point in points if point.readable)
    if not usable:
        return "The volume holds no usable backup."
    names = sorted({point.best.name for point in points if point.readable})
    if len(names) == 1:
        return "The volume holds one usable backup, %s." % names[0]
    return "The volume holds %d usable backups, from %s to %s; ask for none to list them." % (len(usable), names[0], names[-1])
