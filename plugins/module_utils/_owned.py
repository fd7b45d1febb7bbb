# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a server-side apply would change anything, told from what the server keeps about who owns which field.

An apply changes nothing when our manager owns exactly the fields that a definition has, and each of them has its value.
In doubt the answer is that it would: an apply too many costs a moment, one too few leaves a drift.
"""

from __future__ import annotations

import json
from typing import Any

# The name under which a deploy owns what the inventory declares.
FIELD_MANAGER = "bandr.postgres"
# What names an object is owned by nobody.
_NAMES = {"": ("apiVersion", "kind"), "metadata": ("name", "namespace")}
# The server drops such values where they say nothing, and keeps that they were applied.
_NOTHING: tuple[Any, ...] = (None, "", {}, [])


def is_as_declared(definition: dict, found: dict, manager: str) -> bool:
    """Whether applying ``definition`` as ``manager`` would leave ``found``, an object as the server returns it, as it is."""
    for entry in found.get("metadata", {}).get("managedFields") or ():
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry.get("apiVersion") == definition["apiVersion"] and _same(entry.get("fieldsV1"), _ownable(definition), found)
    return False


def _ownable(definition: dict) -> dict:
    kept = {key: value for key, value in definition.items() if key not in _NAMES[""]}
    kept["metadata"] = {key: value for key, value in definition["metadata"].items() if key not in _NAMES["metadata"]}
    if not kept["metadata"]:
        del kept["metadata"]
    return kept


def _same(fields: Any, declared: Any, found: Any) -> bool:
    """Compare one level: ``fields`` is a part of the server's fieldsV1, which has a key for each field or item that is owned."""
    inner = {key: value for key, value in (fields or {}).items() if key != "."}
    if not inner:
        # Owned as a whole. An empty map of ours is as it should be, whatever others put into it.
        if declared in _NOTHING:
            return found in _NOTHING or (isinstance(declared, dict) and isinstance(found, dict))
        return declared == found
    if isinstance(declared, dict):
        names = {"f:" + name for name in declared}
        return set(inner) == names and all(
            _same(inner["f:" + name], value, found.get(name) if isinstance(found, dict) else None) for name, value in declared.items()
        )
    if isinstance(declared, list) and isinstance(found, list) and len(inner) == len(declared):
        return all(_same_item(key, value, declared, found) for key, value in inner.items())
    return False


def _same_item(key: str, fields: Any, declared: list, found: list) -> bool:
    """Compare an item of a list, whose key is its value (``v:…``) or the values of some of its fields (``k:…``)."""
    sort, _colon, text = key.partition(":")
    try:
        wanted = json.loads(text)
    except ValueError:
        return False
    if sort == "v":
        return wanted in declared and wanted in found
    if sort != "k":
        return False
    ours = [item for item in declared if _has(item, wanted)]
    theirs = [item for item in found if _has(item, wanted)]
    return len(ours) == len(theirs) == 1 and _same(fields, ours[0], theirs[0])


def _has(item: Any, wanted: dict) -> bool:
    return isinstance(item, dict) and all(item.get(name) == value for name, value in wanted.items())


def declared_values(definition: Any, found: Any) -> Any:
    """The part of ``found`` that ``definition`` speaks of, so that two states can be compared for what was declared."""
    if isinstance(definition, dict):
        # An empty map says nothing, and the server leaves it out.
        values = found if isinstance(found, dict) else {}
        return {key: declared_values(value, values.get(key)) for key, value in definition.items()}
    if isinstance(definition, list) and isinstance(found, list) and len(definition) == len(found):
        return [declared_values(one, other) for one, other in zip(definition, found)]
    return found
