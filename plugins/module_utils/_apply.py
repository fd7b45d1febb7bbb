# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of Kubernetes objects brought to a declared state: applied, compared, and what is left over deleted.

Knows nothing of HTTP: a :class:`Cluster` does the work, so that tests can put another in its place.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from ._owned import declared_values, is_as_declared

try:
    import yaml
except ImportError:  # the Kubernetes client needs it as well, and says so
    pass

_COPY = "kubectl.kubernetes.io/last-applied-configuration"
_SERVERS_OWN = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


class ClusterError(Exception):
    """What the API server refused, in its words."""


class UnknownKind(ClusterError):
    """The cluster has no objects of a kind, because nobody taught it that kind."""


class Forbidden(ClusterError):
    """We have no right to what was asked."""


class Cluster(Protocol):
    """What is asked of an API server; each question raises ClusterError, and several may be asked at the same time."""

    manager: str
    """The name under which fields are owned."""

    def list(self, kind: str, api_version: str, namespace: str, selector: str) -> list[dict]:
        """The objects of one kind that carry the selector's labels, each with its kind and version."""

    def names(self, kind: str, api_version: str, namespace: str) -> set[str]:
        """The names of all objects of one kind, whoever made them."""

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
class ObjectSet:
    """Objects that belong together, such as all of one server.

    ``selector`` finds in ``namespace`` the objects of this set and of its neighbours; ``labels`` tells those of this set from theirs.
    What is found so, is of one of ``kinds`` and is not declared is left over.
    """

    name: str
    definitions: Sequence[dict] = ()
    namespace: str = ""
    selector: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    kinds: tuple[tuple[str, str], ...] = ()
    optional: tuple[tuple[str, str], ...] = ()
    """Those of ``kinds`` that we may have no right to see: then none of them can be ours."""

    def holds(self, found: dict) -> bool:
        """Whether an object that the selector found is one of this set."""
        labels = found["metadata"].get("labels") or {}
        return all(labels.get(name) == value for name, value in self.labels.items())

    def kinds_to_list(self) -> list[tuple[str, str]]:
        """The kinds that are declared or owned where the selector looks."""
        declared = [(one["kind"], one["apiVersion"]) for one in self.definitions if _namespace(one) == self.namespace]
        return list(dict.fromkeys([*declared, *self.kinds])) if self.selector else []


@dataclass(frozen=True)
class Outcome:
    """What became of each set by its name, and what the selectors found that is of no set."""

    changes: dict[str, list[Change]]
    others: list[dict]


_Place = tuple  # of namespace and selector: where sets are looked for together


class _Held:
    """What the cluster holds already: each place is listed once for each kind, however many sets are there."""

    def __init__(self, cluster: Cluster, sets: Sequence[ObjectSet]) -> None:
        self._cluster = cluster
        self.found: dict[_Place, dict[tuple[str, str, str], dict]] = {}
        self.problems: dict[_Place, str] = {}
        places: dict[_Place, list[ObjectSet]] = {}
        for one in sets:
            places.setdefault((one.namespace, one.selector), []).append(one)
        for place, neighbours in places.items():
            self.found[place] = {}
            try:
                self._list(place, neighbours)
                self._find_bare(place, neighbours)
            except ClusterError as error:
                self.problems[place] = str(error)
        self.others = [found for place, neighbours in places.items() for found in self._others(place, neighbours)]

    def _others(self, place: _Place, neighbours: list[ObjectSet]) -> list[dict]:
        """What is of no set; an object with a declared name is about to be one's, whatever labels it has now."""
        kinds = {kind for one in neighbours for kind in one.kinds}
        declared = {_key(definition) for one in neighbours for definition in one.definitions}
        return [
            found
            for key, found in self.found[place].items()
            if key not in declared and (found["kind"], found["apiVersion"]) in kinds and not any(one.holds(found) for one in neighbours)
        ]

    def _list(self, place: _Place, neighbours: list[ObjectSet]) -> None:
        declared = {definition["kind"] for one in neighbours for definition in one.definitions}
        for kind, api_version in dict.fromkeys(kind for one in neighbours for kind in one.kinds_to_list()):
            try:
                found = self._cluster.list(kind, api_version, *place)
            except UnknownKind:
                if kind in declared:
                    raise
                continue
            except Forbidden:
                owners = [one for one in neighbours if (kind, api_version) in one.kinds]
                if kind in declared or not all((kind, api_version) in one.optional for one in owners):
                    raise
                continue
            self.found[place].update({_key(one): one for one in found})

    def _find_bare(self, place: _Place, neighbours: list[ObjectSet]) -> None:
        """Find objects that have a declared name and none of our labels: somebody else's, or ours that lost them."""
        missing: dict[tuple[str, str, str], list[dict]] = {}
        for definition in (definition for one in neighbours for definition in one.definitions):
            if _key(definition) not in self.found[place]:
                missing.setdefault((definition["kind"], definition["apiVersion"], _namespace(definition)), []).append(definition)
        for kind, definitions in missing.items():
            # To ask for each of hundreds would take as long as to make them.
            names = self._cluster.names(*kind) if len(definitions) > 1 else None
            for definition in definitions:
                found = self._cluster.get(definition) if names is None or definition["metadata"]["name"] in names else None
                if found is not None:
                    self.found[place][_key(definition)] = dict(found, kind=kind[0], apiVersion=kind[1])


def bring_about(cluster: Cluster, sets: Sequence[ObjectSet], look_again: bool = True, workers: int = 4) -> Outcome:
    """Bring every set about, each for itself: apply what is not as declared, then delete what is left over of it.

    After an error in a set nothing of that set is deleted. ``look_again`` reads back what was applied, because another controller
    may have undone it.
    """
    held = _Held(cluster, sets)

    def one_set(one: ObjectSet) -> list[Change]:
        place = (one.namespace, one.selector)
        if place in held.problems:
            return [Change("failed", "", one.name, error=held.problems[place])]
        return _bring_about(cluster, one, held.found[place])

    if len(sets) > 1:
        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(one_set, sets))
    else:
        results = [one_set(one) for one in sets]
    changes = {one.name: result for one, result in zip(sets, results)}
    if look_again:
        _look_again(cluster, sets, changes)
    return Outcome(changes, held.others)


def _bring_about(cluster: Cluster, one: ObjectSet, found: dict[tuple[str, str, str], dict]) -> list[Change]:
    changes = [_apply(cluster, definition, found.get(_key(definition))) for definition in one.definitions]
    if any(change.error for change in changes):
        return changes
    declared = {_key(definition) for definition in one.definitions}
    left_over = [
        held for key, held in found.items() if key not in declared and (held["kind"], held["apiVersion"]) in one.kinds and one.holds(held)
    ]
    return changes + [_delete(cluster, held) for held in left_over]


def _look_again(cluster: Cluster, sets: Sequence[ObjectSet], changes: dict[str, list[Change]]) -> None:
    """Turn changes that did not last into failures."""
    lists: dict[tuple[str, str, str, str], dict[str, dict]] = {}
    for one in sets:
        for index, (definition, change) in enumerate(zip(one.definitions, changes[one.name])):
            if change.state not in ("created", "changed") or _namespace(definition) != one.namespace or not one.selector:
                continue
            asked = (definition["kind"], definition["apiVersion"], one.namespace, one.selector)
            try:
                if asked not in lists:
                    lists[asked] = {found["metadata"]["name"]: found for found in cluster.list(*asked)}
            except ClusterError as error:
                changes[one.name][index] = replace(change, state="failed", error=str(error))
                continue
            now = declared_part(lists[asked].get(change.name))
            if declared_values(definition, now) != declared_values(definition, change.after):
                undone = "%s was applied, and the cluster holds something else: does another controller manage it?" % change.title
                changes[one.name][index] = replace(change, state="failed", error=undone)


def _namespace(definition: dict) -> str:
    return definition["metadata"].get("namespace", "")


def _key(definition: dict) -> tuple[str, str, str]:
    return definition["kind"], _namespace(definition), definition["metadata"]["name"]


def _apply(cluster: Cluster, definition: dict, before: dict | None) -> Change:
    kind, _its_namespace, name = _key(definition)
    if before is not None and is_as_declared(definition, before, cluster.manager):
        return Change("unchanged", kind, name)
    try:
        applied = cluster.apply(definition)
    except ClusterError as error:
        return Change("failed", kind, name, error=str(error))
    before, after = declared_part(before), declared_part(applied)
    state = "created" if before is None else "unchanged" if before == after else "changed"
    return Change(state, kind, name, before, after)


def _delete(cluster: Cluster, found: dict) -> Change:
    kind, _its_namespace, name = _key(found)
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
        return dict(side, data=data, metadata=_without_copy(side["metadata"]))

    return hidden(before, "(hidden)"), hidden(after, "(hidden, new)")


def without_values(found: dict) -> dict:
    """An object as it may be shown: without who owns its fields, and without the values of a Secret."""
    shown = dict(found, metadata={key: value for key, value in found["metadata"].items() if key != "managedFields"})
    if shown.get("kind") == "Secret":
        shown["data"] = dict.fromkeys(found.get("data") or {}, "(hidden)")
        shown["metadata"] = _without_copy(shown["metadata"])
    return shown


def _without_copy(metadata: dict) -> dict:
    """The metadata without the copy of the whole object, values and all, that kubectl apply keeps in an annotation."""
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != _COPY}
    kept = {key: value for key, value in metadata.items() if key != "annotations"}
    return dict(kept, annotations=annotations) if annotations else kept


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
