# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects made into a Template of OpenShift: values that others will want to change become its parameters.

The objects are those that a deploy applies, so that nothing is said twice: processed without an answer, the Template is exactly them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# As OpenShift reads references; what follows two braces stands for itself and is no text.
_REFERENCE = re.compile(r"\$\{\{?([A-Za-z0-9_]+)\}?\}")
_TIER_LABEL = "bandr.postgres/tier"
_INSTANCE_LABEL = "app.kubernetes.io/instance"
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"

Holder = Any
Slot = tuple[Holder, Any]
Step = Callable[[Any], Iterator[Slot]]


class TemplateError(ValueError):
    """Objects that cannot be told from references to parameters; the message is a sentence."""


@dataclass(frozen=True)
class Place:
    """Where a value stands in an object, and how it becomes a reference there.

    ``form`` gets the value and the parameter's name and default, and returns the reference, or None where the value is another one.
    """

    steps: tuple[str | Step, ...]
    form: Callable[[Any, str, str], Any]


@dataclass(frozen=True)
class Parameter:
    """One parameter: its default is the value at the first of its places, unless it is given."""

    name: str
    description: str
    places: tuple[Place, ...]


def make_template(objects: Sequence[Mapping[str, Any]], values: Mapping[str, str], head: Mapping[str, Any]) -> dict[str, Any]:
    """A Template of ``objects``; raises TemplateError.

    ``values`` are the defaults that no place tells: ``NAME`` and ``NAMESPACE``.
    ``head`` has ``name``, ``title``, ``description`` and ``message``.
    """
    known = _parameters(objects)
    names = {parameter.name for parameter in known}
    mistaken = sorted(names & {name for one in objects for text in _texts(one) for name in _REFERENCE.findall(text)})
    if mistaken:
        raise TemplateError(
            "A variable of the inventory holds ${%s}, which a Template of OpenShift would replace; write it in another way, "
            "or leave out the Templates with pg_backup_render_templates: false." % mistaken[0]
        )
    made = [_copied(one) for one in objects]
    parameters = []
    for parameter in known:
        default = _put(made, parameter, values.get(parameter.name))
        if default is not None:
            parameters.append(_declared(parameter.name, parameter.description, default))
    return {
        "apiVersion": "template.openshift.io/v1",
        "kind": "Template",
        "metadata": {
            "name": head["name"],
            "annotations": {
                "openshift.io/display-name": head["title"],
                "description": head["description"],
                "tags": "postgresql,backup,recovery",
                "iconClass": "icon-postgresql",
            },
        },
        "message": head["message"],
        "parameters": parameters,
        "objects": made,
    }


def _declared(name: str, description: str, default: str) -> dict[str, Any]:
    # An empty answer is one only where the default is empty.
    required = {"required": True} if default else {}
    return {"name": name, "description": description, **required, "value": default}


def _put(objects: list[dict[str, Any]], parameter: Parameter, default: str | None) -> str | None:
    """Put references to ``parameter`` into ``objects``; its default, or None when it stands nowhere."""
    found = False
    for place in parameter.places:
        for one in objects:
            for holder, key in _slots(one, place.steps):
                value = holder[key]
                if _REFERENCE.search(str(value)):
                    # Another parameter has it already.
                    continue
                if default is None:
                    default = _as_text(value)
                reference = place.form(value, parameter.name, default)
                if reference is not None:
                    holder[key] = reference
                    found = True
    return default if found else None


def _copied(value: Any) -> Any:
    """The same in plain dictionaries and lists."""
    if isinstance(value, Mapping):
        return {key: _copied(entry) for key, entry in value.items()}
    return [_copied(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _as_text(value: Any) -> str:
    """A value as the answer to a parameter is written."""
    return value if isinstance(value, str) else json.dumps(value)


def _slots(value: Any, steps: Sequence[str | Step]) -> Iterator[Slot]:
    """Holder and key of every value that ``steps`` lead to."""
    step, rest = steps[0], steps[1:]
    if callable(step):
        slots = step(value)
    else:
        slots = iter([(value, step)] if isinstance(value, Mapping) and step in value else [])
    for holder, key in slots:
        if rest:
            yield from _slots(holder[key], rest)
        else:
            yield holder, key


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield str(key)
            yield from _texts(entry)
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _texts(entry)
    elif isinstance(value, str):
        yield value


# --- steps


def _each(value: Any) -> Iterator[Slot]:
    """Every item of a list."""
    for number in range(len(value) if isinstance(value, list) else 0):
        yield value, number


def _where(fits: Callable[[Any], bool]) -> Step:
    """The items of a list that fit."""
    return lambda value: ((holder, key) for holder, key in _each(value) if fits(holder[key]))


def _called(name: str) -> Step:
    return _where(lambda item: item.get("name") == name)


def _after(word: str) -> Step:
    """The argument that follows an option."""

    def step(value: Any) -> Iterator[Slot]:
        for holder, key in _each(value):
            if key and holder[key - 1] == word:
                yield holder, key

    return step


def _of_kind(kind: str) -> Step:
    """An object's metadata, if it is of the kind."""

    def step(value: Any) -> Iterator[Slot]:
        if isinstance(value, Mapping) and value.get("kind") == kind:
            yield value, "metadata"

    return step


def _of_tier(tier: str) -> Step:
    """A CronJob's spec, if it is that of the tier."""

    def step(value: Any) -> Iterator[Slot]:
        if isinstance(value, Mapping) and value.get("metadata", {}).get("labels", {}).get(_TIER_LABEL) == tier and "spec" in value:
            yield value, "spec"

    return step


# --- forms


def _text(value: Any, name: str, default: str) -> Any:
    return "${%s}" % name if _as_text(value) == default else None


def _no_text(value: Any, name: str, default: str) -> Any:
    # A number or a list; OpenShift takes the quotes away.
    return "${{%s}}" % name if _as_text(value) == default else None


def _beginning(value: Any, name: str, default: str) -> Any:
    """The first part of an object's name."""
    return "${%s}%s" % (name, value[len(default) :]) if value.startswith(default + "-") else None


def _of_ours(value: Any, name: str, default: str) -> Any:
    """The name that our own objects have, which others are not obliged to follow."""
    return "${%s}-backup" % name if value == default + "-backup" else None


def _network_of_one(value: Any, name: str, default: str) -> Any:
    """An address with the length of its network."""
    address, slash, length = str(value).partition("/")
    return "${%s}/%s" % (name, length) if slash and address == default else None


# --- the parameters

_POD = (("spec", "jobTemplate", "spec", "template"), ("spec", "template"))
_CONTAINER = ("spec", "containers", _each)
# The predecessor's variables, which the image still reads.
_OF_RECOVERY = (
    ("FROM_BACKUP", "What to restore: latest, a time, a file name, or none, which lists what there is and changes nothing."),
    ("DATABASE", "One database to restore; empty restores all."),
    ("LATEST_BACKUP_MAXIMUM_AGE_H", "With latest, refuse a backup that is older than so many hours; 0 takes any."),
    ("DATABASE_EXPECTED_COUNT", "How many databases there must be, counting postgres, template0 and template1; empty takes any number."),
    ("DO_NOT_STOP_ON_ERROR", "Any text restores what can be restored and goes on after errors; the Job fails all the same."),
)


def _everywhere(form: Callable[[Any, str, str], Any], *paths: tuple[str | Step, ...]) -> tuple[Place, ...]:
    return tuple(Place(path, form) for path in paths)


def _in_pods(form: Callable[[Any, str, str], Any], *paths: tuple[str | Step, ...]) -> tuple[Place, ...]:
    return tuple(Place(pod + path, form) for path in paths for pod in _POD)


def _environment(*names: str) -> tuple[Place, ...]:
    return _in_pods(_text, *((*_CONTAINER, "env", _called(name), "value") for name in names))


def _reference(variable: str, key: str) -> tuple[str | Step, ...]:
    return (*_CONTAINER, "env", _called(variable), "valueFrom", "secretKeyRef", key)


def _ways_to(port: str) -> tuple[str | Step, ...]:
    """The rules of a NetworkPolicy that open the server's port."""
    return ("spec", "egress", _where(lambda rule: any(str(one.get("port")) == port for one in rule.get("ports") or ())))


def _parameters(objects: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    port = next((str(holder[key]) for one in objects for place in _environment("PGPORT") for holder, key in _slots(one, place.steps)), "")
    labels = ("metadata", "labels", _INSTANCE_LABEL)
    return (
        Parameter("NAMESPACE", "The project.", _everywhere(_text, ("metadata", "namespace"))),
        Parameter(
            "BACKUP_VOLUME_NAME",
            "The volume claim of the backups.",
            _everywhere(_text, (_of_kind("PersistentVolumeClaim"), "name"))
            + _in_pods(_text, ("spec", "volumes", _called("backup"), "persistentVolumeClaim", "claimName")),
        ),
        Parameter(
            "NAME",
            "The first part of the names of the objects, and their label %s." % _INSTANCE_LABEL,
            _everywhere(_beginning, ("metadata", "name"))
            + _everywhere(_text, labels, ("spec", "podSelector", "matchLabels", _INSTANCE_LABEL), ("spec", "jobTemplate", *labels))
            + _in_pods(_text, labels)
            + _in_pods(_of_ours, ("spec", "serviceAccountName")),
        ),
        *(Parameter(name, description, _environment(name)) for name, description in _OF_RECOVERY),
        Parameter(
            "ARGUMENTS",
            'The command, as JSON; ["recover", "--replace"] restores in the place of databases that exist.',
            _everywhere(_no_text, ("spec", "template", *_CONTAINER, "args")),
        ),
        Parameter("BACKUP_IMAGE", "The image, best by its digest.", _in_pods(_text, (*_CONTAINER, "image"))),
        Parameter("PG_HOST", "The server's address, as a pod sees it.", _environment("PGHOST") + _network(port)),
        # Before the port, by which its rule is known.
        Parameter(
            "PG_NAMESPACE",
            "The project of the server's Service, which the NetworkPolicy opens.",
            _everywhere(_text, (*_ways_to(port), "to", _each, "namespaceSelector", "matchLabels", _NAMESPACE_LABEL)),
        ),
        Parameter(
            "PG_PORT",
            "The server's port.",
            _environment("PGPORT") + _everywhere(_no_text, (*_ways_to(port), "ports", _each, "port")),
        ),
        Parameter("PG_USER", "The superuser.", _environment("PGUSER")),
        Parameter(
            "PG_SECRET",
            "The Secret that holds the superuser's password; it exists.",
            _in_pods(_text, _reference("PGPASSWORD", "name"), _reference("PGUSER", "name")),
        ),
        Parameter("PG_SECRET_KEY", "The key of the password in it.", _in_pods(_text, _reference("PGPASSWORD", "key"))),
        Parameter("BACKUP_VOLUME_SIZE", "The size of the volume.", _everywhere(_text, ("spec", "resources", "requests", "storage"))),
        Parameter("BACKUP_VOLUME_ACCESS_MODE", "Its access mode.", _everywhere(_text, ("spec", "accessModes", _each))),
        Parameter("STORAGE_CLASS", "Its storage class.", _everywhere(_text, ("spec", "storageClassName"))),
        *(parameter for one in objects for parameter in _of_cronjob(one, objects)),
    )


def _network(port: str) -> tuple[Place, ...]:
    return _everywhere(_network_of_one, (*_ways_to(port), "to", _each, "ipBlock", "cidr"))


def _of_cronjob(cronjob: Mapping[str, Any], objects: Sequence[Mapping[str, Any]]) -> Iterator[Parameter]:
    """Schedule and counts of one tier; a tier that waits for as many as the tier before it keeps shares that count."""
    tier = cronjob.get("metadata", {}).get("labels", {}).get(_TIER_LABEL)
    if cronjob.get("kind") != "CronJob" or not tier:
        return
    arguments = ("jobTemplate", "spec", "template", *_CONTAINER, "args")
    waits = tuple(Place((_of_tier(later), *arguments, _after("--prior-count")), _text) for later in _tiers_after(tier, objects))
    word = tier.upper()
    yield Parameter(
        word + "_SCHEDULE",
        "When the %s tier runs. A run is ended after %d seconds, so leave a little more between two." % (tier, _deadline(cronjob)),
        (Place((_of_tier(tier), "schedule"), _text),),
    )
    yield Parameter(
        word + "_COUNT",
        "How many backups the %s tier keeps." % tier,
        (Place((_of_tier(tier), *arguments, _after("--count")), _text), *waits),
    )
    yield Parameter(
        word + "_PRIOR_COUNT",
        "How many backups the tier before it must hold before one is promoted to the %s tier; no more than that tier keeps." % tier,
        (Place((_of_tier(tier), *arguments, _after("--prior-count")), _text),),
    )


def _deadline(cronjob: Mapping[str, Any]) -> int:
    return int(cronjob["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"])


def _tiers_after(tier: str, objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """The tiers that promote from ``tier``."""
    found = []
    for one in objects:
        if one.get("kind") == "CronJob":
            words = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0].get("args", [])
            if "--prior-tier" in words and words[words.index("--prior-tier") + 1] == tier:
                found.append(one["metadata"]["labels"][_TIER_LABEL])
    return found
