# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster as a run of a Job needs it, through kubernetes.core's client and the API server's own types."""

from __future__ import annotations

import json
import time
from typing import Any, Callable

from .._rights import explained
from .follower import CONNECTION_ERRORS, KEPT_LINES, Follower
from .watching import ClusterError

try:
    from kubernetes.client import BatchV1Api, CoreV1Api
    from kubernetes.client.exceptions import ApiException
except ImportError:  # the door tells which library is missing before anything here is used
    ApiException = Exception

# Not the name that deploys: what a pause sets is no part of what was declared.
FIELD_MANAGER = "bandr.postgres.jobs"
_REQUEST_SECONDS = 30
_SILENT_LOG_SECONDS = 300
_DELETION_SECONDS = 90.0
_FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_TROUBLE = 403, 404, 429, 500


class KubernetesJobs:
    """The Jobs and CronJobs of one namespace."""

    def __init__(self, api_client: Any, namespace: str, check_mode: bool = False, say: Callable[[str], None] | None = None) -> None:
        self._client = api_client
        self._batch = BatchV1Api(api_client)
        self._core = CoreV1Api(api_client)
        self._namespace = namespace
        self._check_mode = check_mode
        self._say = say
        self._followers: dict[tuple[str, str], Follower] = {}
        self.warnings: list[str] = []

    def read_job(self, name: str) -> dict[str, Any] | None:
        """The Job, or None."""
        try:
            return self._ask("read the Job %s" % name, self._batch.read_namespaced_job, name, self._namespace)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def create_job(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Create the Job; in check mode the API server is only asked whether it could be."""
        name = definition["metadata"].get("name") or definition["metadata"]["generateName"]
        return self._ask("create the Job %s" % name, self._batch.create_namespaced_job, self._namespace, definition, **self._writing())

    def delete_job(self, job: dict[str, Any]) -> None:
        """Delete exactly this Job with its pods, and wait until it is gone."""
        name, identity = job["metadata"]["name"], job["metadata"]["uid"]
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": identity}}
        try:
            self._ask("delete the Job %s" % name, self._batch.delete_namespaced_job, name, self._namespace, body=body)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return
            raise
        patience = time.monotonic() + _DELETION_SECONDS
        while time.monotonic() < patience:
            found = self.read_job(name)
            if found is None or found["metadata"]["uid"] != identity:
                return
            time.sleep(0.5)
        raise ClusterError("The Job %s was deleted, but its pods do not go away; look at them with kubectl get pods." % name)

    def list_jobs(self, selector: str) -> list[dict[str, Any]]:
        """The Jobs that a selector names."""
        return self._ask("list Jobs", self._batch.list_namespaced_job, self._namespace, label_selector=selector)["items"]

    def list_cronjobs(self, selector: str) -> list[dict[str, Any]]:
        """The CronJobs that a selector names."""
        return self._ask("list CronJobs", self._batch.list_namespaced_cron_job, self._namespace, label_selector=selector)["items"]

    def patch_cronjob(self, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Patch one CronJob; in check mode the API server is only asked whether it could be."""
        return self._ask(
            "change the CronJob %s" % name, self._batch.patch_namespaced_cron_job, name, self._namespace, patch, **self._writing()
        )

    def pods_of(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        """The Job's pods."""
        labels = job.get("spec", {}).get("selector", {}).get("matchLabels") or {}
        selector = ",".join("%s=%s" % item for item in sorted(labels.items()))
        if not selector:
            return []
        return self._ask("list the Job's pods", self._core.list_namespaced_pod, self._namespace, label_selector=selector)["items"]

    def events_of(self, job: dict[str, Any], pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Events of the Job and of its pods; none where reading them is not allowed."""
        events: list[dict[str, Any]] = []
        for thing in [job, *pods]:
            selector = "involvedObject.uid=%s" % thing["metadata"]["uid"]
            try:
                events += self._ask("list events", self._core.list_namespaced_event, self._namespace, field_selector=selector)["items"]
            except ClusterError as error:
                if error.passing:
                    raise
        return events

    def follow(self, pod: str, container: str) -> None:
        """Begin to collect the log of a container; more than once does no harm."""
        if (pod, container) not in self._followers:
            follower = Follower(lambda **options: self._open_log(pod, container, **options), self._say)
            self._followers[(pod, container)] = follower
            follower.start()

    def log_of(self, pod: str, container: str, finished: bool) -> str:
        """What the container has said: all of it while the pod exists, else as far as it could be followed."""
        follower = self._followers.get((pod, container))
        followed = follower.text(wait_seconds=5.0 if finished else 0.0) if follower else ""
        try:
            return str(self._open_log(pod, container, tail_lines=KEPT_LINES).data.decode("utf-8", "replace"))
        except ClusterError as error:
            # The pod is gone, as after a deadline, or never began.
            if error.status == _FORBIDDEN:
                self.warnings.append(str(error))
            return followed

    def _writing(self) -> dict[str, Any]:
        return dict({"dry_run": "All"} if self._check_mode else {}, field_manager=FIELD_MANAGER)

    def _open_log(self, pod: str, container: str, **options: Any) -> Any:
        # A followed log may be silent for long; then it is opened anew.
        timeout = (_REQUEST_SECONDS, _SILENT_LOG_SECONDS) if options.get("follow") else _REQUEST_SECONDS
        return self._call(
            "read the log of %s" % pod,
            self._core.read_namespaced_pod_log,
            pod,
            self._namespace,
            container=container,
            _preload_content=False,
            _request_timeout=timeout,
            **options,
        )

    def _ask(self, what: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        answer = self._call(what, function, *arguments, _request_timeout=_REQUEST_SECONDS, **options)
        return self._client.sanitize_for_serialization(answer)

    def _call(self, what: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except CONNECTION_ERRORS as error:
            raise ClusterError("The API server does not answer (to %s): %s." % (what, error), passing=True) from error
        except ApiException as error:
            status = error.status or 0
            passing = status >= _SERVER_TROUBLE or status in (0, _TOO_MANY)
            reason = _api_message(error)
            refused = "The cluster refuses to %s in namespace %s: %s." % (what, self._namespace, reason)
            raise ClusterError(explained(status, reason) or refused, status, passing) from error


def _api_message(error: Any) -> str:
    try:
        message = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        message = error.reason or str(error)
    return str(message).strip().rstrip(".")
