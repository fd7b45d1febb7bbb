# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the predecessor rotates as its documentation says, ours keeps the same backups; docs/predecessor.md lists where it does not."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, Backup, Order
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import TIERS, DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy, plan
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SCHEDULES = 2000
RUNS = 60


@dataclass
class Documented:
    """What the predecessor's documentation says, of backups known by the number of their making.

    ``hourly`` always makes one; any other tier copies the oldest of its prior tier when that holds a full set; no more than
    the count stay in a tier.
    """

    policies: Mapping[str, TierPolicy]
    tiers: dict[str, set[int]] = field(default_factory=lambda: {tier: set() for tier in TIERS})
    made: int = 0

    def run(self, tier: str, now: datetime, fails: bool) -> None:
        policy = self.policies[tier]
        if fails:
            return
        if tier == "hourly":
            self.made += 1
            self.tiers[tier].add(self.made)
        elif len(self.tiers[policy.prior_tier]) >= policy.prior_count:
            self.tiers[tier].add(min(self.tiers[policy.prior_tier]))
        self.tiers[tier] = set(sorted(self.tiers[tier])[-policy.count :])


@dataclass
class Old:
    """What the predecessor's program does: it counts names, and sorts them as text."""

    policies: Mapping[str, TierPolicy]
    tiers: dict[str, dict[str, int]] = field(default_factory=lambda: {tier: {} for tier in TIERS})
    made: int = 0

    def run(self, tier: str, now: datetime, fails: bool) -> None:
        policy = self.policies[tier]
        held = self.tiers[tier]
        if fails:
            return
        if tier == "hourly":
            self.made += 1
            held[DumpName(now, "gzip").file_name] = self.made
        else:
            prior = self.tiers[policy.prior_tier]
            if len(prior) == policy.prior_count:
                oldest = min(prior)
                held[oldest] = prior[oldest]
        for name in sorted(held)[: max(0, len(held) - policy.count)]:
            del held[name]

    def numbers(self, tier: str) -> set[int]:
        return set(self.tiers[tier].values())


@dataclass
class Ours:
    """The engine's policy on a volume in memory."""

    policies: Mapping[str, TierPolicy]
    tiers: dict[str, list[Backup]] = field(default_factory=lambda: {tier: [] for tier in TIERS})
    made: int = 0
    newest: datetime = datetime.min.replace(tzinfo=timezone.utc)

    def run(self, tier: str, now: datetime, fails: bool) -> None:
        policy, own = self.policies[tier], None
        if tier == "hourly" and not fails:
            self.made += 1
            # As the catalog orders them: no backup is older than one that was made before it.
            self.newest = max(self.newest, now)
            name = DumpName(now, "zstd").file_name
            own = Backup(tier, name, "%d" % self.made, now, 1, PROVEN, "", Order(self.newest, self.made, name))
            self.tiers[tier].append(own)
        the_plan = plan(policy, self.tiers[tier], self.tiers.get(policy.source or "", ()), frozenset(), own)
        if fails and tier != "hourly":
            return
        if the_plan.promote is not None:
            self.tiers[tier].append(replace(the_plan.promote, tier=tier))
        removed = {backup.path for backup in the_plan.removals}
        self.tiers[tier] = [backup for backup in self.tiers[tier] if backup.path not in removed]

    def numbers(self, tier: str) -> set[int]:
        return {int(backup.path) for backup in self.tiers[tier]}


def random_policies(dice: random.Random) -> dict[str, TierPolicy]:
    """Tiers as the predecessor's documentation sets them up: each waits for as many as its prior tier keeps."""
    policies = {"hourly": TierPolicy("hourly", dice.randint(1, 8))}
    prior = "hourly"
    for tier in TIERS[1:]:
        if dice.random() < 0.8:
            policies[tier] = TierPolicy(tier, dice.randint(1, 6), prior, policies[prior].count)
            prior = tier if dice.random() < 0.9 else prior
    return policies


def random_runs(dice: random.Random, policies: Mapping[str, TierPolicy], clock_is_set_back: bool) -> list[tuple[str, datetime, bool]]:
    """Tiers, times by the machine's clock, and whether the run fails: with gaps, failures and a clock that is moved."""
    every = {"hourly": 1, "daily": dice.randint(1, 5), "weekly": dice.randint(1, 12), "monthly": dice.randint(1, 20)}
    failing, missing = dice.choice((0, 0.1, 0.5)), dice.choice((0, 0.1, 0.4))
    runs, now, seen = [], START, set()
    for step in range(RUNS):
        now += HOUR * dice.choice((1, 1, 1, 1, 1, 30, 2000) if missing else (1,))
        if clock_is_set_back and dice.random() < 0.1:
            now -= HOUR * dice.choice((1, 5, 500))
        while now in seen:
            # The same second twice is a difference of its own.
            now += timedelta(seconds=7)
        seen.add(now)
        due = [tier for tier in policies if step % every[tier] == 0 and dice.random() >= missing]
        runs += [(tier, now, dice.random() < failing) for tier in dice.sample(due, len(due))]
    return runs


def compare(seed: int, clock_is_set_back: bool) -> int:
    """Run all three side by side; ours must be as documented after each run. How often the program was not."""
    dice = random.Random(seed)
    policies = random_policies(dice)
    documented, old, ours = Documented(policies), Old(policies), Ours(policies)
    differing = 0
    for tier, now, fails in random_runs(dice, policies, clock_is_set_back):
        for one in (documented, old, ours):
            one.run(tier, now, fails)
        assert ours.numbers(tier) == documented.tiers[tier], "seed %d, %s at %s" % (seed, tier, now)
        differing += old.numbers(tier) != documented.tiers[tier]
    return differing


@pytest.mark.parametrize("part", range(5))
def test_the_same_backups_are_kept_whatever_fails_or_is_missed(part: int) -> None:
    for seed in range(part * SCHEDULES // 5, (part + 1) * SCHEDULES // 5):
        assert compare(seed, clock_is_set_back=False) == 0, "seed %d: the predecessor itself is not as documented" % seed


def test_what_is_documented_is_kept_although_the_clock_is_set_back() -> None:
    differing = sum(compare(seed, clock_is_set_back=True) > 0 for seed in range(SCHEDULES // 2))
    # Else the schedules are too tame to show anything.
    assert differing > SCHEDULES / 8


# Where ours differs, and docs/predecessor.md says why


def both(policies: dict[str, TierPolicy], runs: list[tuple[str, datetime]]) -> tuple[Old, Ours]:
    old, ours = Old(policies), Ours(policies)
    for tier, now in runs:
        old.run(tier, now, False)
        ours.run(tier, now, False)
    return old, ours


def hourly(count: int, start: datetime = START) -> list[tuple[str, datetime]]:
    return [("hourly", start + HOUR * number) for number in range(count)]


def test_deviation_at_least_instead_of_exactly() -> None:
    policies = {"hourly": TierPolicy("hourly", 5), "daily": TierPolicy("daily", 9, "hourly", 3)}
    old, ours = both(policies, [*hourly(6), ("daily", START)])
    assert old.numbers("daily") == set() and ours.numbers("daily") == {2}


def test_deviation_order_of_making_instead_of_names() -> None:
    policies = {"hourly": TierPolicy("hourly", 3)}
    old, ours = both(policies, [*hourly(3), ("hourly", START - HOUR)])
    assert 4 not in old.numbers("hourly"), "the predecessor deletes what it has just made"
    assert ours.numbers("hourly") == {2, 3, 4}


def test_deviation_one_second_one_file() -> None:
    old, ours = both({"hourly": TierPolicy("hourly", 3)}, [("hourly", START)] * 2)
    # Of ours, the second run waits for a second of its own; the policy would keep both.
    assert len(old.numbers("hourly")) == 1 and len(ours.numbers("hourly")) == 2


def test_deviation_a_lowered_count_waits_for_a_promotion() -> None:
    policies = {"hourly": TierPolicy("hourly", 2), "daily": TierPolicy("daily", 4, "hourly", 2)}
    runs = [run for number in range(5) for run in (*hourly(2, START + 9 * HOUR * number), ("daily", START))]
    old, ours = both(policies, runs)
    assert len(old.numbers("daily")) == len(ours.numbers("daily")) == 4
    for one in (old, ours):
        one.policies = {**policies, "daily": TierPolicy("daily", 2, "hourly", 3)}
        one.run("daily", START, False)
    assert len(old.numbers("daily")) == 2 and len(ours.numbers("daily")) == 4
    ours.policies = {**policies, "daily": TierPolicy("daily", 2, "hourly", 2)}
    ours.run("daily", START, False)
    assert len(ours.numbers("daily")) == 2


def test_deviation_damaged_backups_are_not_counted() -> None:
    policies = {"hourly": TierPolicy("hourly", 3), "daily": TierPolicy("daily", 9, "hourly", 3)}
    old, ours = both(policies, hourly(3))
    ours.tiers["hourly"][1] = replace(ours.tiers["hourly"][1], state=DAMAGED)
    for one in (old, ours):
        one.run("daily", START, False)
    assert old.numbers("daily") == {1} and ours.numbers("daily") == set()
    for one in (old, ours):
        one.run("hourly", START + 5 * HOUR, False)
    # The damaged one takes nobody's place, and goes only when somebody removes it.
    assert ours.numbers("hourly") == {1, 2, 3, 4} and old.numbers("hourly") == {2, 3, 4}


@pytest.mark.parametrize("policy", [TierPolicy("hourly", 0), TierPolicy("daily", 3, "daily", 3), TierPolicy("daily", 3, "weekly", 3)])
def test_deviation_what_cannot_be_meant_is_refused(policy: TierPolicy) -> None:
    with pytest.raises(UsageError):
        plan(policy, ())


def test_every_deviation_is_on_the_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "predecessor.md").read_text(encoding="utf-8")
    tested = re.findall(r"^def (test_deviation_\w+)", Path(__file__).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(re.findall(r"`(test_deviation_\w+)`", page)) == sorted(tested)
