# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pausing CronJobs so that a resume, by whoever comes next, undoes exactly the pause: pure functions.

The annotation is the whole memory. A CronJob that carries it was suspended by a pause and by nobody else,
so a pause that a killed controller left behind is known and undone like any other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .._owned import FIELD_MANAGER

PAUSE_ANNOTATION = "bandr.postgres/paused"


@dataclass(frozen=True)
class Pause:
    """Who paused, and when (an ISO time in UTC)."""

    by: str
    at: str


@dataclass(frozen=True)
class Change:
    """What to do to one CronJob; ``patch`` is empty where there is nothing to do, and ``note`` says why."""

    name: str
    note: str
    patch: dict[str, Any]


def plan_pause(cronjob: dict[str, Any], pause: Pause) -> Change:
    """Suspend, unless it is suspended already: by its owner, which stays so, or by an earlier pause, which is taken over."""
    name = cronjob["metadata"]["name"]
    earlier = pause_of(cronjob)
    if is_suspended(cronjob):
        if earlier is None:
            return Change(name, "suspended by its owner and left so", {})
        return Change(name, "paused since %s by %s, whose pause is taken over" % (earlier.at, earlier.by), {})
    value = json.dumps({"at": pause.at, "by": pause.by}, sort_keys=True)
    return Change(name, "paused", _patch(cronjob, suspend=True, annotation=value))


def plan_resume(cronjob: dict[str, Any]) -> Change:
    """Undo a pause, and nothing else."""
    name = cronjob["metadata"]["name"]
    if PAUSE_ANNOTATION in (cronjob["metadata"].get("annotations") or {}):
        if is_suspended(cronjob) and _is_declared(cronjob):
            return Change(name, "suspended by its owner meanwhile and left so", _patch(cronjob, suspend=True, annotation=None))
        return Change(name, "resumed", _patch(cronjob, suspend=False, annotation=None))
    return Change(name, "suspended by its owner and left so" if is_suspended(cronjob) else "was not paused", {})


def pause_of(cronjob: dict[str, Any]) -> Pause | None:
    """The pause that a CronJob remembers; one that somebody wrote by hand counts too."""
    value = (cronjob["metadata"].get("annotations") or {}).get(PAUSE_ANNOTATION)
    if value is None:
        return None
    try:
        facts = json.loads(value)
        return Pause(str(facts["by"]), str(facts["at"]))
    except (ValueError, TypeError, KeyError):
        return Pause("somebody", "a time that is not known")


def is_suspended(cronjob: dict[str, Any]) -> bool:
    """Whether a CronJob starts no Jobs."""
    return bool(cronjob.get("spec", {}).get("suspend"))


def _is_declared(cronjob: dict[str, Any]) -> bool:
    """Whether a deploy suspended a CronJob, which it then owns beside the pause."""
    entries = cronjob["metadata"].get("managedFields") or ()
    ours = [entry for entry in entries if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"]
    return any("f:suspend" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}) for entry in ours)


def summary(cronjob: dict[str, Any], change: Change) -> dict[str, Any]:
    """What callers and people want to know of one CronJob."""
    pause = pause_of(cronjob)
    return {
        "name": change.name,
        "suspended": is_suspended(cronjob),
        "changed": bool(change.patch),
        "note": change.note,
        "paused_by": pause.by if pause else "",
        "paused_at": pause.at if pause else "",
    }


def _patch(cronjob: dict[str, Any], suspend: bool, annotation: str | None) -> dict[str, Any]:
    return {
        # The API server refuses the patch when somebody changed the CronJob since it was read.
        "metadata": {"resourceVersion": cronjob["metadata"]["resourceVersion"], "annotations": {PAUSE_ANNOTATION: annotation}},
        "spec": {"suspend": suspend},
    }
