# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tier keeps, removes and promotes: the rules one by one, then every small tier there can be."""

from __future__ import annotations

import itertools
import random
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, UNPROVEN, Backup, Order
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DEFAULT_COUNT, TIERS, DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import (
    IGNORE,
    KEEP,
    NEWEST,
    OLDEST,
    PROMOTE,
    REMOVE,
    TierPolicy,
    check_policy,
    plan,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError

START = datetime(2026, 11, 22, tzinfo=timezone.utc)
STATES = (PROVEN, UNPROVEN, DAMAGED)


def backup(number: int, tier="hourly", state=PROVEN, hours=None) -> Backup:
    """Backup ``number`` in the order of making, dated ``hours`` after the start when its clock was wrong."""
    time = START + timedelta(hours=number if hours is None else hours)
    name = DumpName(time, "zstd").file_name
    order = Order(START + timedelta(hours=number), number + 1, name)
    return Backup(tier, name, "/backup/%s/%s" % (tier, name), time, 1, state, "as it should be", order)


def many(count: int, tier="hourly", first=0) -> list[Backup]:
    return [backup(number, tier) for number in range(first, first + count)]


def actions(result) -> dict[str, str]:
    return {decision.backup.path: decision.action for decision in result.decisions}


def names(backups) -> list[str]:
    return [one.file_name for one in backups]


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("count", [1, 24, 10000])
def test_a_policy_that_can_be_meant_is_returned(tier, count):
    policy = TierPolicy(tier, count)
    assert check_policy(policy) is policy


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (TierPolicy("hourly", 0), "count of the hourly tier is 0 and must be 1 or more"),
        (TierPolicy("daily", -1), "count of the daily tier is -1"),
        (TierPolicy("daily", True), "is True and must be a whole number"),
        (TierPolicy("daily", 2.5), "is 2.5 and must be a whole number"),
        (TierPolicy("daily", "7"), "is '7' and must be a whole number"),
        (TierPolicy("daily", None), "is None and must be a whole number"),
        (TierPolicy("yearly", 7), "The tier is 'yearly', and the tiers are hourly, daily, weekly, monthly"),
        (TierPolicy("", 7), "The tier is ''"),
        (TierPolicy("daily", 7, "daily"), "cannot promote from the daily tier. Its prior tier must be an earlier one: hourly"),
        (TierPolicy("daily", 7, "weekly"), "cannot promote from the weekly tier"),
        (TierPolicy("monthly", 7, "yearly"), "prior tier of the monthly tier is 'yearly'"),
        (TierPolicy("daily", 7, "hourly", 0), "prior count of the daily tier is 0"),
        (TierPolicy("daily", 7, "hourly", "24"), "prior count of the daily tier is '24'"),
        (TierPolicy("hourly", 24, "hourly"), "makes its backups itself"),
        (TierPolicy("hourly", 24, "daily"), "makes its backups itself"),
        (TierPolicy("hourly", 24, None, 24), "makes its backups itself"),
        (TierPolicy("daily", 7, promote="median"), "the oldest or the newest backup, not 'median'"),
    ],
)
def test_a_policy_that_cannot_be_meant_is_refused_before_anything_is_planned(policy, sentence):
    with pytest.raises(UsageError, match=sentence):
        check_policy(policy)
    with pytest.raises(UsageError, match=sentence):
        plan(policy, many(3), many(3), creating=True)


def test_the_prior_tier_and_count_default_to_the_tier_before_and_its_usual_count():
    assert (TierPolicy("hourly", 3).source, TierPolicy("hourly", 3).needed) == (None, 0)
    for prior, tier in itertools.pairwise(TIERS):
        assert (TierPolicy(tier, 3).source, TierPolicy(tier, 3).needed) == (prior, DEFAULT_COUNT[prior])
    assert TierPolicy("monthly", 3, "hourly").needed == 24
    assert check_policy(TierPolicy("monthly", 3, "hourly", 2)).needed == 2


def test_the_hourly_tier_keeps_the_newest_it_counts():
    held = many(6)
    result = plan(TierPolicy("hourly", 4), random.Random(1).sample(held, 6), creating=held[-1])
    assert list(actions(result).values()) == [REMOVE, REMOVE, KEEP, KEEP, KEEP, KEEP]
    assert result.removals == tuple(held[:2]) and result.promote is None and result.missing == 0


def test_a_run_that_made_nothing_removes_nothing():
    for creating in (None, False):
        result = plan(TierPolicy("hourly", 1), many(6), creating=creating)
        assert not result.removals and "made no backup" in result.message


def test_a_run_that_does_not_trust_its_own_backup_removes_nothing():
    assert not plan(TierPolicy("hourly", 1), many(6), creating=backup(5, state=UNPROVEN)).removals


@pytest.mark.parametrize("state", [UNPROVEN, DAMAGED])
def test_a_run_whose_backup_is_not_proven_removes_nothing(state):
    remembered, on_volume = backup(6), backup(6, state=state)
    for held, creating in ((many(6), on_volume), ([*many(6), on_volume], on_volume), ([*many(6), on_volume], remembered)):
        result = plan(TierPolicy("hourly", 1), held, creating=creating)
        assert not result.removals and "not proven" in result.message
        assert actions(result)[on_volume.path] == IGNORE and len(result.decisions) == 7


def test_the_backup_of_this_run_is_planned_for_once_whether_listed_or_not():
    held = many(3)
    listed, unlisted = (plan(TierPolicy("hourly", 2), backups, creating=held[-1]) for backups in (held, held[:-1]))
    assert listed == unlisted and len(listed.decisions) == 3


def test_a_run_foretold_makes_room_for_its_backup():
    assert plan(TierPolicy("hourly", 3), many(3), creating=True).removals == (backup(0),)
    assert not plan(TierPolicy("hourly", 4), many(3), creating=True).removals


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_backup_of_this_run_stays_when_the_clock_was_set_back(count):
    own = Backup(
        "hourly",
        "backup-2000-01-01T00:00:00Z-dumpall.sql.zst",
        "/p",
        START - timedelta(days=9000),
        1,
        PROVEN,
        "",
        Order(START - timedelta(days=9000), 0, "backup-2000-01-01T00:00:00Z-dumpall.sql.zst"),
    )
    result = plan(TierPolicy("hourly", count), [own, *many(5)], creating=own)
    assert actions(result)["/p"] == KEEP and len(result.removals) == 6 - count


def test_what_is_not_proven_is_neither_counted_nor_removed():
    held = [backup(0, state=UNPROVEN), backup(1), backup(2, state=DAMAGED), backup(3), backup(4, state=UNPROVEN), backup(5)]
    result = plan(TierPolicy("hourly", 2), held, creating=held[-1])
    assert list(actions(result).values()) == [IGNORE, REMOVE, IGNORE, KEEP, IGNORE, KEEP]


def test_what_is_being_read_stays_and_pushes_nothing_else_out():
    held = many(6)
    result = plan(TierPolicy("hourly", 2), held, in_use=frozenset(names([held[1], held[5]])), creating=held[-1])
    assert list(actions(result).values()) == [REMOVE, KEEP, REMOVE, REMOVE, KEEP, KEEP]
    assert "is reading it" in result.decisions[1].reason


def test_backups_of_other_tiers_are_passed_over():
    everything = many(5) + many(5, "daily") + many(5, "weekly")
    result = plan(TierPolicy("daily", 2, prior_count=5), everything, everything)
    assert {decision.backup.tier for decision in result.decisions} == {"daily"}
    assert not plan(TierPolicy("monthly", 2, "hourly", 6), everything, everything).promote


@pytest.mark.parametrize("held", range(24))
def test_a_prior_tier_that_lacks_some_promotes_nothing_removes_nothing_and_says_how_many(held):
    result = plan(TierPolicy("daily", 1), many(5, "daily"), many(held))
    assert result.missing == 24 - held and result.promote is None and not result.removals
    assert "the hourly tier holds %d of the 24" % held in result.message and "%d missing" % (24 - held) in result.message


@pytest.mark.parametrize("held", [24, 25, 26, 48, 1000])
def test_more_than_the_prior_count_promotes_as_well(held):
    result = plan(TierPolicy("daily", 7), [], many(held))
    assert result.promote == backup(0) and result.missing == 0
    assert [(decision.action, decision.backup) for decision in result.decisions] == [(PROMOTE, backup(0))]
    assert "oldest of the hourly tier's %d proven backups" % held in result.message


def test_only_proven_ones_fill_the_prior_count_and_are_promoted():
    prior = [backup(0, state=DAMAGED), backup(1, state=UNPROVEN), backup(2), backup(3), backup(4, state=DAMAGED)]
    assert plan(TierPolicy("daily", 7, prior_count=3), [], prior).missing == 1
    assert plan(TierPolicy("daily", 7, prior_count=2), [], prior).promote is prior[2]
    assert plan(TierPolicy("daily", 7, prior_count=2, promote=NEWEST), [], prior).promote is prior[3]


@pytest.mark.parametrize("promote", [OLDEST, NEWEST])
def test_what_the_tier_holds_already_is_not_promoted_again(promote):
    prior = many(4)
    chosen = {OLDEST: 0, NEWEST: 3}[promote]
    result = plan(TierPolicy("daily", 2, prior_count=4, promote=promote), [backup(chosen, "daily")], prior)
    assert result.promote is None and result.missing == 0 and "already" in result.message


def test_a_damaged_copy_in_the_tier_is_said_and_not_overwritten():
    result = plan(TierPolicy("daily", 2, prior_count=4), [backup(0, "daily", DAMAGED)], many(4))
    assert result.promote is None and "already, but there it is damaged" in result.message


def test_a_promotion_makes_the_tier_drop_its_oldest():
    held = many(3, "daily")
    result = plan(TierPolicy("daily", 3, prior_count=2), held, many(2, first=10))
    assert result.promote == backup(10) and result.removals == (held[0],)
    assert list(actions(result).values()) == [REMOVE, KEEP, KEEP, PROMOTE]


def test_a_promotion_that_is_older_than_all_of_the_tier_stays_now_and_at_the_next_run():
    held = many(4, "daily", first=50)
    policy = TierPolicy("daily", 2, prior_count=3)
    first = plan(policy, held, many(3))
    assert first.promote == backup(0) and first.removals == tuple(held[:2])
    second = plan(policy, [backup(0, "daily"), *held[2:]], many(3))
    assert second.promote is None and not second.removals


def test_a_tier_may_promote_from_any_earlier_one():
    assert plan(TierPolicy("monthly", 2, "hourly", 3), [], many(3)).promote == backup(0)


def tiers_of_every_state(length, tier="hourly", first=0):
    for states in itertools.product(STATES, repeat=length):
        yield [backup(first + number, tier, state) for number, state in enumerate(states)]


def check_prune(result, held, count, in_use, made):
    """What must hold of every plan that removes something, told without the plan's own words."""
    proven = [one for one in held if one.proven]
    newest = sorted(proven + made, key=lambda one: one.order)[-count:]
    removed = set(result.removals)
    assert not removed & set(newest)
    assert not [one for one in removed if one.file_name in in_use]
    assert not [one for one in removed if not one.proven]
    assert not removed & set(made)
    assert not proven or set(proven + made) - removed
    must_go = [one for one in proven if one not in newest and one.file_name not in in_use and one not in made]
    assert removed == set(must_go)


def test_every_hourly_tier_of_up_to_five():
    for length in range(5):
        for held in tiers_of_every_state(length):
            own = backup(length)
            readers = [names(chosen) for size in range(length + 1) for chosen in itertools.combinations(held, size)]
            for count, in_use in itertools.product(range(1, 7), readers):
                result = plan(TierPolicy("hourly", count), [*held, own], in_use=frozenset(in_use), creating=own)
                assert [decision.backup for decision in result.decisions] == [*held, own]
                assert all(decision.reason for decision in result.decisions)
                check_prune(result, held, count, in_use, [own])


@pytest.mark.parametrize("promote", [OLDEST, NEWEST])
def test_every_promoting_tier_of_up_to_three_from_up_to_three(promote):
    for length, prior_length, first in itertools.product(range(4), range(4), (0, 1, 2, 9)):
        for held, prior in itertools.product(tiers_of_every_state(length, "daily"), tiers_of_every_state(prior_length, first=first)):
            for count, prior_count in ((1, 1), (1, 2), (2, 1), (2, 3), (3, 2)):
                result = plan(TierPolicy("daily", count, prior_count=prior_count, promote=promote), held, prior)
                proven = [one for one in prior if one.proven]
                assert result.missing == max(0, prior_count - len(proven))
                if result.missing:
                    assert result.promote is None and not result.removals
                    continue
                chosen = proven[0 if promote == OLDEST else -1]
                there = [one for one in held if one.file_name == chosen.file_name]
                assert result.promote is (None if there else chosen)
                if there:
                    assert there[0] not in result.removals
                    check_prune(result, [one for one in held if one is not there[0]], count, (), [one for one in there if one.proven])
                else:
                    check_prune(result, held, count, (), [chosen])
                    assert sum(decision.action == PROMOTE for decision in result.decisions) == 1
                assert len(result.decisions) == length + (not there)


@pytest.mark.parametrize("seed", range(20))
def test_a_second_run_finds_nothing_left_to_do(seed):
    chance = random.Random(seed)
    for _turn in range(200):
        held = [backup(number, "daily", chance.choice(STATES)) for number in chance.sample(range(30), chance.randrange(8))]
        prior = [backup(number, "hourly", chance.choice(STATES)) for number in chance.sample(range(30), chance.randrange(12))]
        policy = TierPolicy("daily", chance.randrange(1, 6), prior_count=chance.randrange(1, 6), promote=chance.choice([OLDEST, NEWEST]))
        in_use = frozenset(one.file_name for one in held if chance.random() < 0.2)
        first = plan(policy, held, prior, in_use)
        after = [one for one in held if one not in first.removals]
        if first.promote:
            after.append(backup(first.promote.order.sequence - 1, "daily"))
        second = plan(policy, after, prior, in_use)
        assert second.promote is None and not second.removals
        assert all(decision.action in (KEEP, IGNORE) for decision in second.decisions)


@pytest.mark.parametrize("seed", range(10))
def test_the_order_in_which_backups_are_listed_does_not_matter(seed):
    chance = random.Random(seed)
    held = [backup(number, "daily", chance.choice(STATES)) for number in range(10)]
    prior = [backup(number, "hourly", chance.choice(STATES)) for number in range(5, 25)]
    policy = TierPolicy("daily", 3, prior_count=4)
    expected = plan(policy, held, prior)
    for _turn in range(10):
        assert plan(policy, chance.sample(held, len(held)), chance.sample(prior, len(prior))) == expected
