# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When runs are due, and what befalls them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

START = datetime(2026, 1, 1, tzinfo=timezone.utc)

SERVER_DOWN = "server down"
FULL_DISK = "disk full"
WARNING = "a warning"
KILLED = "killed"
FAULTS = (SERVER_DOWN, FULL_DISK, WARNING, KILLED)


@dataclass(frozen=True)
class Tier:
    """A tier as an operator set it up: hours of the day and days when it runs, and its numbers."""

    count: int
    hours: tuple[int, ...]
    minute: int
    prior: str | None = None
    prior_count: int = 0
    weekday: int | None = None
    day: int | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether a run begins at this hour."""
        right_day = (self.weekday is None or now.weekday() == self.weekday) and (self.day is None or now.day == self.day)
        return now.hour in self.hours and right_day


@dataclass(frozen=True)
class Operator:
    """Somebody's tiers, and how far the local time that the predecessor wrote was ahead of UTC."""

    tiers: Mapping[str, Tier]
    ahead: timedelta = timedelta(0)


def _tiers(hours: tuple[int, ...], hourly: int, daily: int, weekly: int, monthly: int) -> dict[str, Tier]:
    return {
        "hourly": Tier(hourly, hours, 7),
        "daily": Tier(daily, (0,), 55, "hourly", hourly),
        "weekly": Tier(weekly, (0,), 50, "daily", daily, weekday=6),
        "monthly": Tier(monthly, (0,), 45, "weekly", weekly, day=1),
    }


OPERATORS = {
    # The templates of the predecessor's first release, and the example of bandr-ansible.
    "hourly": Operator(_tiers(tuple(range(24)), 24, 7, 4, 36)),
    "four-hourly": Operator(_tiers((2, 6, 10, 14, 18, 22), 6, 6, 3, 23)),
    "tokyo": Operator(_tiers((0, 8, 16), 2, 3, 2, 2), timedelta(hours=9)),
}


@dataclass(frozen=True)
class Run:
    """One run that is due, and what befalls it (empty: nothing)."""

    tier: str
    time: datetime
    fault: str = ""


def runs(operator: Operator, begin: datetime, days: int, dice: random.Random, often: float) -> Iterator[Run]:
    """Every run of so many days in order; ``often`` is how likely a fault is. Some runs are missed altogether."""
    for hour in range(24 * days):
        now = begin + timedelta(hours=hour)
        for tier, setup in sorted(operator.tiers.items(), key=lambda item: item[1].minute):
            if not setup.is_due(now) or dice.random() < often / 4:
                continue
            fault = dice.choice(FAULTS) if dice.random() < often else ""
            if tier != "hourly" and fault != FULL_DISK:
                # A promotion asks no server.
                fault = ""
            yield Run(tier, now + timedelta(minutes=setup.minute, seconds=dice.randrange(50)), fault)
