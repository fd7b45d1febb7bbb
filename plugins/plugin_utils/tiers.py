# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says about tiers, made complete: every tier with its schedule, counts and deadline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from .schedule import ScheduleError, shortest_interval


class TierValues(TypedDict):
    """How often a tier works, and how many backups it keeps."""

    schedule: str
    count: int


class Tier(TierValues):
    """A tier with every value filled in."""

    tier: str
    interval_seconds: int
    deadline_seconds: int
    suspend: bool
    arguments: list[str]


TIERS = ("hourly", "daily", "weekly", "monthly")
DEFAULTS: dict[str, TierValues] = {
    "hourly": {"schedule": "7 * * * *", "count": 24},
    "daily": {"schedule": "55 0 * * *", "count": 7},
    "weekly": {"schedule": "50 0 * * 0", "count": 4},
    "monthly": {"schedule": "45 0 1 * *", "count": 36},
}
_KEYS = ("schedule", "count", "prior", "prior_count", "promote", "deadline_seconds", "suspend")
_LONGEST_DEADLINE = 6 * 3600
_MARGIN = 60


class TiersError(ValueError):
    """Tiers that cannot be meant; the message is a sentence that names the variable."""


def complete_tiers(declared: object) -> list[Tier]:
    """The declared tiers in order, each with every value filled in; raises TiersError.

    A tier's value may be empty (all defaults), and numbers may be text, as surveys have them.
    The prior tier is the nearest declared one before it.
    """
    if not isinstance(declared, Mapping) or not declared:
        raise TiersError("pg_backup_tiers has no tier; it maps names (%s) to their schedule and count." % ", ".join(TIERS))
    unknown = [str(name) for name in declared if name not in TIERS]
    if unknown:
        raise TiersError("pg_backup_tiers has %s; the tiers are %s." % (", ".join(unknown), ", ".join(TIERS)))
    if "hourly" not in declared:
        raise TiersError("pg_backup_tiers has no hourly tier, and only hourly makes backups; any schedule is possible for it.")
    tiers: list[Tier] = []
    for name in TIERS:
        if name in declared:
            tiers.append(_complete(name, declared[name], tiers))
    return tiers


def _complete(name: str, declared: object, earlier: list[Tier]) -> Tier:
    values = {} if declared in (None, "") else declared
    if not isinstance(values, Mapping):
        raise TiersError("pg_backup_tiers.%s is %r; it must hold values such as schedule and count." % (name, declared))
    unknown = [str(key) for key in values if key not in _KEYS]
    if unknown:
        raise TiersError("pg_backup_tiers.%s has %s; possible are %s." % (name, ", ".join(unknown), ", ".join(_KEYS)))
    schedule = " ".join(str(values.get("schedule") or DEFAULTS[name]["schedule"]).split())
    try:
        interval = shortest_interval(schedule)
    except ScheduleError as error:
        raise TiersError("pg_backup_tiers.%s: %s" % (name, error)) from error
    tier: Tier = {
        "tier": name,
        "schedule": schedule,
        "count": _number(name, "count", values, DEFAULTS[name]["count"]),
        "interval_seconds": interval,
        "deadline_seconds": _number(name, "deadline_seconds", values, max(_MARGIN // 2, min(interval - _MARGIN, _LONGEST_DEADLINE))),
        "suspend": str(values.get("suspend", False)).lower() in ("true", "yes", "on", "1"),
        "arguments": ["backup", "--tier", name],
    }
    tier["arguments"] += ["--count", str(tier["count"])]
    if name == "hourly":
        for key in ("prior", "prior_count", "promote"):
            if values.get(key) not in (None, ""):
                raise TiersError("pg_backup_tiers.hourly has %s; hourly makes its backups and promotes none." % key)
        return tier
    by_name = {one["tier"]: one for one in earlier}
    prior = str(values.get("prior") or earlier[-1]["tier"])
    if prior not in by_name:
        raise TiersError(
            "pg_backup_tiers.%s.prior is %s; it must be a declared tier before %s: %s." % (name, prior, name, ", ".join(by_name))
        )
    promote = str(values.get("promote") or "oldest")
    if promote not in ("oldest", "newest"):
        raise TiersError("pg_backup_tiers.%s.promote is %s; it is oldest or newest." % (name, promote))
    prior_count = _number(name, "prior_count", values, by_name[prior]["count"])
    if prior_count > by_name[prior]["count"]:
        raise TiersError(
            "pg_backup_tiers.%s waits for %d backups of %s, which keeps %d: nothing would ever be promoted."
            % (name, prior_count, prior, by_name[prior]["count"])
        )
    tier["arguments"] += ["--prior-tier", prior, "--prior-count", str(prior_count), "--promote", promote]
    return tier


def _number(name: str, key: str, values: Mapping, default: int) -> int:
    value = values.get(key)
    if value in (None, ""):
        return default
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise TiersError("pg_backup_tiers.%s.%s is %s; it must be a whole number from 1 up." % (name, key, text))
    return int(text)
