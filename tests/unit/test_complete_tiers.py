# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiers as an inventory declares them, made complete."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ansible_collections.bandr.postgres.plugins.filter.backup_tiers import backup_tiers
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DEFAULT_COUNT, PRIOR_TIER
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import TIERS as ENGINE_TIERS
from ansible_collections.bandr.postgres.plugins.plugin_utils.tiers import DEFAULTS, TIERS, TiersError, complete_tiers

ROLE = Path(__file__).resolve().parents[2] / "roles" / "pg_backup"


def test_tiers_and_their_defaults_are_the_engines() -> None:
    assert TIERS == ENGINE_TIERS
    assert {tier: values["count"] for tier, values in DEFAULTS.items()} == DEFAULT_COUNT


def test_the_roles_default_is_the_filters() -> None:
    declared = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))["pg_backup_tiers"]
    assert declared == DEFAULTS


def test_each_tier_waits_for_the_count_of_the_one_before_it() -> None:
    tiers = complete_tiers(dict.fromkeys(TIERS))
    assert [tier["tier"] for tier in tiers] == list(TIERS)
    assert tiers[0]["arguments"] == ["backup", "--tier", "hourly", "--count", "24"]
    assert tiers[1]["arguments"][5:] == ["--prior-tier", PRIOR_TIER["daily"], "--prior-count", "24", "--promote", "oldest"]
    assert tiers[2]["arguments"][5:] == ["--prior-tier", PRIOR_TIER["weekly"], "--prior-count", "7", "--promote", "oldest"]
    assert tiers[3]["arguments"][5:] == ["--prior-tier", PRIOR_TIER["monthly"], "--prior-count", "4", "--promote", "oldest"]


def test_a_tier_that_is_left_out_is_no_prior() -> None:
    tiers = complete_tiers({"hourly": {"count": 5}, "monthly": {}})
    assert tiers[1]["arguments"][5:9] == ["--prior-tier", "hourly", "--prior-count", "5"]


def test_a_run_ends_before_the_next_begins() -> None:
    hourly, daily = complete_tiers({"hourly": {"schedule": "*/10 * * * *"}, "daily": {"deadline_seconds": "77"}})
    assert hourly["deadline_seconds"] == 540
    assert daily["deadline_seconds"] == 77
    assert complete_tiers({"hourly": {"schedule": "* * * * *"}})[0]["deadline_seconds"] > 0


def test_a_survey_sends_text() -> None:
    (tier,) = backup_tiers('{"hourly": {"count": "36", "schedule": "7 */4 * * *", "suspend": "true"}}')
    assert (tier["count"], tier["schedule"], tier["suspend"]) == (36, "7 */4 * * *", True)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({}, "has no tier"),
        (None, "has no tier"),
        ({"daily": {}}, "has no hourly tier"),
        ({"hourly": {}, "yearly": {}}, "has yearly"),
        ({"hourly": {"keep": 3}}, "has keep"),
        ({"hourly": {"count": 0}}, "hourly.count is 0"),
        ({"hourly": {"count": "many"}}, "hourly.count is many"),
        ({"hourly": {"count": True}}, "hourly.count is True"),
        ({"hourly": {"count": -1}}, "hourly.count is -1"),
        ({"hourly": {"prior": "daily"}}, "hourly has prior"),
        ({"hourly": 7}, "must hold values"),
        ({"hourly": {"schedule": "every hour"}}, "2 fields"),
        ({"hourly": {}, "daily": {"prior": "daily"}}, "daily.prior is daily"),
        ({"hourly": {}, "daily": {"prior": "weekly"}, "weekly": {}}, "daily.prior is weekly"),
        ({"hourly": {}, "daily": {"promote": "any"}}, "oldest or newest"),
        ({"hourly": {"count": 3}, "daily": {"prior_count": 4}}, "nothing would ever be promoted"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_variables_name(declared: object, said: str) -> None:
    with pytest.raises(TiersError, match=said) as refused:
        complete_tiers(declared)
    assert "pg_backup_tiers" in str(refused.value)
