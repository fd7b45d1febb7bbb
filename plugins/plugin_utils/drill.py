# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says about drills, made complete."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .schedule import ScheduleError, shortest_interval

_DEFAULTS: dict[str, Any] = {
    "schedule": "",
    "from_backup": "latest",
    "maximum_age": "",
    "compare": True,
    "suspend": False,
    "deadline_seconds": "",
    "scratch_size": "10Gi",
    "scratch_claim": False,
    "scratch_storage_class": "",
    "server_settings": {},
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
}
_SCRATCH = "/scratch"
_SIZE = re.compile(r"\d+(?:\.\d+)?(?:[kMGTPE]|[KMGTPE]i)?", re.ASCII)
_LONGEST_DEADLINE = 6 * 3600
_MARGIN = 60
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0", "")


class DrillError(ValueError):
    """A drill that cannot be meant; the message is a sentence that names the variable."""


def complete_drill(declared: object) -> dict[str, Any]:
    """Every value of ``pg_backup_drill`` filled in, with the ``arguments`` of the engine; raises DrillError.

    Numbers and truth may be text, as surveys have them. Without a schedule, there is no CronJob.
    """
    values = {} if declared in (None, "") else declared
    if not isinstance(values, Mapping):
        raise DrillError("pg_backup_drill is %r; it must hold values such as schedule and scratch_size." % (declared,))
    unknown = [str(key) for key in values if key not in _DEFAULTS]
    if unknown:
        raise DrillError("pg_backup_drill has %s; possible are %s." % (", ".join(unknown), ", ".join(_DEFAULTS)))
    drill = {**_DEFAULTS, **{key: value for key, value in values.items() if value is not None}}
    drill["schedule"] = " ".join(str(drill["schedule"]).split())
    for key in ("compare", "suspend", "scratch_claim"):
        drill[key] = _truth(key, drill[key])
    for key in ("server_settings", "resources"):
        if not isinstance(drill[key], Mapping):
            raise DrillError("pg_backup_drill.%s is %r; it must map names to values." % (key, drill[key]))
    if not _SIZE.fullmatch(str(drill["scratch_size"])):
        raise DrillError("pg_backup_drill.scratch_size is %s; it must be a size such as 20Gi." % drill["scratch_size"])
    if drill["scratch_storage_class"] and not drill["scratch_claim"]:
        raise DrillError("pg_backup_drill.scratch_storage_class is set, but only a claim has one: set pg_backup_drill.scratch_claim, too.")
    drill["deadline_seconds"] = _deadline(drill)
    drill["arguments"] = _arguments(drill)
    return drill


def _deadline(drill: Mapping[str, Any]) -> int:
    longest = _LONGEST_DEADLINE
    if drill["schedule"]:
        try:
            longest = max(_MARGIN // 2, min(shortest_interval(drill["schedule"]) - _MARGIN, longest))
        except ScheduleError as error:
            raise DrillError("pg_backup_drill: %s" % error) from error
    text = str(drill["deadline_seconds"])
    if not text:
        return longest
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise DrillError("pg_backup_drill.deadline_seconds is %s; it must be a whole number from 1 up." % text)
    return int(text)


def _arguments(drill: Mapping[str, Any]) -> list[str]:
    arguments = ["drill", "--scratch=" + _SCRATCH, "--scratch-size=%s" % drill["scratch_size"], "--from=%s" % drill["from_backup"]]
    if drill["maximum_age"]:
        arguments.append("--maximum-age=%s" % drill["maximum_age"])
    arguments += ["--server-setting=%s=%s" % (name, value) for name, value in sorted(drill["server_settings"].items())]
    return arguments if drill["compare"] else [*arguments, "--no-compare"]


def _truth(key: str, value: object) -> bool:
    word = str(value).strip().lower()
    if word not in _TRUE + _FALSE:
        raise DrillError("pg_backup_drill.%s is %s; it must be true or false." % (key, value))
    return word in _TRUE
