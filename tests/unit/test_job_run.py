# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Job from its creation to its end, on a cluster and a clock made of lists."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._jobs.operation import JobRequest, complete_definition, run_job
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.run import DEFINITION_ANNOTATION
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import ClusterError, Patience
from ansible_collections.bandr.postgres.tests.samples import jobs as samples
from ansible_collections.bandr.postgres.tests.samples.jobs import job, pod, terminated, waiting

DEFINITION = {"metadata": {"name": "migrate"}, "spec": {"template": {"spec": {"containers": [{"name": "main", "image": samples.IMAGE}]}}}}
RUNNING = (job(active=1), [pod({"running": {}}, "Running")], [])
DONE = (samples.COMPLETE, [pod(terminated(0, "Completed", 'SUCCESS well\n{"steps": 2}'), "Succeeded")], [])
PULLING = (job(active=1), [pod(waiting("ErrImagePull", "no such host"))], [])
BACKING_OFF = (job(active=1), [pod(waiting("ImagePullBackOff", "no such host"))], [])


class FakeCluster:
    """Shows one look after the other, and the last one for ever; a look may be an error."""

    def __init__(self, *looks: Any, present: dict | None = None) -> None:
        self.looks = list(looks)
        self.present = present
        self.created: list[dict] = []
        self.deleted: list[str] = []
        self.followed: set[tuple[str, str]] = set()
        self.now = 0.0
        self.create_errors: list[ClusterError] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def read_job(self, _name: str) -> dict | None:
        if not self.created and not (self.present and self.looks and self.present.get("attached")):
            return self.present
        self.look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(self.look, Exception):
            raise self.look
        return self.look[0]

    def create_job(self, definition: dict) -> dict:
        if self.create_errors:
            raise self.create_errors.pop(0)
        self.created.append(definition)
        return dict(job(), metadata=dict(job()["metadata"], **definition["metadata"]))

    def delete_job(self, found: dict) -> None:
        self.deleted.append(found["metadata"]["name"])
        self.present = None

    def pods_of(self, _job: dict) -> list[dict]:
        return self.look[1]

    def events_of(self, _job: dict, _pods: list[dict]) -> list[dict]:
        return self.look[2]

    def follow(self, name: str, container: str) -> None:
        self.followed.add((name, container))

    def log_of(self, _name: str, _container: str, _finished: bool) -> str:
        return "one\ntwo\n"


def run(cluster: FakeCluster, **options: Any) -> dict:
    """Run the sample Job."""
    request = JobRequest(definition=options.pop("definition", DEFINITION), namespace="shop", **options)
    return run_job(cluster, request, cluster.clock, cluster.sleep)


def test_a_job_is_created_followed_and_reported() -> None:
    cluster = FakeCluster(RUNNING, RUNNING, DONE)
    result = run(cluster)
    assert result["succeeded"]
    assert result["changed"]
    assert not result["attached"]
    assert (result["outcome"], result["exit_code"], result["result"]) == ("complete", 0, {"steps": 2})
    assert result["log_lines"] == ["one", "two"]
    assert cluster.followed == {("migrate-x", "main")}
    assert cluster.deleted == []


def test_a_failed_job_brings_exit_code_and_reason() -> None:
    result = run(FakeCluster(RUNNING, (samples.FAILED, [pod(terminated(7, message="FAILURE no"), "Failed")], [])))
    assert (result["succeeded"], result["outcome"], result["reason"], result["exit_code"]) == (False, "failed", "Error", 7)
    assert result["msg"] == "The Job migrate failed: no"


def test_a_pod_that_is_deleted_by_a_deadline_is_remembered() -> None:
    result = run(FakeCluster(RUNNING, (samples.LATE, [], [])))
    assert result["pod"] == "migrate-x"
    assert result["reason"] == "DeadlineExceeded"


def test_what_looks_hopeless_gets_its_time_of_grace_under_both_names() -> None:
    cluster = FakeCluster(*[PULLING, BACKING_OFF] * 20)
    result = run(cluster, patience=Patience(600, 10))
    assert result["outcome"] == "hopeless"
    assert 10 <= cluster.now < 15
    assert cluster.deleted == ["migrate"]
    assert result["deleted"]


def test_what_gets_better_in_time_is_not_given_up() -> None:
    assert run(FakeCluster(*[PULLING] * 5, RUNNING, DONE), patience=Patience(600, 10))["succeeded"]


def test_the_time_of_grace_begins_anew_after_it_got_better() -> None:
    cluster = FakeCluster(*[PULLING] * 4, (job(active=1), [pod(waiting("ContainerCreating"))], []), *[PULLING] * 4, DONE)
    assert run(cluster, patience=Patience(600, 8))["succeeded"]


def test_what_is_certain_is_told_at_once() -> None:
    cluster = FakeCluster((job(active=1), [pod(waiting("InvalidImageName"))], []))
    assert run(cluster, patience=Patience(600, 60))["reason"] == "InvalidImageName"
    assert cluster.now == 0


def test_a_hopeless_job_stays_where_it_is_wanted() -> None:
    cluster = FakeCluster((job(active=1), [pod(waiting("InvalidImageName"))], []))
    assert not run(cluster, delete_hopeless=False)["deleted"]
    assert cluster.deleted == []


def test_a_job_that_takes_too_long_is_left_running() -> None:
    cluster = FakeCluster(RUNNING)
    result = run(cluster, patience=Patience(30, 10))
    assert (result["outcome"], result["succeeded"]) == ("timeout", False)
    assert cluster.now == pytest.approx(30, abs=0.1)
    assert cluster.deleted == []
    assert "left running" in result["msg"]


def test_a_silent_api_server_is_waited_for_and_given_up() -> None:
    silence = ClusterError("The API server does not answer.", passing=True)
    assert run(FakeCluster(RUNNING, *[silence] * 10, DONE))["succeeded"]
    cluster = FakeCluster(RUNNING, silence)
    with pytest.raises(ClusterError, match="does not answer"):
        run(cluster, patience=Patience(3600, 10))
    assert cluster.now < 130


def test_a_refusal_while_waiting_is_told_at_once() -> None:
    cluster = FakeCluster(RUNNING, ClusterError("Forbidden.", 403))
    with pytest.raises(ClusterError, match="Forbidden"):
        run(cluster)


def test_a_job_that_somebody_deletes_is_an_error() -> None:
    for other in (None, job(uid="job-2")):
        with pytest.raises(ClusterError, match="deleted by somebody else"):
            run(FakeCluster(RUNNING, (other, [], [])))


def running_already(definition: dict) -> dict:
    """A Job that was there before, made from ``definition``."""
    found = job(active=1)
    found["metadata"]["annotations"] = complete_definition(JobRequest(definition, "shop"))["metadata"]["annotations"]
    return dict(found, attached=True)


def test_a_running_job_of_the_same_definition_is_followed() -> None:
    found = running_already(DEFINITION)
    cluster = FakeCluster((found, [], []), RUNNING, DONE, present=found)
    result = run(cluster)
    assert result["attached"]
    assert not result["changed"]
    assert "diff" not in result
    assert cluster.created == []


def test_a_running_job_of_another_definition_is_refused() -> None:
    other = dict(DEFINITION, spec={"template": {"spec": {"containers": []}}})
    cluster = FakeCluster(DONE, present=dict(running_already(other), attached=False))
    with pytest.raises(ClusterError, match="does something else"):
        run(cluster)
    assert cluster.created == []
    assert cluster.deleted == []


def test_a_finished_job_is_replaced() -> None:
    cluster = FakeCluster(DONE, present=samples.FAILED)
    assert run(cluster)["succeeded"]
    assert cluster.deleted == ["migrate"]


@pytest.mark.parametrize(
    ("since", "changes", "told"),
    [
        ("2026-11-22T10:07:00Z", {}, True),
        ("2026-11-22T10:06:59Z", {}, True),
        # That one was another run's.
        ("2026-11-22T10:07:01Z", {}, False),
        (None, {}, False),
        ("2026-11-22T10:07:00Z", {"deletionTimestamp": "2026-11-22T10:08:00Z"}, False),
        ("2026-11-22T10:07:00Z", {"annotations": {}}, False),
    ],
)
def test_a_job_that_ended_well_meanwhile_is_told_and_not_run_again(since: str | None, changes: dict, told: bool) -> None:
    # As Kubernetes' client has it.
    definition = dict(running_already(DEFINITION)["metadata"], creationTimestamp="2026-11-22T10:07:00+00:00", **changes)
    complete = dict(samples.COMPLETE, metadata={**samples.COMPLETE["metadata"], **definition, **changes})
    for check_mode in (True, False):
        cluster = FakeCluster((complete, DONE[1], []), DONE, present=dict(complete, attached=True))
        result = run(cluster, ended_since=since, check_mode=check_mode)
        assert (result["attached"], result["ended_before"]) == (told, told)
        assert result["changed"] is not told
        assert bool(cluster.created) is (check_mode or not told)
        assert ("would not be run again" in result["msg"]) is (check_mode and told)
    assert result["succeeded"] and result["result"] == {"steps": 2}


def test_a_job_that_failed_meanwhile_is_run_again() -> None:
    failed = dict(samples.FAILED, metadata={**samples.FAILED["metadata"], **running_already(DEFINITION)["metadata"]})
    failed["metadata"]["creationTimestamp"] = "2026-11-22T10:07:00Z"
    result = run(FakeCluster(DONE, present=failed), ended_since="2026-11-22T10:07:00Z")
    assert not result["attached"] and result["changed"] and result["succeeded"]


def test_refuse_and_replace_do_as_they_say() -> None:
    with pytest.raises(ClusterError, match="already"):
        run(FakeCluster(DONE, present=samples.FAILED), existing="refuse")
    cluster = FakeCluster(DONE, present=job(active=1))
    assert run(cluster, existing="replace")["succeeded"]
    assert cluster.deleted == ["migrate"]


def test_a_name_taken_in_that_very_moment_is_looked_at_again() -> None:
    cluster = FakeCluster(DONE)
    cluster.create_errors = [ClusterError("exists", 409)]
    assert run(cluster)["succeeded"]
    cluster.create_errors = [ClusterError("exists", 409)] * 3
    cluster.created = []
    with pytest.raises(ClusterError, match="appears and disappears"):
        run(cluster)


def test_check_mode_asks_and_starts_nothing() -> None:
    cluster = FakeCluster(DONE, present=samples.FAILED)
    result = run(cluster, check_mode=True)
    assert (result["changed"], result["outcome"]) == (True, "check")
    assert cluster.deleted == []
    # The trial has no name that could be taken.
    assert "name" not in cluster.created[0]["metadata"]
    assert cluster.created[0]["metadata"]["generateName"] == "migrate-"


def test_check_mode_foretells_what_a_job_that_is_there_already_brings() -> None:
    followed = run(FakeCluster(present=running_already(DEFINITION)), check_mode=True)
    assert (followed["changed"], followed["attached"]) == (False, True)
    assert "would be followed" in followed["msg"]
    other = dict(DEFINITION, spec={"template": {"spec": {"containers": []}}})
    with pytest.raises(ClusterError, match="does something else"):
        run(FakeCluster(present=running_already(other)), check_mode=True)
    with pytest.raises(ClusterError, match="already"):
        run(FakeCluster(present=samples.FAILED), check_mode=True, existing="refuse")
    assert run(FakeCluster(present=running_already(other)), check_mode=True, existing="replace")["changed"]


def test_the_definition_is_completed_and_left_alone() -> None:
    complete = complete_definition(JobRequest(DEFINITION, "shop"))
    assert (complete["apiVersion"], complete["kind"], complete["metadata"]["namespace"]) == ("batch/v1", "Job", "shop")
    assert "annotations" not in DEFINITION["metadata"]
    assert complete == complete_definition(JobRequest(dict(reversed(list(DEFINITION.items()))), "shop"))
    other = complete_definition(JobRequest(DEFINITION, "elsewhere"))
    assert other["metadata"]["annotations"][DEFINITION_ANNOTATION] != complete["metadata"]["annotations"][DEFINITION_ANNOTATION]


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"kind": "Pod", "metadata": {"name": "x"}}, "only a batch/v1 Job"),
        ({"apiVersion": "batch/v1beta1", "metadata": {"name": "x"}}, "only a batch/v1 Job"),
        ({"metadata": {}}, "metadata.name"),
    ],
)
def test_what_is_no_job_is_refused_in_words(definition: dict, words: str) -> None:
    with pytest.raises(ClusterError, match=words):
        run(FakeCluster(DONE), definition=definition)


def test_a_job_without_namespace_is_refused_in_words() -> None:
    cluster = FakeCluster(DONE)
    with pytest.raises(ClusterError, match="namespace"):
        run_job(cluster, JobRequest(DEFINITION), cluster.clock, cluster.sleep)
