# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the states of a Job, its pods and its events mean: a pure function of what the API server answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

COMPLETE, FAILED, HOPELESS, RUNNING, STARTING = "complete", "failed", "hopeless", "running", "starting"
FINISHED = (COMPLETE, FAILED)

# A container in one of these states does not start by waiting; the words say what to do.
_IMAGE = "Check the image's name and tag, that the registry holds it and answers the node, and the pull secret."
_WAITING = {
    "InvalidImageName": (True, "The image's name %(image)r is no name of an image. Correct it."),
    "ErrImageNeverPull": (True, "The image %(image)s is not on the node, and its pull policy is Never. Load it, or let it be pulled."),
    "ImagePullBackOff": (False, "The image %(image)s cannot be pulled: %(message)s. " + _IMAGE),
    "ErrImagePull": (False, "The image %(image)s cannot be pulled: %(message)s. " + _IMAGE),
    "RegistryUnavailable": (False, "The registry of the image %(image)s does not answer: %(message)s. " + _IMAGE),
    "SignatureValidationFailed": (True, "The signature of the image %(image)s is not accepted: %(message)s."),
    "ImageInspectError": (False, "The image %(image)s cannot be read on the node: %(message)s. " + _IMAGE),
    "CreateContainerConfigError": (
        False,
        "The container cannot be made: %(message)s. Correct the Job, or create what it names.",
    ),
    "CreateContainerError": (False, "The container cannot be made: %(message)s."),
    "PreCreateHookError": (False, "The container cannot be made: %(message)s."),
    "RunContainerError": (False, "The container cannot be started: %(message)s."),
}
# The same trouble goes by two names in turn, and must not begin its time of grace anew each time.
_SAME_TROUBLE = {"ErrImagePull": "ImagePullBackOff"}
_MOUNT_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_MISSING_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_UNBOUND_CLAIM = "unbound immediate PersistentVolumeClaims"
_UNBOUND_HELP = "kubectl describe pvc says why; a storage class that does not exist, or that has no room left, is the usual reason."
_SANDBOX_EVENTS = ("FailedCreatePodSandBox",)


@dataclass(frozen=True)
class Verdict:
    """What a Job is doing, and why.

    ``state`` is one of the words above; ``hopeless`` means that nothing gets better by waiting, which only
    ``certain`` says for sure: the others deserve a time of grace, as a Secret may come a second after the Job.
    """

    state: str
    reason: str = ""
    message: str = ""
    certain: bool = True


def diagnose(job: dict[str, Any], pods: Sequence[dict[str, Any]], events: Iterable[dict[str, Any]] = ()) -> Verdict:
    """Judge a Job by the objects as the API server gives them; ``events`` are those of the Job and its pods."""
    ended = _ended(job)
    if ended is not None:
        return ended
    if job.get("spec", {}).get("suspend"):
        return Verdict(HOPELESS, "Suspended", "The Job is suspended and makes no pod. Set its suspend to false.", certain=False)
    pod = newest_pod(pods)
    if pod is None:
        return _without_pod(job, events)
    phase = pod.get("status", {}).get("phase")
    if phase != "Pending":
        return Verdict(RUNNING, phase or "")
    return _pending(pod, list(events))


def needs_events(job: dict[str, Any], pods: Sequence[dict[str, Any]]) -> bool:
    """Whether events can tell more than the objects themselves."""
    pod = newest_pod(pods)
    return _ended(job) is None and (pod is None or pod.get("status", {}).get("phase") == "Pending")


def newest_pod(pods: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The pod of the last attempt."""
    return max(pods, key=lambda pod: (pod["metadata"].get("creationTimestamp") or "", pod["metadata"]["name"]), default=None)


def container_status(pod: dict[str, Any] | None, container: str | None = None) -> dict[str, Any]:
    """The status of ``container``, or of the first one of the pod; empty as long as there is none."""
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or []
    if container is None and pod is not None:
        container = pod["spec"]["containers"][0]["name"]
    return next((status for status in statuses if status["name"] == container), {})


def trouble(verdict: Verdict) -> str:
    """A word for what is wrong that stays the same as long as the same thing is wrong."""
    return _SAME_TROUBLE.get(verdict.reason, verdict.reason)


def _ended(job: dict[str, Any]) -> Verdict | None:
    for condition in job.get("status", {}).get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            state = COMPLETE if condition["type"] == "Complete" else FAILED
            return Verdict(state, condition.get("reason") or condition["type"], _clean(condition.get("message")))
    return None


def _without_pod(job: dict[str, Any], events: Iterable[dict[str, Any]]) -> Verdict:
    refusal = _latest(events, "Job", ("FailedCreate",))
    if refusal is None or job.get("status", {}).get("active"):
        return Verdict(STARTING, "NoPod", "The Job has no pod yet.")
    text = _clean(refusal.get("message"))
    for prefix in ("Error creating: ", "pods "):
        text = text[len(prefix) :] if text.startswith(prefix) else text
    # The pod's random name only makes each refusal look different.
    text = text.split(" is forbidden: ", 1)[-1]
    if "exceeded quota" in text:
        message = "The namespace's quota leaves no room for the pod: %s. Free some, or raise it." % text
        return Verdict(HOPELESS, "QuotaExceeded", message, certain=False)
    return Verdict(HOPELESS, "FailedCreate", "The cluster refuses to make the pod: %s." % text, certain=False)


def _pending(pod: dict[str, Any], events: list[dict[str, Any]]) -> Verdict:
    status = pod.get("status", {})
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            text = _clean(condition.get("message"))
            reason = condition.get("reason") or "Unschedulable"
            if reason == "SchedulingGated":
                return Verdict(STARTING, reason, "The pod waits for a scheduling gate: %s." % text)
            missing = _MISSING_CLAIM.search(text)
            if missing:
                message = "There is no volume claim %s in the namespace. Create it, or name another." % missing.group(1)
                return Verdict(HOPELESS, "ClaimNotFound", message, certain=False)
            if _UNBOUND_CLAIM in text:
                message = "The volume claim %s has no volume: %s. %s" % (_claims(pod), text, _UNBOUND_HELP)
                return Verdict(HOPELESS, "ClaimUnbound", message, certain=False)
            return Verdict(HOPELESS, reason, "No node can run the pod: %s." % text, certain=False)
    containers = {spec["name"]: spec for kind in ("initContainers", "containers") for spec in pod["spec"].get(kind) or []}
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(kind) or []:
            waiting = container.get("state", {}).get("waiting") or {}
            if waiting.get("reason") in _WAITING:
                certain, sentence = _WAITING[waiting["reason"]]
                image = containers.get(container["name"], {}).get("image", container.get("image"))
                message = sentence % {"image": image, "message": _clean(waiting.get("message"))}
                return Verdict(HOPELESS, waiting["reason"], message, certain)
    mount = _latest(events, "Pod", _MOUNT_EVENTS)
    if mount is not None:
        text = "A volume of the pod cannot be mounted: %s. Correct the Job, or create what it names." % _clean(mount.get("message"))
        return Verdict(HOPELESS, mount["reason"], text, certain=False)
    sandbox = _latest(events, "Pod", _SANDBOX_EVENTS)
    if sandbox is not None:
        return Verdict(HOPELESS, sandbox["reason"], "The node cannot set up the pod: %s." % _clean(sandbox.get("message")), certain=False)
    return Verdict(STARTING, "Pending", "The pod is being started.")


def _claims(pod: dict[str, Any]) -> str:
    volumes = pod["spec"].get("volumes") or []
    return " or ".join(one["persistentVolumeClaim"]["claimName"] for one in volumes if one.get("persistentVolumeClaim")) or "of the pod"


def _latest(events: Iterable[dict[str, Any]], kind: str, reasons: Sequence[str]) -> dict[str, Any] | None:
    wanted = [event for event in events if event.get("reason") in reasons and event.get("involvedObject", {}).get("kind") == kind]
    return max(wanted, key=_event_time, default=None)


def _event_time(event: dict[str, Any]) -> str:
    times = ((event.get("series") or {}).get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((time for time in times if time), event.get("metadata", {}).get("creationTimestamp") or "")


def _clean(message: str | None) -> str:
    return " ".join((message or "no reason was given").split()).rstrip(".")
