# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of Kubernetes objects brought to a declared state: applied, compared, and what is left over deleted.

Knows nothing of HTTP: a :class:`Cluster` does the work, so that tests can put another in its place.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

try:
    import yaml
except ImportError:  # the Kubernetes client needs it as well, and says so
    yaml = None  # type: ignore[assignment]

_SERVERS_OWN = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


class ClusterError(Exception):
    """What the API server refused, in its words."""


class Cluster(Protocol):
    """The four things that are asked of an API server; each raises ClusterError."""

    def list(self, kind: str, api_version: str, namespace: str, selector: str) -> list[dict]:
        """The objects of one kind that carry the selector's labels."""

    def get(self, definition: dict) -> dict | None:
        """The object that ``definition`` names, or None."""

    def apply(self, definition: dict) -> dict:
        """Apply ``definition`` on the server's side and return what the object is then."""

    def delete(self, definition: dict) -> None:
        """Delete an object in the background; one that is gone already is no error."""


@dataclass(frozen=True)
class Change:
    """What happened, or would happen, to one object."""

    state: str
    kind: str
    name: str
    before: dict | None = None
    after: dict | None = None
    error: str = ""

    @property
    def title(self) -> str:
        """Kind and name, as diffs and errors call the object."""
        return "%s/%s" % (self.kind, self.name)

    def diff(self) -> dict:
        """Before and after as text, in the shape that Ansible prints; a Secret's values stay hidden."""
        before, after = hide_secrets(self.before, self.after)
        return {
            "before_header": self.title,
            "after_header": self.title,
            "before": _text(before),
            "after": _text(after),
        }


@dataclass(frozen=True)
class Selection:
    """The objects that belong to the caller: what carries these labels and is not declared is left over."""

    namespace: str
    selector: str
    kinds: tuple[tuple[str, str], ...]


def bring_about(cluster: Cluster, definitions: Iterable[dict], owned: Selection | None) -> list[Change]:
    """Apply all ``definitions``, then delete what ``owned`` finds besides them; deletes nothing after an error."""
    declared = list(definitions)
    held: dict[tuple[str, str, str], dict] = {}
    if owned:
        for kind, api_version in owned.kinds:
            for found in cluster.list(kind, api_version, owned.namespace, owned.selector):
                held[(kind, owned.namespace, found["metadata"]["name"])] = dict(found, kind=kind, apiVersion=api_version)
    changes = [_apply(cluster, definition, held.pop(_key(definition), None)) for definition in declared]
    if any(change.error for change in changes):
        return changes
    return changes + [_delete(cluster, found) for found in held.values()]


def _key(definition: dict) -> tuple[str, str, str]:
    return definition["kind"], definition["metadata"].get("namespace", ""), definition["metadata"]["name"]


def _apply(cluster: Cluster, definition: dict, before: dict | None) -> Change:
    kind, _namespace, name = _key(definition)
    try:
        before = before or cluster.get(definition)
        after = cluster.apply(definition)
    except ClusterError as error:
        return Change("failed", kind, name, error=str(error))
    before, after = declared_part(before), declared_part(after)
    state = "created" if before is None else "unchanged" if before == after else "changed"
    return Change(state, kind, name, before, after)


def _delete(cluster: Cluster, found: dict) -> Change:
    kind, _namespace, name = _key(found)
    try:
        cluster.delete(found)
    except ClusterError as error:
        return Change("failed", kind, name, error=str(error))
    return Change("deleted", kind, name, declared_part(found), None)


def declared_part(found: dict | None) -> dict | None:
    """An object without its status and what the server keeps about it."""
    if found is None:
        return None
    kept = {key: copy.deepcopy(value) for key, value in found.items() if key != "status"}
    metadata = kept.get("metadata", {})
    for key in _SERVERS_OWN:
        metadata.pop(key, None)
    for key in ("labels", "annotations"):
        if not metadata.get(key):
            metadata.pop(key, None)
    return kept


def hide_secrets(before: dict | None, after: dict | None) -> tuple[dict | None, dict | None]:
    """Both sides with a Secret's values replaced by words that still tell whether they differ."""
    if (before or after or {}).get("kind") != "Secret":
        return before, after
    old = (before or {}).get("data") or {}

    def hidden(side: dict | None, differs: str) -> dict | None:
        if side is None:
            return None
        data = {key: "(hidden)" if old.get(key) == value else differs for key, value in (side.get("data") or {}).items()}
        return dict(side, data=data)

    return hidden(before, "(hidden)"), hidden(after, "(hidden, new)")


def with_secret_data(definitions: Iterable[dict], secrets: dict | None) -> list[dict]:
    """The definitions with each Secret's values put in by its name, in base64."""
    return [_filled(definition, (secrets or {}).get(definition["metadata"]["name"])) for definition in definitions]


def _filled(definition: dict, values: dict | None) -> dict:
    if definition["kind"] != "Secret" or not values:
        return definition
    data = {key: base64.b64encode(str(value).encode("utf-8")).decode("ascii") for key, value in values.items()}
    return dict(definition, data=dict(definition.get("data") or {}, **data))


def _text(side: dict | None) -> str:
    return "" if side is None else yaml.safe_dump(side, default_flow_style=False)
