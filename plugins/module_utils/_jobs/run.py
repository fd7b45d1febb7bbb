# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Job from its creation to its end; the cluster, the clock and the waiting are given from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from .outcome import describe, parse_termination_message
from .status import COMPLETE, FINISHED, RUNNING, STARTING, Verdict, container_status, diagnose, needs_events, newest_pod
from .watching import ClusterError, Patience, watch

# The hash over what was asked for, so that a Job that is met again can be told from another of the same name.
DEFINITION_ANNOTATION = "bandr.postgres/definition"


class Cluster(Protocol):
    """What a run needs of a cluster; see cluster.py for the real one."""

    def read_job(self, name: str) -> dict[str, Any] | None:
        """The Job, or None."""

    def create_job(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Create the Job; in check mode only ask whether it could be."""

    def delete_job(self, job: dict[str, Any]) -> None:
        """Delete exactly this Job with its pods, and wait until it is gone."""

    def pods_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The Job's pods."""

    def events_of(self, job: dict[str, Any], pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Events of the Job and of its pods."""

    def follow(self, pod: str, container: str) -> None:
        """Begin to collect the log of a container; more than once does no harm."""

    def log_of(self, pod: str, container: str, finished: bool) -> str:
        """What the container has said."""


@dataclass
class Run:
    """One Job that exists, being watched to its end."""

    cluster: Cluster
    job: dict[str, Any]
    container: str | None
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    pods: list[dict[str, Any]] = field(default_factory=list)

    def wait(self, patience: Patience) -> Verdict:
        """Watch until the Job is complete, failed or hopeless, or the time is over (its state is then running or starting)."""
        return watch(self._look, patience, self.clock, self.sleep)

    def result(self, verdict: Verdict, patience: Patience) -> dict[str, Any]:
        """Everything a caller may want to know about the end."""
        pod = newest_pod(self.pods)
        name = self.job["metadata"]["name"]
        container = self._container_name(pod)
        log = self.cluster.log_of(pod["metadata"]["name"], container, verdict.state in FINISHED) if pod else ""
        terminated = container_status(pod, container).get("state", {}).get("terminated") or {}
        message = (terminated.get("message") or "").strip()
        over = verdict.state in (RUNNING, STARTING)
        sentence = _too_late(name, verdict, patience) if over else describe(name, verdict, pod, log, container)
        return {
            "succeeded": verdict.state == COMPLETE,
            "outcome": "timeout" if over else verdict.state,
            "reason": terminated.get("reason") or verdict.reason if verdict.reason == "BackoffLimitExceeded" else verdict.reason,
            "msg": sentence,
            "job": name,
            "namespace": self.job["metadata"].get("namespace", ""),
            "pod": pod["metadata"]["name"] if pod else "",
            "node": (pod or {}).get("spec", {}).get("nodeName") or "",
            "exit_code": terminated.get("exitCode"),
            "termination_message": message,
            "result": parse_termination_message(message) or {},
            "log": log,
            "log_lines": log.splitlines(),
        }

    def _look(self) -> Verdict:
        name = self.job["metadata"]["name"]
        job = self.cluster.read_job(name)
        if job is None or job["metadata"]["uid"] != self.job["metadata"]["uid"]:
            raise ClusterError("The Job %s was deleted by somebody else while it was waited for; its end is not known." % name, status=404)
        self.job = job
        # Pods that are gone are remembered as they were last seen.
        seen = {pod["metadata"]["name"]: pod for pod in self.pods}
        current = self.cluster.pods_of(job)
        seen.update((pod["metadata"]["name"], pod) for pod in current)
        self.pods = list(seen.values())
        pod = newest_pod(current)
        if pod is not None and _has_begun(pod, self.container):
            self.cluster.follow(pod["metadata"]["name"], self._container_name(pod))
        events = self.cluster.events_of(job, current) if needs_events(job, current) else []
        return diagnose(job, current, events)

    def _container_name(self, pod: dict[str, Any] | None) -> str:
        if self.container or pod is None:
            return self.container or ""
        return str(pod["spec"]["containers"][0]["name"])


def _has_begun(pod: dict[str, Any], container: str | None) -> bool:
    state = container_status(pod, container).get("state", {})
    return "running" in state or "terminated" in state


def _too_late(name: str, verdict: Verdict, patience: Patience) -> str:
    why = verdict.message.rstrip(".") or verdict.reason
    ends = "It was left running" if verdict.state == RUNNING else "It has not started (%s)" % why
    return "The Job %s did not end within %d seconds. %s; delete it, or wait for it with the same task and a longer timeout." % (
        name,
        patience.timeout,
        ends,
    )
