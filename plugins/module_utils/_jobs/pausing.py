# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pausing and resuming the CronJobs of a namespace, and waiting until what they started is over."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from .pause import Change, Pause, is_suspended, plan_pause, plan_resume, summary
from .status import FINISHED, HOPELESS, diagnose, needs_events, trouble
from .watching import ClusterError, Patience

PAUSED, RESUMED = "paused", "resumed"
_CONFLICT = 409
_ATTEMPTS = 5
_LOOK_SECONDS = 2.0
# A CronJob's controller may start a Job in the very moment of the pause; only two quiet looks mean quiet.
_QUIET_LOOKS = 2


class CronJobCluster(Protocol):
    """What pausing needs of a cluster; see cluster.py for the real one."""

    def list_cronjobs(self, selector: str) -> list[dict[str, Any]]:
        """The CronJobs that a selector names."""

    def patch_cronjob(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Patch one CronJob; in check mode only ask whether it could be."""

    def list_jobs(self, selector: str) -> list[dict[str, Any]]:
        """The Jobs that a selector names."""

    def pods_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """A Job's pods."""

    def events_of(self, job: dict[str, Any], pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Events of a Job and of its pods."""

    def delete_job(self, job: dict[str, Any]) -> None:
        """Delete a Job with its pods."""


@dataclass(frozen=True)
class PauseRequest:
    """Which CronJobs to pause or resume; ``jobs`` names the Jobs to wait for, or those that forbid to resume.

    With ``names``, only those CronJobs of the selector's, and only the Jobs that they started are waited for.
    """

    state: str
    selector: str
    names: tuple[str, ...] | None = None
    jobs: str = ""
    pause: Pause = Pause("", "")
    wait: bool = True
    patience: Patience = Patience()
    check_mode: bool = False


def apply_pause(
    cluster: CronJobCluster,
    request: PauseRequest,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Pause or resume, and say what was done to each CronJob; raises ClusterError."""
    if not request.selector and request.names is None:
        raise ClusterError("Neither labels nor names say which CronJobs, and all of the namespace are not meant. Nothing was done.")
    result: dict[str, Any] = {"changed": False, "cronjobs": [], "waited_for": [], "deleted": [], "running": [], "warnings": []}
    if request.state == RESUMED and request.jobs:
        result["running"] = [name_of(job) for job in cluster.list_jobs(request.jobs) if _unfinished(job)]
        if result["running"]:
            result["msg"] = "Nothing was resumed, because %s still runs." % ", ".join(result["running"])
            return result
    found = _named(cluster, request)
    result["cronjobs"] = [_apply_one(cluster, cronjob, request) for cronjob in found]
    result["changed"] = any(done["changed"] for done in result["cronjobs"])
    result["diff"] = {
        "before": {name_of(cronjob): {"suspended": is_suspended(cronjob)} for cronjob in found},
        "after": {done["name"]: {"suspended": done["suspended"]} for done in result["cronjobs"]},
    }
    if request.state == PAUSED and request.wait and not request.check_mode:
        _wait_for_jobs(cluster, request, result, clock, sleep)
    result["msg"] = _sentence(request.state, result)
    return result


def name_of(thing: dict[str, Any]) -> str:
    """The name of an object."""
    return str(thing["metadata"]["name"])


def _apply_one(cluster: CronJobCluster, cronjob: dict[str, Any], request: PauseRequest) -> dict[str, Any]:
    for attempt in range(_ATTEMPTS):
        change = _plan(cronjob, request)
        if not change.patch:
            return summary(cronjob, change)
        try:
            return summary(cluster.patch_cronjob(change.name, change.patch), change)
        except ClusterError as error:
            if error.status != _CONFLICT or attempt == _ATTEMPTS - 1:
                raise
        now = [other for other in _named(cluster, request) if name_of(other) == change.name]
        if not now:
            raise ClusterError("The CronJob %s was deleted by somebody else meanwhile. Run it again." % change.name, status=404)
        cronjob = now[0]
    raise ClusterError("The CronJob %s changes all the time." % name_of(cronjob))


def _named(cluster: CronJobCluster, request: PauseRequest) -> list[dict[str, Any]]:
    return [cronjob for cronjob in cluster.list_cronjobs(request.selector) if request.names is None or name_of(cronjob) in request.names]


def _plan(cronjob: dict[str, Any], request: PauseRequest) -> Change:
    return plan_pause(cronjob, request.pause) if request.state == PAUSED else plan_resume(cronjob)


def _wait_for_jobs(
    cluster: CronJobCluster, request: PauseRequest, result: dict[str, Any], clock: Callable[[], float], sleep: Callable[[float], None]
) -> None:
    begun = clock()
    quiet = woken_times = 0
    stuck: dict[str, tuple[str, float]] = {}
    while True:
        running = [job for job in cluster.list_jobs(request.jobs or request.selector) if _unfinished(job) and _is_waited_for(job, request)]
        for job in list(running):
            if _delete_if_hopeless(cluster, job, stuck, clock(), request.patience.grace, result):
                running.remove(job)
        result["waited_for"] = sorted({*result["waited_for"], *map(name_of, running)})
        quiet = 0 if running else quiet + 1
        if quiet >= _QUIET_LOOKS:
            woken = _pause_again(cluster, request, result)
            if not woken:
                return
            quiet, woken_times = 0, woken_times + 1
            if woken_times >= _ATTEMPTS:
                raise ClusterError("%s was resumed by somebody else again and again; nothing else was done." % ", ".join(woken))
        if running and clock() - begun >= request.patience.timeout:
            raise ClusterError(
                "%s still ran after %d seconds; nothing else was done. Wait for the end, or delete it if it hangs."
                % (", ".join(sorted(map(name_of, running))), request.patience.timeout)
            )
        sleep(_LOOK_SECONDS)


def _pause_again(cluster: CronJobCluster, request: PauseRequest, result: dict[str, Any]) -> list[str]:
    """Pause what another run resumed during the wait, as the end of its own restore does, and return the names."""
    woken = [cronjob for cronjob in _named(cluster, request) if not is_suspended(cronjob)]
    again = {name_of(cronjob): _apply_one(cluster, cronjob, request) for cronjob in woken}
    result["cronjobs"] = list({**{done["name"]: done for done in result["cronjobs"]}, **again}.values())
    result["changed"] = result["changed"] or bool(again)
    return sorted(again)


def _is_waited_for(job: dict[str, Any], request: PauseRequest) -> bool:
    owners = [owner.get("name") for owner in job["metadata"].get("ownerReferences") or () if owner.get("kind") == "CronJob"]
    return bool(request.jobs) or request.names is None or any(name in request.names for name in owners)


def _delete_if_hopeless(
    cluster: CronJobCluster, job: dict[str, Any], stuck: dict[str, tuple[str, float]], now: float, grace: float, result: dict[str, Any]
) -> bool:
    """Delete a Job that cannot start: it would hold everything up now, and start in the middle of something later."""
    pods = cluster.pods_of(job)
    verdict = diagnose(job, pods, cluster.events_of(job, pods) if needs_events(job, pods) else [])
    if verdict.state != HOPELESS:
        stuck.pop(name_of(job), None)
        return False
    what, since = stuck.get(name_of(job), ("", now))
    if what != trouble(verdict):
        since = now
    stuck[name_of(job)] = (trouble(verdict), since)
    if now - since < grace:
        return False
    cluster.delete_job(job)
    result["deleted"].append(name_of(job))
    result["changed"] = True
    result["warnings"].append("The Job %s could not start and was deleted. %s" % (name_of(job), verdict.message))
    return True


def _unfinished(job: dict[str, Any]) -> bool:
    return diagnose(job, []).state not in FINISHED and not job["metadata"].get("deletionTimestamp")


def _sentence(state: str, result: dict[str, Any]) -> str:
    if not result["cronjobs"]:
        return "There are no CronJobs here."
    parts = ["%s: %s" % (cronjob["name"], cronjob["note"]) for cronjob in result["cronjobs"]]
    waited = " Waited for %s." % ", ".join(result["waited_for"]) if state == PAUSED and result["waited_for"] else ""
    return "; ".join(parts) + "." + waited
