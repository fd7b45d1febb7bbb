# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one Job: what to do about one of the same name, create, wait, clean up, report."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, Callable

from .outcome import without_secrets
from .run import DEFINITION_ANNOTATION, Cluster, Run
from .status import COMPLETE, FINISHED, HOPELESS, diagnose
from .watching import ClusterError, Patience

EXISTING = ("attach", "replace", "refuse")
_CONFLICT = 409
_TO_THE_SECOND = len("2026-11-22T10:07:00")


@dataclass(frozen=True)
class JobRequest:
    """A Job to run; ``existing`` says what to do about a Job that has its name already.

    With ``attach`` and ``ended_since``, an ISO time in UTC, one of the same definition that was made then or later and is
    complete counts as this one's run.
    """

    definition: dict[str, Any]
    namespace: str | None = None
    container: str | None = None
    existing: str = "attach"
    ended_since: str | None = None
    patience: Patience = field(default_factory=Patience)
    delete_hopeless: bool = True
    check_mode: bool = False


def complete_definition(request: JobRequest) -> dict[str, Any]:
    """The Job as it is sent: with kind, namespace and the hash of what was asked for; raises ClusterError for what is no Job."""
    definition: dict[str, Any] = json.loads(json.dumps(request.definition))
    definition = dict({"apiVersion": "batch/v1", "kind": "Job"}, **definition)
    if (definition["apiVersion"], definition["kind"]) != ("batch/v1", "Job"):
        raise ClusterError("The definition is a %(apiVersion)s %(kind)s; only a batch/v1 Job can be run." % definition)
    metadata = definition.setdefault("metadata", {})
    if not (metadata.get("name") or metadata.get("generateName")):
        raise ClusterError("The definition needs metadata.name or metadata.generateName.")
    if not metadata.setdefault("namespace", request.namespace):
        name = metadata.get("name") or metadata["generateName"]
        raise ClusterError("The Job %s needs a namespace, in its metadata or as an option." % name)
    digest = hashlib.sha256(json.dumps(definition, sort_keys=True).encode("utf-8")).hexdigest()
    metadata["annotations"] = dict(metadata.get("annotations") or {}, **{DEFINITION_ANNOTATION: digest})
    return definition


def run_job(
    cluster: Cluster,
    request: JobRequest,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Run the Job to its end and say how it went; raises ClusterError when the API server refuses or stays silent."""
    begun = clock()
    definition = complete_definition(request)
    diff = {"before": "", "after": without_secrets(definition)}
    if request.check_mode:
        return _would_run(cluster, definition, request, diff)
    job, attached = _obtain(cluster, definition, request)
    ended_before = attached and not _is_running(job)
    run = Run(cluster, job, request.container, clock, sleep)
    verdict = run.wait(request.patience)
    result = run.result(verdict, request.patience)
    result.update(changed=not attached, attached=attached, ended_before=ended_before, seconds=round(clock() - begun, 1), deleted=False)
    if not attached:
        result["diff"] = diff
    if verdict.state == HOPELESS and request.delete_hopeless:
        # Left alone it would begin hours later, when somebody mends what kept it from starting.
        cluster.delete_job(run.job)
        result["deleted"] = True
    return result


def _obtain(cluster: Cluster, definition: dict[str, Any], request: JobRequest) -> tuple[dict[str, Any], bool]:
    """The Job to wait for, and whether it was there before."""
    for _attempt in range(2):
        name = definition["metadata"].get("name")
        found = _in_the_way(cluster, definition, request.existing)
        if found is not None:
            if _is_attached(found, definition, request):
                return found, True
            cluster.delete_job(found)
        try:
            return cluster.create_job(definition), False
        except ClusterError as error:
            # Somebody else created it in this very moment: look again.
            if error.status != _CONFLICT or not name:
                raise
    name = definition["metadata"]["name"]
    raise ClusterError("The Job %s appears and disappears: another program runs it too. Nothing was started." % name)


def _in_the_way(cluster: Cluster, definition: dict[str, Any], existing: str) -> dict[str, Any] | None:
    """The Job that has the name already; raises ClusterError where there may be none."""
    name = definition["metadata"].get("name")
    found = cluster.read_job(name) if name else None
    if found is not None and existing == "refuse":
        raise ClusterError("There is a Job %s already; nothing was started. Delete it, or choose another name." % name)
    return found


def _is_running(found: dict[str, Any]) -> bool:
    return diagnose(found, []).state not in FINISHED and not found["metadata"].get("deletionTimestamp")


def _is_attached(found: dict[str, Any], definition: dict[str, Any], request: JobRequest) -> bool:
    """Whether the Job that is there is the one that was asked for; raises ClusterError where another one is running."""
    if request.existing != "attach":
        return False
    theirs = (found["metadata"].get("annotations") or {}).get(DEFINITION_ANNOTATION)
    same = theirs == definition["metadata"]["annotations"][DEFINITION_ANNOTATION]
    if not _is_running(found):
        gone = bool(found["metadata"].get("deletionTimestamp"))
        return same and not gone and _is_as_young(found, request.ended_since) and diagnose(found, []).state == COMPLETE
    if not same:
        raise ClusterError(
            "A Job %s is running since %s that does something else; nothing was started. Wait for its end, or delete it."
            % (found["metadata"]["name"], found["metadata"].get("creationTimestamp"))
        )
    return True


def _is_as_young(found: dict[str, Any], since: str | None) -> bool:
    """Whether the Job was made then or later; both times are in UTC, which one writes as Z and the other as +00:00."""
    return since is not None and str(found["metadata"].get("creationTimestamp"))[:_TO_THE_SECOND] >= since[:_TO_THE_SECOND]


def _would_run(cluster: Cluster, definition: dict[str, Any], request: JobRequest, diff: dict[str, Any]) -> dict[str, Any]:
    found = _in_the_way(cluster, definition, request.existing)
    attached = found is not None and _is_attached(found, definition, request)
    ended_before = attached and found is not None and not _is_running(found)
    trial: dict[str, Any] = json.loads(json.dumps(definition))
    name = trial["metadata"].pop("name", None)
    if name:
        # A finished Job of this name would be replaced, and must not spoil the question.
        trial["metadata"]["generateName"] = name + "-"
    cluster.create_job(trial)
    shown = name or definition["metadata"]["generateName"]
    result: dict[str, Any] = {
        "changed": not attached,
        "attached": attached,
        "ended_before": ended_before,
        "succeeded": False,
        "outcome": "check",
        "reason": "",
        "msg": (
            "The Job %s is complete already and would not be run again."
            if ended_before
            else "The Job %s is running already and would be followed."
            if attached
            else "The Job %s would be run; the API server accepts it."
        )
        % shown,
        "job": name or "",
        "namespace": definition["metadata"]["namespace"],
    }
    return result if attached else dict(result, diff=diff)
