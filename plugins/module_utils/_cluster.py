# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server, through the client of kubernetes.core, so that authentication is the same everywhere."""

from __future__ import annotations

import json
import threading
from typing import Any

from ._apply import ClusterError, Forbidden, UnknownKind
from ._owned import FIELD_MANAGER
from ._rights import explained

_NOT_FOUND, _FORBIDDEN = 404, 403
_ONLY_NAMES = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class DynamicCluster:
    """Lists, reads, applies and deletes objects; in check mode the server only tries."""

    def __init__(self, client: Any, field_manager: str = FIELD_MANAGER) -> None:
        self._client = client
        self._resources: dict[tuple[str, str], Any] = {}
        self._discovery = threading.Lock()
        self.manager = field_manager
        self.warnings: list[str] = []

    def list(self, kind: str, api_version: str, namespace: str, selector: str) -> list[dict]:
        """The objects of one kind that carry the selector's labels, each with its kind and version."""
        resource = self._resource(kind, api_version)
        answer = self._call("list %s" % kind, resource.get, namespace=namespace or None, label_selector=selector or None) or {}
        # Items of a list carry neither.
        return [dict(found, kind=kind, apiVersion=api_version) for found in answer.get("items") or ()]

    def names(self, kind: str, api_version: str, namespace: str) -> set[str]:
        """The names of all objects of one kind, whoever made them; nothing else of them is sent."""
        resource = self._resource(kind, api_version)
        answer = self._call("list %s" % kind, resource.get, namespace=namespace or None, header_params={"Accept": _ONLY_NAMES}) or {}
        return {found["metadata"]["name"] for found in answer.get("items") or ()}

    def get(self, definition: dict) -> dict | None:
        """The object that ``definition`` names, or None."""
        metadata = definition["metadata"]
        resource = self._resource(definition["kind"], definition["apiVersion"])
        return self._call("read " + _title(definition), resource.get, name=metadata["name"], namespace=metadata.get("namespace"))

    def apply(self, definition: dict) -> dict:
        """Apply ``definition`` as our field manager, which wins where another one set the same field."""
        answer = self._call(
            "apply " + _title(definition),
            self._resource(definition["kind"], definition["apiVersion"]).server_side_apply,
            body=definition,
            name=definition["metadata"]["name"],
            namespace=definition["metadata"].get("namespace"),
            field_manager=self.manager,
            force_conflicts=True,
            **self._dry_run(),
        )
        if answer is None:
            raise ClusterError("The API server could not apply %s: its namespace does not exist." % _title(definition))
        return answer

    def delete(self, definition: dict) -> None:
        """Delete an object, and in the background what belongs to it; one that is gone already is no error."""
        metadata = definition["metadata"]
        resource = self._resource(definition["kind"], definition["apiVersion"])
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if self._client.dry_run:
            # In the body, because the server takes no notice of the query where there is a body.
            body["dryRun"] = ["All"]
        self._call("delete " + _title(definition), resource.delete, name=metadata["name"], namespace=metadata.get("namespace"), body=body)

    def _dry_run(self) -> dict:
        return {"dry_run": "All"} if self._client.dry_run else {}

    def _resource(self, kind: str, api_version: str) -> Any:
        with self._discovery:
            if (kind, api_version) not in self._resources:
                try:
                    self._resources[(kind, api_version)] = self._client.resource(kind, api_version)
                except Exception as error:
                    if type(error).__name__ == "ResourceNotFoundError":
                        raise UnknownKind("The cluster has no %s of %s: %s" % (kind, api_version, error)) from error
                    raise ClusterError("The API server could not find %s of %s: %s" % (kind, api_version, _reason(error))) from error
        return self._resources[(kind, api_version)]

    def _call(self, what: str, function: Any, **parameters: Any) -> Any:
        """The decoded answer, or None for an object that does not exist."""
        try:
            response = function(serialize=False, **{key: value for key, value in parameters.items() if value is not None})
        except Exception as error:  # the client has a class for each HTTP status, and urllib3's besides
            if getattr(error, "status", None) == _NOT_FOUND:
                return None
            refusal = Forbidden if getattr(error, "status", None) == _FORBIDDEN else ClusterError
            reason = _reason(error)
            sentence = explained(getattr(error, "status", None), reason)
            # One of many, so each has its end.
            raise refusal(sentence or "The API server could not %s: %s." % (what, reason.rstrip("."))) from error
        warning = (response.headers or {}).get("warning") if hasattr(response, "headers") else None
        if warning:
            self.warnings.append("%s: %s" % (what, warning))
        return json.loads(response.data)


def _title(definition: dict) -> str:
    return "%s/%s" % (definition["kind"], definition["metadata"]["name"])


def _reason(error: Exception) -> str:
    """The message that the API server sent, or else what the client says."""
    try:
        return str(json.loads(getattr(error, "body", "") or "")["message"])
    except (ValueError, KeyError, TypeError):
        return str(error).strip() or type(error).__name__
