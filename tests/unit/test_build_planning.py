# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether to build, and what may go after a build."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._builds.names import INPUTS_LABEL, Names
from ansible_collections.bandr.postgres.plugins.module_utils._builds.planning import Decision, decide
from ansible_collections.bandr.postgres.plugins.module_utils._builds.pruning import Holdings, Waste, find_waste

NAMES = Names("backup", "0123456789abcdef" * 4)


def build(
    name: str, phase: str = "Complete", created: str = "2026-01-01T00:00:00Z", inputs: str = "", sources: tuple[str, ...] = ()
) -> dict:
    return {
        "metadata": {"name": name, "creationTimestamp": created, "labels": {INPUTS_LABEL: inputs}},
        "spec": {"source": {"configMaps": [{"configMap": {"name": source}} for source in sources]}},
        "status": {"phase": phase},
    }


def tag(inputs: str, created: str, *digests: str) -> dict[str, Any]:
    return {"tag": "inputs-" + inputs, "items": [{"image": digest, "created": created} for digest in digests]}


# --- to build or not


@pytest.mark.parametrize("phases", [(), ("Complete",), ("Failed",), ("Running",), ("Failed", "Complete")])
def test_where_the_tag_is_there_nothing_is_built_whatever_became_of_the_builds(phases: tuple[str, ...]) -> None:
    builds = [build(NAMES.build(number), phase) for number, phase in enumerate(phases, 1)]
    decision = decide(NAMES, True, builds)
    assert (decision.action, decision.attempt) == ("keep", len(phases))


def test_without_a_trace_the_first_attempt_is_made() -> None:
    assert decide(NAMES, False, []) == Decision("start", 1, "These inputs have no image yet.")


@pytest.mark.parametrize("phase", ["New", "Pending", "Running"])
def test_a_build_that_is_not_over_is_followed_and_not_started_twice(phase: str) -> None:
    decision = decide(NAMES, False, [build(NAMES.build(1), "Failed"), build(NAMES.build(2), phase)])
    assert (decision.action, decision.attempt) == ("follow", 2)


@pytest.mark.parametrize("phase", ["Failed", "Error", "Cancelled"])
def test_a_build_that_failed_is_not_the_last_word(phase: str) -> None:
    decision = decide(NAMES, False, [build(NAMES.build(1), phase), build(NAMES.build(3), phase)])
    assert (decision.action, decision.attempt) == ("start", 4)
    assert decision.reason == "The last Build of these inputs, %s, is %s." % (NAMES.build(3), phase.lower())


def test_an_image_whose_tag_is_gone_is_built_again() -> None:
    decision = decide(NAMES, False, [build(NAMES.build(1))])
    assert (decision.action, decision.attempt) == ("start", 2)
    assert "its tag is gone" in decision.reason


def test_a_build_that_is_being_deleted_and_foreign_ones_are_not_followed() -> None:
    going = build(NAMES.build(1), "Running")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    decision = decide(NAMES, False, [going, build("backup-7", "Running")])
    assert (decision.action, decision.attempt) == ("start", 2)


# --- what may go


def waste(tags: list[dict], builds: list[dict] = (), maps: tuple[str, ...] = (), keep: int = 1, **more: Any) -> Waste:
    config_maps = [{"metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}} for name in maps]
    holdings = Holdings({"status": {"tags": tags}}, builds, config_maps, more.pop("configs", ()), frozenset(more.pop("used", ())))
    return find_waste(NAMES, holdings, keep, **more)


def test_the_oldest_tags_go_but_never_the_present_one_and_none_that_is_in_use() -> None:
    tags = [tag(str(day), "2026-01-0%dT00:00:00Z" % day, "sha256:%d" % day) for day in range(1, 6)]
    tags.append(tag(NAMES.inputs, "2025-01-01T00:00:00Z", "sha256:n"))
    tags.append({"tag": "latest", "items": []})
    used = ["registry.example.com/databases/backup@sha256:1"]
    assert waste(tags, used=used, keep=2).tags == ("inputs-3", "inputs-2")
    assert waste(tags, keep=0).tags == tuple("inputs-%d" % day for day in (5, 4, 3, 2, 1))
    assert waste(tags, keep=9).tags == ()


def test_an_older_image_of_a_tag_is_in_use_as_well() -> None:
    tags = [tag("1", "2026-01-01T00:00:00Z", "sha256:new", "sha256:old")]
    assert waste(tags, used=["r/x@sha256:old"], keep=0).tags == ()
    assert waste(tags, used=["r/x@sha256:other"], keep=0).tags == ("inputs-1",)


def test_builds_go_with_their_tags_and_failed_ones_by_their_number() -> None:
    tags = [tag("old", "2026-01-01T00:00:00Z", "sha256:1"), tag("kept", "2026-01-02T00:00:00Z", "sha256:2")]
    builds = [
        build("of-old", inputs="old"),
        build("of-kept", inputs="kept"),
        build("of-none", inputs="gone"),
        build(NAMES.build(), inputs=NAMES.inputs),
        build("failed-1", "Failed", "2026-01-01T00:00:00Z"),
        build("failed-2", "Cancelled", "2026-01-02T00:00:00Z"),
        build("running", "Running", "2020-01-01T00:00:00Z"),
    ]
    assert waste(tags, builds).builds == ("failed-1", "of-none", "of-old")


def test_config_maps_go_when_no_build_that_stays_needs_them() -> None:
    builds = [
        build("running", "Running", sources=("of-running",)),
        build(NAMES.build(), inputs=NAMES.inputs, sources=("of-build",)),
        build("of-none", inputs="gone", sources=("of-waste",)),
    ]
    configs = [{"spec": {"source": {"configMaps": [{"configMap": {"name": "of-config"}}]}}}]
    maps = ("of-running", "of-build", "of-waste", "of-config", "of-recipe", "of-nobody")
    found = waste([], builds, maps, configs=configs, needed_config_maps=["of-recipe"])
    assert found.config_maps == ("of-nobody", "of-waste")


def test_a_config_map_that_came_after_our_build_may_belong_to_another_deploy() -> None:
    assert waste([], (), ("x",), since="2026-01-01T00:00:00Z").config_maps == ()
    assert waste([], (), ("x",), since="2026-01-01T00:00:01Z").config_maps == ("x",)
