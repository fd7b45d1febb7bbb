# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs, pods and events as a real Kubernetes 1.34 gave them, reduced to what is looked at."""

from __future__ import annotations

from typing import Any

IMAGE = "registry.example.com/shop/migrate:1"
NO_HOST = 'failed to do request: Head "https://registry.example.com/v2/shop/migrate/manifests/1": dial tcp: lookup: no such host'


def job(*conditions: dict[str, str], suspend: bool = False, active: int = 0, uid: str = "job-1", name: str = "migrate") -> dict[str, Any]:
    """A Job with the given conditions."""
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": uid, "creationTimestamp": "2026-11-23T19:04:31Z"},
        "spec": {"suspend": suspend, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}},
        "status": {"conditions": list(conditions), "active": active, "startTime": "2026-11-23T19:04:31Z"},
    }


def condition(kind: str, reason: str, message: str = "") -> dict[str, str]:
    """A condition of a Job that is true."""
    return {"type": kind, "status": "True", "reason": reason, "message": message}


COMPLETE = job(condition("SuccessCriteriaMet", "CompletionsReached"), condition("Complete", "CompletionsReached"))
FAILED = job(
    condition("FailureTarget", "BackoffLimitExceeded"),
    condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
)
LATE = job(condition("FailureTarget", "DeadlineExceeded"), condition("Failed", "DeadlineExceeded", "Job was active too long"))
BEING_FAILED = job(condition("FailureTarget", "DeadlineExceeded"))


def pod(
    state: dict[str, Any] | None = None,
    phase: str = "Pending",
    name: str = "migrate-x",
    created: str = "2026-11-23T19:04:32Z",
    conditions: tuple[dict[str, str], ...] = (),
    init_state: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """A pod whose container is in ``state``."""
    spec: dict[str, Any] = {"containers": [{"name": "main", "image": IMAGE}], "nodeName": "worker-1"}
    status = dict(status, phase=phase, conditions=list(conditions))
    if state is not None:
        status["containerStatuses"] = [{"name": "main", "image": IMAGE, "state": state}]
    if init_state is not None:
        spec["initContainers"] = [{"name": "init", "image": "registry.example.com/init:2"}]
        status["initContainerStatuses"] = [{"name": "init", "state": init_state}]
    return {"metadata": {"name": name, "uid": "uid-" + name, "creationTimestamp": created}, "spec": spec, "status": status}


def waiting(reason: str, message: str | None = None) -> dict[str, Any]:
    """The state of a container that does not run yet."""
    return {"waiting": {"reason": reason, "message": message} if message else {"reason": reason}}


def terminated(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    """The state of a container that ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def unscheduled(message: str, reason: str = "Unschedulable") -> dict[str, Any]:
    """A pod that no node takes."""
    return pod(conditions=({"type": "PodScheduled", "status": "False", "reason": reason, "message": message},))


def event(kind: str, reason: str, message: str, at: str = "2026-11-23T19:04:33Z") -> dict[str, Any]:
    """A warning about a Job or a pod."""
    return {"metadata": {}, "involvedObject": {"kind": kind}, "reason": reason, "message": message, "lastTimestamp": at}


QUOTA = event(
    "Job",
    "FailedCreate",
    'Error creating: pods "ok-d5t8r" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0',
)
NO_ACCOUNT = event(
    "Job",
    "FailedCreate",
    'Error creating: pods "nosa-" is forbidden: error looking up service account shop/nope: serviceaccount "nope" not found',
)
NO_SECRET_VOLUME = event("Pod", "FailedMount", 'MountVolume.SetUp failed for volume "v" : secret "nope" not found')
