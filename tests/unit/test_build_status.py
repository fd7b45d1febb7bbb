# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state of a Build means, in the words of a real cluster's answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._builds.status import (
    describe_failure,
    describe_stuck,
    diagnose,
    failing_step,
    is_over,
)

POD_SECURITY = (
    'Failed creating build pod: pods "x-build" is forbidden: violates PodSecurity "restricted:latest": privileged '
    '(container "docker-build" must not set securityContext.privileged=true)'
)
LOG = """STEP 1/4: FROM docker.io/library/postgres:17
STEP 5/16: RUN /bin/sh /opt/bandr/prepare ${PACKAGES}
The base has no psql: name an image with PostgreSQL's clients, or the package that holds them.
error: build error: building at STEP "RUN /bin/sh /opt/bandr/prepare ${PACKAGES}": while running runtime: exit status 1
"""


def build(phase: str | None, reason: str = "", message: str = "", **status: Any) -> dict[str, Any]:
    found = {"metadata": {"name": "x", "namespace": "ns"}, "status": {"phase": phase, "reason": reason, "message": message, **status}}
    return {**found, "status": {key: value for key, value in found["status"].items() if value}}


@pytest.mark.parametrize(
    ("phase", "state"),
    [(None, "starting"), ("New", "starting"), ("Pending", "starting"), ("Running", "running"), ("Complete", "complete")]
    + [(phase, "failed") for phase in ("Failed", "Error", "Cancelled")],
)
def test_each_phase_has_its_meaning(phase: str | None, state: str) -> None:
    assert diagnose(build(phase)).state == state
    assert is_over(build(phase)) == (state in ("complete", "failed"))


@pytest.mark.parametrize(
    ("reason", "message", "words"),
    [
        ("InvalidOutputReference", "Output image could not be resolved.", "internal registry must be switched on"),
        ("InvalidImageReference", "Referenced image could not be resolved.", "The base cannot be found"),
        ("GenericBuildFailed", "These resources do not exist: ConfigMaps [src]", r"ConfigMaps \[src\]"),
        ("CannotCreateBuildPod", POD_SECURITY, "The namespace ns enforces a Pod Security level that forbids builds.* another namespace"),
        (
            "CannotCreateBuildPod",
            'pods "x" is forbidden: exceeded quota: compute, requested: cpu=1',
            "quota leaves no room.*exceeded quota",
        ),
        (
            "CannotCreateBuildPod",
            "Failed creating build pod: admission webhook says no",
            "refuses to make the Build's pod.*webhook says no",
        ),
        ("SomethingNew", "what a later version says", "cannot start: what a later version says"),
        ("SomethingNew", "", "cannot start: SomethingNew"),
    ],
)
def test_a_new_build_with_a_reason_may_be_hopeless(reason: str, message: str, words: str) -> None:
    stuck = build("New", reason, message)
    verdict = diagnose(stuck)
    assert (verdict.state, verdict.reason, verdict.certain) == ("hopeless", reason, False)
    sentence = describe_stuck(stuck, verdict)
    assert sentence.startswith("The Build x does not start (%s). " % reason)
    assert ".." not in sentence
    assert re.search(words, sentence)


def test_a_pending_build_is_judged_by_its_pod() -> None:
    waiting = {"name": "docker-build", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}}
    pod = {
        "metadata": {"name": "x-build"},
        "spec": {"containers": [{"name": "docker-build", "image": "builder:1"}]},
        "status": {"phase": "Pending", "initContainerStatuses": [], "containerStatuses": [waiting]},
    }
    verdict = diagnose(build("Pending"), pod)
    assert (verdict.state, verdict.reason) == ("hopeless", "ImagePullBackOff")
    pod["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}],
    }
    assert diagnose(build("Pending"), pod).message == "No node can run the pod: 0/3 nodes are available."
    assert diagnose(build("Pending"), None).state == "starting"
    assert diagnose(build("Running"), pod).state == "running"


def test_the_failing_step_is_the_last_one_that_the_log_names() -> None:
    assert failing_step(LOG) == ("RUN /bin/sh /opt/bandr/prepare ${PACKAGES}", "while running runtime: exit status 1")
    assert failing_step('building at STEP "A": one\n' + LOG)[0].startswith("RUN")
    assert failing_step("nothing of the kind") == ("", "")


def test_a_failure_names_its_step_its_cause_and_the_end_of_the_log() -> None:
    failed = build("Failed", "DockerBuildFailed", "Dockerfile build strategy has failed.")
    said = describe_failure(failed, diagnose(failed), "noise\n" * 50 + LOG)
    assert said.startswith("The Build x failed (DockerBuildFailed) at the step RUN /bin/sh /opt/bandr/prepare ${PACKAGES}: while running")
    assert "The base has no psql" in said
    assert said.count("noise") < 12


def test_without_a_log_the_snippet_of_the_status_serves() -> None:
    failed = build("Failed", "DockerBuildFailed", "Dockerfile build strategy has failed.", logSnippet=LOG)
    assert "exit status 1" in describe_failure(failed, diagnose(failed), "")


@pytest.mark.parametrize(
    ("phase", "reason", "words"),
    [
        ("Failed", "PullBuilderImageFailed", "check its name, that its registry answers the cluster, and the pull secret"),
        ("Failed", "PushImageToRegistryFailed", "internal registry did not take the image"),
        ("Failed", "OutOfMemoryKilled", "give it more by its resources"),
        ("Failed", "GenericBuildFailed", "oc logs build/x"),
        ("Error", "BuildPodDeleted", "could not be run (BuildPodDeleted): words. Somebody deleted the Build's pod"),
        ("Cancelled", "CancelledBuild", "was cancelled (CancelledBuild): words. Somebody cancelled it"),
    ],
)
def test_each_failure_says_what_to_do(phase: str, reason: str, words: str) -> None:
    failed = build(phase, reason, "words")
    assert words in describe_failure(failed, diagnose(failed), "")
