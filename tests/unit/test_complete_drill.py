# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says about drills is made complete, or refused with the variable's name."""

from __future__ import annotations

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.filter import backup_drill as documented
from ansible_collections.bandr.postgres.plugins.filter.backup_drill import backup_drill
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.drill import parse_size
from ansible_collections.bandr.postgres.plugins.plugin_utils.drill import DrillError, complete_drill


@pytest.mark.parametrize("declared", [None, "", {}])
def test_nothing_declared_is_a_drill_without_a_schedule(declared: object) -> None:
    drill = complete_drill(declared)
    assert (drill["schedule"], drill["deadline_seconds"]) == ("", 21600)
    assert drill["arguments"] == ["drill", "--scratch=/scratch", "--scratch-size=10Gi", "--from=latest"]


def test_a_survey_has_text_alone() -> None:
    drill = backup_drill('{"schedule": "17  3 * * 0", "compare": "no", "deadline_seconds": "77", "scratch_claim": "yes"}')
    assert (drill["schedule"], drill["compare"], drill["deadline_seconds"], drill["scratch_claim"]) == ("17 3 * * 0", False, 77, True)
    assert drill["arguments"][-1] == "--no-compare"


def test_the_deadline_is_below_the_interval() -> None:
    assert complete_drill({"schedule": "0 * * * *"})["deadline_seconds"] == 3540


def test_everything_reaches_the_engine() -> None:
    drill = complete_drill({"from_backup": "2026-11-22", "maximum_age": "2d", "server_settings": {"b": 1, "a": "x y"}})
    assert drill["arguments"][3:] == ["--from=2026-11-22", "--maximum-age=2d", "--server-setting=a=x y", "--server-setting=b=1"]


@pytest.mark.parametrize(
    ("declared", "named"),
    [
        ("weekly", "pg_backup_drill is"),
        ({"when": 1}, "has when"),
        ({"schedule": "at night"}, "pg_backup_drill:"),
        ({"scratch_size": "much"}, "pg_backup_drill.scratch_size"),
        ({"compare": "perhaps"}, "pg_backup_drill.compare"),
        ({"deadline_seconds": 0}, "pg_backup_drill.deadline_seconds"),
        ({"server_settings": "x"}, "pg_backup_drill.server_settings"),
        ({"resources": []}, "pg_backup_drill.resources"),
        ({"scratch_storage_class": "fast"}, "pg_backup_drill.scratch_claim"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(declared: object, named: str) -> None:
    with pytest.raises(DrillError, match=named):
        complete_drill(declared)


def test_the_filter_refuses_with_the_same_words() -> None:
    with pytest.raises(AnsibleFilterError, match="has when"):
        backup_drill({"when": 1})


def test_the_sample_of_the_documentation_is_what_comes_out() -> None:
    sample = yaml.safe_load(documented.RETURN)["_value"]["sample"]
    assert backup_drill({"schedule": "17 3 * * 0", "scratch_size": "50Gi"}) == sample


@pytest.mark.parametrize("size", ["10Gi", "500M", "1.5Ti", "1024"])
def test_sizes_mean_the_same_to_kubernetes_and_the_engine(size: str) -> None:
    assert complete_drill({"scratch_size": size})["scratch_size"] == size
    assert parse_size(size) > 0
