# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Years of backups, run by run: schedules kept and missed, failures, readers, clocks that jump."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, Backup, Order
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import TIERS, DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import NEWEST, OLDEST, TierPolicy, plan

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
USUAL = {
    "hourly": TierPolicy("hourly", 24),
    "daily": TierPolicy("daily", 7),
    "weekly": TierPolicy("weekly", 4),
    "monthly": TierPolicy("monthly", 36),
}


@dataclass
class Volume:
    """A volume in memory that obeys plans and checks at each step that nothing good was lost."""

    policies: dict[str, TierPolicy] = field(default_factory=lambda: dict(USUAL))
    tiers: dict[str, list[Backup]] = field(default_factory=lambda: {tier: [] for tier in TIERS})
    promoted: dict[str, list[Backup]] = field(default_factory=lambda: {tier: [] for tier in TIERS})
    made: list[Backup] = field(default_factory=list)
    in_use: frozenset[str] = frozenset()
    # Nothing is damaged and no count changes: the newest of all that were ever made must be there.
    steady: bool = True

    def list_tiers(self, *tiers: str | None) -> list[list[Backup]]:
        """Tiers as the catalog orders them: by sequence, no backup earlier than one made before it."""
        latest = datetime.min.replace(tzinfo=timezone.utc)
        order = {}
        everything = {one.file_name: one for backups in self.tiers.values() for one in backups}
        for one in sorted(everything.values(), key=lambda one: one.order.sequence):
            latest = max(latest, one.time)
            order[one.file_name] = Order(latest, one.order.sequence, one.file_name)
        return [[replace(one, order=order[one.file_name]) for one in self.tiers.get(tier or "", ())] for tier in tiers]

    def run(self, tier: str, time: datetime, fails: bool = False) -> None:
        """One scheduled run; a run that fails makes or promotes nothing, and still asks for a plan."""
        policy, before = self.policies[tier], list(self.tiers[tier])
        own = None
        if tier == "hourly" and not fails:
            name = DumpName(time.replace(microsecond=0), "zstd").file_name
            if any(one.file_name == name for one in before):
                return
            own = Backup(tier, name, name, time, 1, PROVEN, "", Order(time, len(self.made) + 1, name))
            self.made.append(own)
            self.tiers[tier].append(own)
        held, prior = self.list_tiers(tier, policy.source)
        own = next((one for one in held if own and one.file_name == own.file_name), None)
        result = plan(policy, held, prior, self.in_use, own)
        if result.promote:
            # A promotion that fails ends the run before anything is removed.
            if fails:
                return
            self.tiers[tier].append(replace(result.promote, tier=tier))
            self.promoted[tier].append(result.promote)
        removed = {one.file_name for one in result.removals}
        self.tiers[tier] = [one for one in self.tiers[tier] if one.file_name not in removed]
        self.check(tier, before, removed, fails)

    def check(self, tier: str, before: list[Backup], removed: set[str], failed: bool) -> None:
        count = self.policies[tier].count
        after = [one for one in self.tiers[tier] if one.proven]
        assert not (removed and failed and tier == "hourly"), "a failed run removed something"
        assert not removed & self.in_use, "a backup was removed under its reader"
        assert not removed & {one.file_name for one in before if not one.proven}, "what is not proven was removed"
        assert len(after) >= min(count, sum(one.proven for one in before)), "the tier holds fewer than it did and than it counts"
        sequences = sorted(one.order.sequence for one in after)
        gone = [one.order.sequence for one in before if one.file_name in removed]
        assert not gone or max(gone) < sequences[-count], "a newer backup went while an older one stayed among the newest"
        if tier == "hourly":
            candidates = sorted((one for one in [*before, *self.made[-1:]] if one.proven), key=lambda one: one.order.sequence)
            newest = self.made if self.steady else candidates
            assert {one.file_name for one in newest[-count:]} <= {one.file_name for one in after}, "one of the newest is not there"

    def damage(self, tier: str, chance: random.Random) -> None:
        if self.tiers[tier]:
            number = chance.randrange(len(self.tiers[tier]))
            self.tiers[tier][number] = replace(self.tiers[tier][number], state=DAMAGED)


def due(hour: datetime):
    """The runs of the default schedules within an hour, in the order of their minutes."""
    yield "hourly", hour + timedelta(minutes=7)
    if hour.hour == 0:
        if hour.day == 1:
            yield "monthly", hour + timedelta(minutes=45)
        if hour.isoweekday() == 7:
            yield "weekly", hour + timedelta(minutes=50)
        yield "daily", hour + timedelta(minutes=55)


def hours(days: int):
    return (START + number * HOUR for number in range(days * 24))


def steps(backups: list[Backup]) -> list[timedelta]:
    return [later.time - earlier.time for earlier, later in pairwise(backups)]


def test_a_year_and_a_quarter_on_time_moves_every_day_week_and_month_along():
    volume = Volume()
    for hour in hours(450):
        for tier, time in due(hour):
            volume.run(tier, time)
    assert {tier: len(backups) for tier, backups in volume.tiers.items()} == {"hourly": 24, "daily": 7, "weekly": 4, "monthly": 13}
    assert len(volume.promoted["daily"]) == 450 - 1
    assert set(steps(volume.promoted["daily"])) == {DAY}
    assert set(steps(volume.promoted["weekly"])) == {7 * DAY}
    assert set(steps(volume.promoted["monthly"])) == {28 * DAY, 35 * DAY}
    # Tiers meet without a gap: what daily holds ends where hourly begins, a day's step away at most.
    assert min(one.time for one in volume.tiers["hourly"]) - max(one.time for one in volume.tiers["daily"]) <= DAY
    assert min(one.time for one in volume.tiers["daily"]) - max(one.time for one in volume.tiers["weekly"]) <= 7 * DAY
    assert min(one.time for one in volume.tiers["weekly"]) - max(one.time for one in volume.tiers["monthly"]) <= 35 * DAY


@pytest.mark.parametrize("surplus", [1, 5, 100])
def test_more_files_than_the_prior_count_do_not_stop_the_conveyor(surplus):
    volume = Volume(dict(USUAL, hourly=TierPolicy("hourly", 24 + surplus)))
    for hour in hours(30):
        for tier, time in due(hour):
            volume.run(tier, time)
    assert set(steps(volume.promoted["daily"][surplus // 24 + 1 :])) == {DAY}
    assert len(volume.tiers["hourly"]) == 24 + surplus


@pytest.mark.parametrize("length", [24, 36, 48])
@pytest.mark.parametrize("interval", [1, 2, 4, 6])
def test_the_conveyor_skips_no_backup_when_the_next_tier_runs_as_often(length, interval):
    """Where the daily tier runs after each hourly run, every backup that was made passes through it."""
    volume = Volume({"hourly": TierPolicy("hourly", length), "daily": TierPolicy("daily", 9, prior_count=length)})
    for hour in list(hours(30))[::interval]:
        volume.run("hourly", hour)
        volume.run("daily", hour + timedelta(minutes=30))
    assert [one.file_name for one in volume.promoted["daily"]] == [one.file_name for one in volume.made[: -length + 1]]


def test_when_the_hourly_tier_is_dead_nothing_is_promoted_twice_and_nothing_goes():
    volume = Volume()
    for hour in hours(20):
        for tier, time in due(hour):
            volume.run(tier, time)
    held = {tier: list(backups) for tier, backups in volume.tiers.items()}
    promoted = len(volume.promoted["daily"])
    for hour in hours(60):
        for tier, time in due(hour):
            volume.run(tier, time + 20 * DAY, fails=tier == "hourly")
    assert volume.tiers["hourly"] == held["hourly"]
    assert len(volume.promoted["daily"]) <= promoted + 1
    assert len(volume.tiers["daily"]) == 7


@pytest.mark.parametrize("promote", [OLDEST, NEWEST])
@pytest.mark.parametrize("seed", range(2))
def test_a_year_with_failures_gaps_readers_and_damage_loses_nothing_it_should_keep(seed, promote):
    chance = random.Random(seed)
    volume = Volume({tier: replace(policy, promote=promote) for tier, policy in USUAL.items()}, steady=False)
    down_until = START
    for hour in hours(365):
        if chance.random() < 1 / 500:
            down_until = hour + chance.randrange(1, 100) * HOUR
        if hour < down_until:
            continue
        if chance.random() < 1 / 20:
            everything = [one.file_name for backups in volume.tiers.values() for one in backups]
            volume.in_use = frozenset(chance.sample(everything, min(len(everything), chance.randrange(3))))
        if chance.random() < 1 / 1000:
            volume.damage(chance.choice(TIERS), chance)
        for tier, time in due(hour):
            if chance.random() > 1 / 10:
                volume.run(tier, time, fails=chance.random() < 1 / 10)
    volume.in_use = frozenset()
    for hour in hours(56):
        for tier, time in due(hour + 365 * DAY):
            volume.run(tier, time)
    # Once things go well again, every tier fills up again.
    proven = {tier: sum(one.proven for one in volume.tiers[tier]) for tier in TIERS}
    assert [proven["hourly"], proven["daily"], proven["weekly"]] == [24, 7, 4]
    assert [one.file_name for one in volume.tiers["monthly"]] == [one.file_name for one in volume.promoted["monthly"]]
    assert len(volume.promoted["monthly"]) > 6


@pytest.mark.parametrize("seed", range(5))
def test_a_clock_that_jumps_both_ways_loses_nothing(seed):
    chance = random.Random(seed)
    volume = Volume()
    error = timedelta(0)
    for hour in hours(100):
        if chance.random() < 1 / 40:
            error = chance.choice([timedelta(0), chance.uniform(-400, 400) * DAY, chance.uniform(-3, 3) * HOUR, 1825 * DAY])
        for tier, time in due(hour):
            volume.run(tier, time + error)
    assert len(volume.tiers["hourly"]) == 24
    sequences = [one.order.sequence for one in volume.promoted["daily"]]
    assert sequences == sorted(set(sequences)), "the daily tier took backups out of the order they were made in"
    assert max(later - earlier for earlier, later in pairwise(sequences)) <= 25


@pytest.mark.parametrize("seed", range(5))
def test_counts_that_an_operator_changes_take_effect_and_cost_no_more_than_they_say(seed):
    chance = random.Random(seed)
    volume = Volume(steady=False)
    for hour in hours(120):
        if chance.random() < 1 / 100:
            tier = chance.choice(TIERS)
            volume.policies[tier] = replace(volume.policies[tier], count=chance.randrange(1, 40), promote=chance.choice([OLDEST, NEWEST]))
        for tier, time in due(hour):
            volume.run(tier, time)
        hourly = volume.policies["hourly"].count
        assert len(volume.tiers["hourly"]) <= hourly
    assert [one.file_name for one in volume.tiers["hourly"]] == [one.file_name for one in volume.made[-len(volume.tiers["hourly"]) :]]
