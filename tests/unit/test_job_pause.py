# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pausing and resuming CronJobs, on a cluster and a clock made of lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._jobs.pause import PAUSE_ANNOTATION, Pause, pause_of
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.pausing import PAUSED, RESUMED, PauseRequest, apply_pause
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import ClusterError, Patience
from ansible_collections.bandr.postgres.tests.samples import jobs as samples
from ansible_collections.bandr.postgres.tests.samples.jobs import job, pod, waiting

ME = Pause("restore by me", "2026-11-23T03:00:00Z")


def cronjob(name: str, suspended: bool = False, annotation: str | None = None) -> dict[str, Any]:
    """A CronJob."""
    annotations = {} if annotation is None else {PAUSE_ANNOTATION: annotation}
    return {"metadata": {"name": name, "resourceVersion": "1", "annotations": annotations}, "spec": {"suspend": suspended}}


class FakeCluster:
    """CronJobs that can be patched, and the Jobs of each look, of which the last stays."""

    def __init__(self, cronjobs: list[dict], looks: list[list[dict]] | None = None, pods: list[dict] | None = None) -> None:
        self.cronjobs = {item["metadata"]["name"]: item for item in cronjobs}
        self.looks = looks or [[]]
        self.pods = pods or [pod({"running": {}}, "Running")]
        self.patched: list[str] = []
        self.deleted: list[str] = []
        self.conflicts = 0
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def list_cronjobs(self, _selector: str) -> list[dict]:
        return [json.loads(json.dumps(item)) for item in self.cronjobs.values()]

    def patch_cronjob(self, name: str, patch: dict) -> dict:
        found = self.cronjobs[name]
        if self.conflicts:
            self.conflicts -= 1
            found["metadata"]["resourceVersion"] += "1"
        if patch["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            raise ClusterError("changed", 409)
        for key, value in patch["metadata"]["annotations"].items():
            found["metadata"]["annotations"].pop(key, None)
            if value is not None:
                found["metadata"]["annotations"][key] = value
        found["spec"].update(patch["spec"])
        found["metadata"]["resourceVersion"] += "1"
        self.patched.append(name)
        return json.loads(json.dumps(found))

    def list_jobs(self, _selector: str) -> list[dict]:
        jobs = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return [item for item in jobs if item["metadata"]["name"] not in self.deleted]

    def pods_of(self, _job: dict) -> list[dict]:
        return self.pods

    def events_of(self, _job: dict, _pods: list[dict]) -> list[dict]:
        return []

    def delete_job(self, found: dict) -> None:
        self.deleted.append(found["metadata"]["name"])


def apply(cluster: FakeCluster, state: str, **options: Any) -> dict:
    """Pause or resume."""
    return apply_pause(cluster, PauseRequest(state, "a=b", pause=ME, **options), cluster.clock, cluster.sleep)


def test_a_pause_suspends_and_remembers_who_and_when() -> None:
    cluster = FakeCluster([cronjob("hourly"), cronjob("daily")])
    result = apply(cluster, PAUSED)
    assert result["changed"]
    assert all(item["spec"]["suspend"] and pause_of(item) == ME for item in cluster.cronjobs.values())
    assert [entry["paused_by"] for entry in result["cronjobs"]] == [ME.by, ME.by]
    assert result["diff"]["before"]["hourly"] == {"suspended": False}
    assert result["diff"]["after"]["hourly"] == {"suspended": True}


def test_a_resume_undoes_exactly_the_pause() -> None:
    before = [cronjob("hourly"), cronjob("daily", suspended=True)]
    cluster = FakeCluster(json.loads(json.dumps(before)))
    apply(cluster, PAUSED)
    assert cluster.patched == ["hourly"]
    result = apply(cluster, RESUMED)
    assert result["changed"]
    assert [(item["metadata"]["annotations"], item["spec"]) for item in cluster.cronjobs.values()] == [
        (item["metadata"]["annotations"], item["spec"]) for item in before
    ]


def test_what_a_deploy_suspends_during_the_pause_stays_so() -> None:
    cluster = FakeCluster([cronjob("hourly"), cronjob("daily")])
    apply(cluster, PAUSED)
    for name, fields in {"hourly": {"f:suspend": {}}, "daily": {"f:schedule": {}}}.items():
        entry = {"manager": "bandr.postgres", "operation": "Apply", "fieldsV1": {"f:spec": fields}}
        cluster.cronjobs[name]["metadata"]["managedFields"] = [{"manager": "bandr.postgres.jobs", "operation": "Update"}, entry]
    result = apply(cluster, RESUMED)
    assert {done["name"]: (done["suspended"], done["changed"]) for done in result["cronjobs"]} == {
        "hourly": (True, True),
        "daily": (False, True),
    }
    assert "suspended by its owner meanwhile" in result["msg"]
    assert not any(found["metadata"]["annotations"] for found in cluster.cronjobs.values())


def test_a_second_pause_or_resume_changes_nothing() -> None:
    cluster = FakeCluster([cronjob("hourly")])
    apply(cluster, PAUSED)
    assert not apply(cluster, PAUSED)["changed"]
    apply(cluster, RESUMED)
    assert not apply(cluster, RESUMED)["changed"]


def test_a_pause_left_behind_is_told_taken_over_and_resumed() -> None:
    left = cronjob("hourly", True, json.dumps({"by": "a dead controller", "at": "2026-11-22T03:00:00Z"}))
    cluster = FakeCluster([left])
    result = apply(cluster, PAUSED)
    assert not result["changed"]
    assert "a dead controller" in result["msg"]
    assert "2026-11-22T03:00:00Z" in result["msg"]
    assert apply(cluster, RESUMED)["changed"]
    assert not cluster.cronjobs["hourly"]["spec"]["suspend"]


@pytest.mark.parametrize("value", ["", "yes", "[]", '{"by": 1}', "null"])
def test_an_annotation_written_by_hand_is_resumed_as_well(value: str) -> None:
    cluster = FakeCluster([cronjob("hourly", True, value)])
    apply(cluster, PAUSED)
    apply(cluster, RESUMED)
    assert not cluster.cronjobs["hourly"]["spec"]["suspend"]
    assert cluster.cronjobs["hourly"]["metadata"]["annotations"] == {}


def test_a_cronjob_that_was_resumed_by_hand_is_paused_anew() -> None:
    cluster = FakeCluster([cronjob("hourly", False, json.dumps({"by": "old", "at": "old"}))])
    apply(cluster, PAUSED)
    assert pause_of(cluster.cronjobs["hourly"]) == ME


def test_a_conflict_is_planned_again_from_what_is_there_now() -> None:
    cluster = FakeCluster([cronjob("hourly")])
    cluster.conflicts = 2
    assert apply(cluster, PAUSED)["changed"]
    cluster.conflicts = 99
    with pytest.raises(ClusterError):
        apply(cluster, RESUMED)


def test_a_cronjob_that_goes_meanwhile_is_told() -> None:
    cluster = FakeCluster([cronjob("hourly")])
    cluster.conflicts = 1
    found = cluster.list_cronjobs("")
    looks = iter([found, []])
    cluster.list_cronjobs = lambda _selector: next(looks)  # type: ignore[method-assign]
    with pytest.raises(ClusterError, match="hourly was deleted by somebody else"):
        apply(cluster, PAUSED)


def test_running_jobs_are_waited_for_and_two_quiet_looks_are_needed() -> None:
    # The second look is quiet, and then the controller's last Job appears.
    cluster = FakeCluster([cronjob("hourly")], [[job(name="one")], [], [job(name="two")], [samples.COMPLETE], []])
    result = apply(cluster, PAUSED)
    assert result["waited_for"] == ["one", "two"]
    assert "one, two" in result["msg"]
    assert cluster.deleted == []


def test_what_another_run_resumes_during_the_wait_is_paused_again() -> None:
    cluster = FakeCluster([cronjob("hourly"), cronjob("daily")], [[job(name="one")], [], []])

    def sleep(seconds: float) -> None:
        if not cluster.now:
            # The restore of somebody else has ended, and resumes all that was paused.
            apply(cluster, RESUMED)
        cluster.sleep(seconds)

    result = apply_pause(cluster, PauseRequest(PAUSED, "a=b", pause=ME), cluster.clock, sleep)
    assert all(found["spec"]["suspend"] for found in cluster.cronjobs.values())
    assert [(done["name"], done["suspended"], done["changed"]) for done in result["cronjobs"]] == [
        ("hourly", True, True),
        ("daily", True, True),
    ]


def test_what_a_controller_resumes_again_and_again_is_an_error() -> None:
    cluster = FakeCluster([cronjob("hourly")])

    def sleep(seconds: float) -> None:
        cluster.sleep(seconds)
        cluster.cronjobs["hourly"]["spec"]["suspend"] = False

    with pytest.raises(ClusterError, match="hourly was resumed by somebody else again and again"):
        apply_pause(cluster, PauseRequest(PAUSED, "a=b", pause=ME), cluster.clock, sleep)
    assert cluster.now < 60


@pytest.mark.parametrize("timeout", [0, 3])
def test_what_is_quiet_when_the_time_is_over_does_not_still_run(timeout: int) -> None:
    cluster = FakeCluster([cronjob("hourly")], [[job(name="one")], [], []] if timeout else [[]])
    assert apply(cluster, PAUSED, patience=Patience(timeout, 10))["changed"]


def test_a_job_that_never_ends_is_an_error_and_stays() -> None:
    cluster = FakeCluster([cronjob("hourly")], [[job(name="one")]])
    with pytest.raises(ClusterError, match="one still ran after 60 seconds"):
        apply(cluster, PAUSED, patience=Patience(60, 10))
    assert cluster.deleted == []


def test_a_job_that_cannot_start_is_deleted_after_its_time_of_grace() -> None:
    cluster = FakeCluster([cronjob("hourly")], [[job(name="one", active=1)]], [pod(waiting("ErrImagePull", "no such host"))])
    result = apply(cluster, PAUSED, patience=Patience(600, 10))
    assert cluster.deleted == ["one"]
    assert 10 <= cluster.now <= 16
    assert "no such host" in result["warnings"][0]


def test_nothing_is_waited_for_where_that_is_not_wanted() -> None:
    assert apply(FakeCluster([cronjob("hourly")], [[job()]]), PAUSED, wait=False)["waited_for"] == []
    assert apply(FakeCluster([cronjob("hourly")], [[job()]]), PAUSED, check_mode=True)["waited_for"] == []


def test_a_running_restore_forbids_to_resume() -> None:
    cluster = FakeCluster([cronjob("hourly")], [[]])
    apply(cluster, PAUSED)
    cluster.looks = [[job(name="orders-restore")]]
    result = apply(cluster, RESUMED, jobs="action=restore")
    assert result["running"] == ["orders-restore"]
    assert not result["changed"]
    assert cluster.cronjobs["hourly"]["spec"]["suspend"]
    cluster.looks = [[samples.FAILED]]
    assert apply(cluster, RESUMED, jobs="action=restore")["changed"]


def test_cronjobs_that_are_named_are_paused_and_resumed_alone() -> None:
    cluster = FakeCluster([cronjob("hourly"), cronjob("daily")])
    assert [entry["name"] for entry in apply(cluster, PAUSED, names=("hourly", "gone"))["cronjobs"]] == ["hourly"]
    assert apply(cluster, RESUMED, names=("daily",))["changed"] is False
    apply(cluster, RESUMED, names=("hourly",))
    assert cluster.patched == ["hourly", "hourly"]


def test_no_name_is_no_cronjob_and_not_every_one() -> None:
    assert apply(FakeCluster([cronjob("hourly")], [[job()]]), PAUSED, names=())["cronjobs"] == []


@pytest.mark.parametrize("state", [PAUSED, RESUMED])
def test_no_labels_are_not_all_cronjobs(state: str) -> None:
    cluster = FakeCluster([cronjob("other")])
    with pytest.raises(ClusterError, match="Nothing was done"):
        apply_pause(cluster, PauseRequest(state, selector="", pause=ME))
    assert not cluster.patched


def test_a_pause_by_name_waits_for_what_they_started() -> None:
    ours, other = job(name="hourly-1"), job(name="other")
    ours["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "hourly"}]
    cluster = FakeCluster([cronjob("hourly")], [[ours, other], [other]])
    assert apply(cluster, PAUSED, names=("hourly",))["waited_for"] == ["hourly-1"]


def test_no_cronjobs_is_no_error() -> None:
    assert apply(FakeCluster([]), PAUSED)["msg"] == "There are no CronJobs here."
