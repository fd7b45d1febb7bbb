# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Build from its creation to its end; the cluster, the clock and the waiting are given from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from .._jobs.status import COMPLETE, FAILED, HOPELESS, RUNNING, Verdict
from .._jobs.watching import ClusterError, Patience, watch
from .status import describe_failure, describe_stuck, diagnose, is_over

TIMEOUT = "timeout"
_LAST_WORDS_SECONDS = 6.0
_CANCEL_SECONDS = 20.0


class Cluster(Protocol):
    """What a build needs of a cluster; see cluster.py for the real one. All raise ClusterError."""

    def serves_builds(self) -> bool:
        """Whether the cluster has OpenShift's build API."""

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None."""

    def list(self, kind: str, selector: str | None = None, namespace: str | None = None) -> list[dict[str, Any]]:
        """The objects of one kind that carry the selector's labels."""

    def apply(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Apply ``definition`` on the server's side; in check mode only try."""

    def delete(self, kind: str, name: str) -> None:
        """Delete an object; one that is gone already is no error."""

    def cancel(self, name: str) -> None:
        """Ask for the end of a Build."""

    def can_delete(self, kind: str) -> bool:
        """Whether the API can delete such objects."""

    def pod_of(self, build: dict[str, Any]) -> dict[str, Any] | None:
        """The pod of a Build, or None."""

    def events_of(self, thing: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """Events of an object."""

    def images_in_use(self, namespaces: tuple[str, ...]) -> frozenset[str]:
        """The images that CronJobs and Jobs of these namespaces run."""

    def follow(self, name: str) -> None:
        """Begin to collect the log of a Build."""

    def log_of(self, name: str, wait_seconds: float = 10.0) -> str:
        """What the Build has said."""


@dataclass(frozen=True)
class End:
    """How a Build ended: ``outcome`` is complete, failed, hopeless or timeout; ``sentence`` is empty where all went well."""

    outcome: str
    reason: str
    sentence: str
    build: dict[str, Any]
    log: str = ""


@dataclass
class Following:
    """One Build that exists, being watched to its end."""

    cluster: Cluster
    build: dict[str, Any]
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    @property
    def name(self) -> str:
        """The Build's name."""
        return str(self.build["metadata"]["name"])

    def to_the_end(self, patience: Patience) -> End:
        """Watch the Build; one that cannot start or takes too long is cancelled."""
        verdict = watch(self._look, patience, self.clock, self.sleep)
        if verdict.state == COMPLETE:
            return End(COMPLETE, verdict.reason, "", self.build, self.cluster.log_of(self.name))
        if verdict.state == FAILED:
            self._hear_last_words()
            log = self.cluster.log_of(self.name)
            return End(FAILED, verdict.reason, describe_failure(self.build, verdict, log), self.build, log)
        self._cancel()
        if verdict.state == HOPELESS:
            return End(HOPELESS, verdict.reason, describe_stuck(self.build, verdict), self.build)
        log = self.cluster.log_of(self.name, 1.0) if verdict.state == RUNNING else ""
        doing = "still ran" if verdict.state == RUNNING else "had not started (%s)" % (verdict.message.rstrip(".") or verdict.reason)
        sentence = "The Build %s %s after %d seconds and was cancelled. Allow it more time, and run it again." % (
            self.name,
            doing,
            patience.timeout,
        )
        return End(TIMEOUT, verdict.reason, sentence, self.build, log)

    def _look(self) -> Verdict:
        build = self._read()
        phase = (build.get("status") or {}).get("phase")
        if phase == "Running":
            self.cluster.follow(self.name)
        pod = self.cluster.pod_of(build) if phase == "Pending" else None
        return diagnose(build, pod, self.cluster.events_of(pod) if pod else ())

    def _read(self) -> dict[str, Any]:
        build = self.cluster.get("Build", self.name)
        if build is None or build["metadata"].get("uid") != self.build["metadata"].get("uid"):
            raise ClusterError("The Build %s was deleted by somebody else while it was waited for. Run it again." % self.name, status=404)
        self.build = build
        return build

    def _hear_last_words(self) -> None:
        """The end of the log comes into the status a moment after the phase."""
        patience = self.clock() + _LAST_WORDS_SECONDS
        while self.clock() < patience:
            status = self.build.get("status") or {}
            if status.get("logSnippet") or status.get("phase") in ("Error", "Cancelled"):
                return
            self.sleep(1.0)
            self._read()

    def _cancel(self) -> None:
        self.cluster.cancel(self.name)
        patience = self.clock() + _CANCEL_SECONDS
        while not is_over(self._read()) and self.clock() < patience:
            self.sleep(1.0)
