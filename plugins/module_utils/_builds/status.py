# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state of a Build means: a pure function of what the API server answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .._jobs.status import COMPLETE, FAILED, HOPELESS, RUNNING, STARTING, Verdict
from .._jobs.status import diagnose as diagnose_pod

_PHASES_OF_FAILURE = ("Failed", "Error", "Cancelled")
_STEP = re.compile(r'building at STEP "(?P<step>.*)": (?P<why>.*)$', re.MULTILINE)
_SHOWN_LINES = 12
_SHOWN_STEP = 300

# A Build that is New and has a reason does not start by itself, or only when somebody outside mends something.
_STUCK = {
    "InvalidOutputReference": (
        "The cluster has no place for the image: %(message)s. Its internal registry must be switched on "
        "(oc get configs.imageregistry.operator.openshift.io/cluster), or the image be built elsewhere."
    ),
    "InvalidImageReference": "The base cannot be found: %(message)s. Correct its name, or import it into the cluster.",
    "GenericBuildFailed": "The Build cannot start: %(message)s.",
    "CannotRetrieveServiceAccount": "The service account of builds cannot be read: %(message)s. A new namespace may need a moment; deploy again.",
    "CannotCreateBuildPodSpec": "The cluster cannot make the Build's pod: %(message)s.",
}
_POD_SECURITY = (
    "The namespace %(namespace)s enforces a Pod Security level that forbids builds, whose pods are privileged. "
    "Build in another namespace. The cluster said: %(message)s."
)
_QUOTA = "The namespace's quota leaves no room for the Build's pod: %(message)s. Free some, raise it, or build in another namespace."
_REFUSED = "The cluster refuses to make the Build's pod: %(message)s."

# What to do about a Build that has failed.
_ADVICE = {
    "DockerBuildFailed": "Mend what that step needs, and run it again.",
    "PullBuilderImageFailed": "The base cannot be pulled: check its name, that its registry answers the cluster, and the pull secret for it.",
    "FetchImageContentFailed": "The base cannot be pulled: check its name, that its registry answers the cluster, and the pull secret for it.",
    "PushImageToRegistryFailed": "The internal registry did not take the image: look at its pods and its storage (oc get clusteroperator image-registry).",
    "OutOfMemoryKilled": "The Build's pod had too little memory: give it more by its resources, or change the limits of the namespace.",
    "BuildPodEvicted": "A node was short of memory or disk and stopped the Build: run it again.",
    "BuildPodDeleted": "Somebody deleted the Build's pod: run it again.",
    "CancelledBuild": "Somebody cancelled it: run it again.",
}
_ANYTHING = "See its log (oc logs build/%s), mend the cause, and run it again."


def diagnose(build: dict[str, Any], pod: dict[str, Any] | None = None, events: Iterable[dict[str, Any]] = ()) -> Verdict:
    """Judge a Build by the objects as the API server gives them; ``events`` are those of its pod."""
    status = build.get("status") or {}
    phase, reason, message = status.get("phase") or "New", status.get("reason") or "", _clean(status.get("message"))
    if phase == "Complete":
        return Verdict(COMPLETE, phase, message)
    if phase in _PHASES_OF_FAILURE:
        return Verdict(FAILED, reason or phase, message)
    if phase == "Running":
        return Verdict(RUNNING, phase, "The Build is running.")
    if phase == "New":
        return _new(build, reason, message)
    if pod is not None and pod.get("status", {}).get("phase") == "Pending":
        # A pod that cannot start leaves the Build pending without a word.
        return diagnose_pod({}, [pod], events)
    return Verdict(STARTING, phase, "The Build's pod is being started.")


def is_over(build: dict[str, Any]) -> bool:
    """Whether the Build has come to an end, good or bad."""
    return ((build.get("status") or {}).get("phase") or "New") in ("Complete", *_PHASES_OF_FAILURE)


def failing_step(log: str) -> tuple[str, str]:
    """The step of the Containerfile that failed, and why; both empty where the log does not tell."""
    found = list(_STEP.finditer(log))[-1:]
    return (found[0].group("step")[:_SHOWN_STEP], found[0].group("why").strip()) if found else ("", "")


def describe_failure(build: dict[str, Any], verdict: Verdict, log: str) -> str:
    """One sentence and more about a Build that has failed: where, why, how its log ends, and what to do."""
    name = build["metadata"]["name"]
    status = build.get("status") or {}
    said = log or status.get("logSnippet") or ""
    step, why = failing_step(said)
    where = " at the step %s: %s" % (step, why) if step else ": %s" % (verdict.message or verdict.reason)
    phase = str(status.get("phase") or "").lower()
    how = {"error": "could not be run", "cancelled": "was cancelled"}.get(phase, "failed")
    sentences = ["The Build %s %s (%s)%s." % (name, how, verdict.reason, where.rstrip("."))]
    sentences.append(_ADVICE.get(verdict.reason) or _ANYTHING % name)
    lines = [line.rstrip() for line in said.splitlines() if line.strip()]
    if lines:
        sentences.append("Its log ends with:\n%s" % "\n".join(lines[-_SHOWN_LINES:]))
    return " ".join(sentences)


def describe_stuck(build: dict[str, Any], verdict: Verdict) -> str:
    """One sentence about a Build that does not start."""
    return "The Build %s does not start (%s). %s It was cancelled." % (build["metadata"]["name"], verdict.reason, verdict.message)


def _new(build: dict[str, Any], reason: str, message: str) -> Verdict:
    if not reason:
        return Verdict(STARTING, "New", "The cluster has not taken it up yet.")
    if reason == "CannotCreateBuildPod":
        sentence = _POD_SECURITY if "PodSecurity" in message else _QUOTA if "exceeded quota" in message else _REFUSED
    else:
        sentence = _STUCK.get(reason, "The Build cannot start: %(message)s.")
    words = {"message": message or reason, "namespace": build["metadata"].get("namespace", "")}
    return Verdict(HOPELESS, reason, sentence % words, certain=False)


def _clean(message: str | None) -> str:
    return " ".join((message or "").split()).rstrip(".")
