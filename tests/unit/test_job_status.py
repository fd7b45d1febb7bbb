# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the states of a Job mean."""

from __future__ import annotations

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._jobs import status
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.status import diagnose, needs_events, newest_pod, trouble
from ansible_collections.bandr.postgres.tests.samples import jobs as samples
from ansible_collections.bandr.postgres.tests.samples.jobs import event, job, pod, terminated, unscheduled, waiting


def test_a_job_that_reached_its_completions_is_complete() -> None:
    assert diagnose(samples.COMPLETE, [pod(terminated(0), "Succeeded")]).state == status.COMPLETE


def test_a_job_over_its_backoff_limit_or_deadline_has_failed() -> None:
    assert diagnose(samples.FAILED, [pod(terminated(7), "Failed")]).state == status.FAILED
    assert diagnose(samples.LATE, []).reason == "DeadlineExceeded"


def test_a_job_whose_failure_is_only_announced_still_runs() -> None:
    assert diagnose(samples.BEING_FAILED, [pod({"running": {}}, "Running")]).state == status.RUNNING


def test_a_condition_that_is_not_true_says_nothing() -> None:
    untrue = job({"type": "Failed", "status": "False", "reason": "BackoffLimitExceeded"})
    assert diagnose(untrue, [pod({"running": {}}, "Running")]).state == status.RUNNING


def test_a_running_pod_runs_whatever_old_events_say() -> None:
    assert diagnose(job(active=1), [pod({"running": {}}, "Running")], [samples.QUOTA, samples.NO_SECRET_VOLUME]).state == status.RUNNING


@pytest.mark.parametrize(
    ("reason", "message", "certain", "words"),
    [
        ("InvalidImageName", "couldn't parse", True, samples.IMAGE),
        ("ErrImageNeverPull", 'Container image "x" is not present with pull policy of Never', True, "Never"),
        ("ErrImagePull", samples.NO_HOST, False, "no such host"),
        ("ImagePullBackOff", "Back-off pulling image: " + samples.NO_HOST, False, "pull secret"),
        ("CreateContainerConfigError", 'secret "nope" not found', False, 'secret "nope" not found'),
        ("CreateContainerError", "failed to reserve container name", False, "failed to reserve"),
        ("RunContainerError", "exec: no such file", False, "exec: no such file"),
    ],
)
def test_a_container_that_cannot_start_is_hopeless_with_its_reason(reason: str, message: str, certain: bool, words: str) -> None:
    verdict = diagnose(job(active=1), [pod(waiting(reason, message))])
    assert (verdict.state, verdict.reason, verdict.certain) == (status.HOPELESS, reason, certain)
    assert words in verdict.message
    assert verdict.message.endswith(".")
    assert ".." not in verdict.message


def test_the_two_names_of_a_failing_pull_are_one_trouble() -> None:
    pulled = diagnose(job(), [pod(waiting("ErrImagePull", "x"))])
    backed_off = diagnose(job(), [pod(waiting("ImagePullBackOff", "x"))])
    assert trouble(pulled) == trouble(backed_off)


def test_an_init_container_is_looked_at_first_and_named_by_its_own_image() -> None:
    verdict = diagnose(job(active=1), [pod(waiting("PodInitializing"), init_state=waiting("ErrImagePull", samples.NO_HOST))])
    assert verdict.state == status.HOPELESS
    assert "registry.example.com/init:2" in verdict.message


def test_a_container_being_created_is_only_starting() -> None:
    assert diagnose(job(active=1), [pod(waiting("ContainerCreating"))]).state == status.STARTING
    assert diagnose(job(active=1), [pod(waiting("PodInitializing"), init_state={"running": {}})]).state == status.STARTING


def test_a_volume_that_cannot_be_mounted_is_known_from_the_events() -> None:
    verdict = diagnose(job(active=1), [pod(waiting("ContainerCreating"))], [samples.NO_SECRET_VOLUME])
    assert (verdict.state, verdict.reason) == (status.HOPELESS, "FailedMount")
    assert 'secret "nope" not found' in verdict.message


def test_a_pod_that_fits_no_node_is_unschedulable() -> None:
    verdict = diagnose(job(active=1), [unscheduled("0/1 nodes are available: 1 Insufficient cpu.")])
    assert (verdict.state, verdict.reason, verdict.certain) == (status.HOPELESS, "Unschedulable", False)
    assert "Insufficient cpu" in verdict.message


def test_a_missing_claim_is_named() -> None:
    verdict = diagnose(job(active=1), [unscheduled('0/1 nodes are available: persistentvolumeclaim "nope" not found. not found')])
    assert verdict.reason == "ClaimNotFound"
    assert "claim nope" in verdict.message


def test_a_claim_without_a_volume_is_named_and_where_to_look() -> None:
    waiting_pod = unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found.")
    waiting_pod["spec"]["volumes"] = [
        {"name": "tmp", "emptyDir": {}},
        {"name": "backup", "persistentVolumeClaim": {"claimName": "orders-backup"}},
    ]
    verdict = diagnose(job(active=1), [waiting_pod])
    assert (verdict.state, verdict.reason, verdict.certain) == (status.HOPELESS, "ClaimUnbound", False)
    assert "claim orders-backup has no volume" in verdict.message
    assert "kubectl describe pvc" in verdict.message


def test_a_gated_pod_waits_without_being_hopeless() -> None:
    assert diagnose(job(active=1), [unscheduled("gated by kueue", "SchedulingGated")]).state == status.STARTING


def test_a_quota_and_other_refusals_are_known_without_any_pod() -> None:
    quota = diagnose(job(), [], [samples.QUOTA])
    assert (quota.state, quota.reason, quota.certain) == (status.HOPELESS, "QuotaExceeded", False)
    assert "limited: pods=0" in quota.message
    assert "ok-d5t8r" not in quota.message
    account = diagnose(job(), [], [samples.NO_ACCOUNT])
    assert account.reason == "FailedCreate"
    assert 'serviceaccount "nope" not found' in account.message


def test_the_latest_refusal_counts() -> None:
    message = 'Error creating: pods "a-b" is forbidden: violates PodSecurity "restricted:latest"'
    later = event("Job", "FailedCreate", message, "2026-11-23T19:09:00Z")
    assert "PodSecurity" in diagnose(job(), [], [later, samples.QUOTA]).message


def test_a_job_without_pod_or_complaint_is_starting() -> None:
    assert diagnose(job(), []).state == status.STARTING
    assert diagnose(job(), [], [event("Job", "SuccessfulCreate", "Created pod")]).state == status.STARTING


def test_a_refusal_of_the_past_does_not_count_while_a_pod_is_active() -> None:
    assert diagnose(job(active=1), [], [samples.QUOTA]).state == status.STARTING


def test_a_suspended_job_is_told() -> None:
    assert diagnose(job(suspend=True), []).reason == "Suspended"


def test_the_pod_of_the_last_attempt_is_the_one_that_counts() -> None:
    old, new = pod(terminated(1), "Failed", "migrate-z"), pod({"running": {}}, "Running", "migrate-a", created="2026-11-23T19:05:00Z")
    assert newest_pod([old, new]) is new
    assert newest_pod([]) is None
    assert diagnose(job(active=1), [old, new]).state == status.RUNNING


def test_events_are_asked_for_only_where_they_can_tell_more() -> None:
    assert needs_events(job(), [])
    assert needs_events(job(), [pod(waiting("ContainerCreating"))])
    assert not needs_events(job(), [pod({"running": {}}, "Running")])
    assert not needs_events(samples.FAILED, [])
