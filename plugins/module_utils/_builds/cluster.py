# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenShift's API as a build needs it, through the dynamic client of the package openshift."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Sequence
from typing import Any, Callable

from .._jobs.follower import CONNECTION_ERRORS
from .._jobs.watching import ClusterError
from .._owned import FIELD_MANAGER
from .._rights import explained
from .log import BuildLog
from .manifests import BUILD_API, IMAGE_API

try:
    from kubernetes.dynamic.exceptions import ResourceNotFoundError
    from openshift.dynamic import DynamicClient

    OPENSHIFT_MISSING = None
except ImportError:  # the door tells which library is missing before anything here is used
    ResourceNotFoundError = LookupError
    OPENSHIFT_MISSING = traceback.format_exc()

APIS = {
    "Build": BUILD_API,
    "BuildConfig": BUILD_API,
    "ImageStream": IMAGE_API,
    "ImageStreamTag": IMAGE_API,
    "ConfigMap": "v1",
    "Event": "v1",
    "Pod": "v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "CronJob": "batch/v1",
    "Job": "batch/v1",
}
_REQUEST_SECONDS = 30
# A log may be silent while a package is downloaded; then it is opened anew.
_SILENT_LOG_SECONDS = 120
_NOT_FOUND, _TOO_MANY, _SERVER_TROUBLE = 404, 429, 500


class OpenShiftBuilds:
    """The builds of one namespace; in check mode the API server only tries."""

    def __init__(self, api_client: Any, namespace: str, check_mode: bool = False, say: Callable[[str], None] | None = None) -> None:
        self._client = DynamicClient(api_client)
        self._namespace = namespace
        self._check_mode = check_mode
        self._say = say
        self._logs: dict[str, BuildLog] = {}

    def serves_builds(self) -> bool:
        """Whether this cluster has OpenShift's build API; its own discovery says so."""
        try:
            self._client.resources.get(kind="Build", api_version=BUILD_API)
        except ResourceNotFoundError:
            return False
        except CONNECTION_ERRORS as error:
            raise ClusterError("The API server does not answer (to name its APIs): %s." % error, passing=True) from error
        return True

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """The object, or None."""
        try:
            return self._ask("read %s/%s" % (kind, name), self._resource(kind).get, name=name, namespace=namespace or self._namespace)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def list(self, kind: str, selector: str | None = None, namespace: str | None = None) -> list[dict[str, Any]]:
        """The objects of one kind that carry the selector's labels, or all of them."""
        answer = self._ask("list the %ss" % kind, self._resource(kind).get, namespace=namespace or self._namespace, label_selector=selector)
        return [dict(item, kind=kind) for item in answer.get("items") or []]

    def apply(self, definition: dict[str, Any]) -> dict[str, Any]:
        """Apply ``definition`` on the server's side and return what the object is then."""
        kind, name = definition["kind"], definition["metadata"]["name"]
        return self._ask(
            "apply %s/%s" % (kind, name),
            self._resource(kind).server_side_apply,
            body=definition,
            name=name,
            namespace=self._namespace,
            field_manager=FIELD_MANAGER,
            force_conflicts=True,
            dry_run="All" if self._check_mode else None,
        )

    def delete(self, kind: str, name: str) -> None:
        """Delete an object; one that is gone already is no error."""
        try:
            self._ask("delete %s/%s" % (kind, name), self._resource(kind).delete, name=name, namespace=self._namespace)
        except ClusterError as error:
            if error.status != _NOT_FOUND:
                raise

    def cancel(self, name: str) -> None:
        """Ask for the end of a Build."""
        self._ask(
            "cancel the Build %s" % name,
            self._resource("Build").patch,
            body={"status": {"cancelled": True}},
            name=name,
            namespace=self._namespace,
            content_type="application/merge-patch+json",
        )

    def can_delete(self, kind: str) -> bool:
        """Whether the API has such a request at all; a stand-in for OpenShift may not."""
        return "delete" in (self._resource(kind).verbs or ())

    def pod_of(self, build: dict[str, Any]) -> dict[str, Any] | None:
        """The pod of a Build, or None; also where pods may not be read."""
        try:
            return self.get("Pod", build["metadata"]["name"] + "-build")
        except ClusterError as error:
            if error.passing:
                raise
            return None

    def events_of(self, thing: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """Events of an object; none where they may not be read."""
        selector = "involvedObject.uid=%s" % thing["metadata"]["uid"]
        try:
            answer = self._ask("list events", self._resource("Event").get, namespace=self._namespace, field_selector=selector)
        except ClusterError as error:
            if error.passing:
                raise
            return []
        return list(answer.get("items") or [])

    def images_in_use(self, namespaces: Iterable[str]) -> frozenset[str]:
        """The images that CronJobs and Jobs of these namespaces run; raises ClusterError where that cannot be seen."""
        images: set[str] = set()
        for namespace in namespaces:
            specs = [one["spec"]["jobTemplate"]["spec"] for one in self.list("CronJob", namespace=namespace)]
            specs += [one["spec"] for one in self.list("Job", namespace=namespace)]
            for spec in specs:
                pod = spec["template"]["spec"]
                images.update(container["image"] for container in [*pod["containers"], *(pod.get("initContainers") or [])])
        return frozenset(images)

    def follow(self, name: str) -> None:
        """Begin to collect the log of a Build; more than once does no harm."""
        if name not in self._logs:
            self._logs[name] = BuildLog(lambda: self._open_log(name, follow=True), self._say)
            self._logs[name].start()

    def log_of(self, name: str, wait_seconds: float = 10.0) -> str:
        """What the Build has said; empty where there is no log (any more)."""
        followed = self._logs[name].text(wait_seconds) if name in self._logs else ""
        if followed:
            return followed
        try:
            return str(self._open_log(name).data.decode("utf-8", "replace"))
        except ClusterError:
            return ""

    def _open_log(self, name: str, follow: bool = False) -> Any:
        # Without nowait the server would wait for a Build that has not begun.
        query = [("follow", "true")] if follow else [("nowait", "true")]
        return self._call(
            "read the log of the Build %s" % name,
            self._resource("Build").subresources["log"].get,
            name=name,
            namespace=self._namespace,
            query_params=query,
            serialize=False,
            _request_timeout=(_REQUEST_SECONDS, _SILENT_LOG_SECONDS if follow else _REQUEST_SECONDS),
        )

    def _resource(self, kind: str) -> Any:
        try:
            return self._client.resources.get(kind=kind, api_version=APIS[kind])
        except ResourceNotFoundError as error:
            raise ClusterError("The cluster does not serve %s of %s." % (kind, APIS[kind]), _NOT_FOUND) from error
        except CONNECTION_ERRORS as error:
            raise ClusterError("The API server does not answer (to name its APIs): %s." % error, passing=True) from error

    def _ask(self, what: str, function: Callable[..., Any], **parameters: Any) -> dict[str, Any]:
        given = {key: value for key, value in parameters.items() if value is not None}
        answer = self._call(what, function, serialize=False, _request_timeout=_REQUEST_SECONDS, **given)
        return dict(json.loads(answer.data))

    def _call(self, what: str, function: Callable[..., Any], **parameters: Any) -> Any:
        try:
            return function(**parameters)
        except CONNECTION_ERRORS as error:
            raise ClusterError("The API server does not answer (to %s): %s." % (what, error), passing=True) from error
        except Exception as error:  # the client has a class for each HTTP status
            if not hasattr(error, "status"):
                raise
            status = error.status or 0
            passing = status >= _SERVER_TROUBLE or status in (0, _TOO_MANY)
            where = parameters.get("namespace", self._namespace)
            reason = _reason(error)
            refused = "The cluster refuses to %s in namespace %s: %s." % (what, where, reason)
            raise ClusterError(explained(status, reason) or refused, status, passing) from error


def _reason(error: Any) -> str:
    try:
        message = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):
        message = getattr(error, "reason", None) or error
    return str(message).strip().rstrip(".")
