# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment variables of the predecessor's images, with their meaning and defaults.

They stand in for options that were not given, so that its CronJobs and Jobs run unchanged with the new image.
"""

from __future__ import annotations

from typing import Any, Mapping

from .names import TIERS
from .tools.errors import UsageError

# What an image of the predecessor assumes where its manifest says nothing.
_OLD_COUNT = 24
_REPLACED = {
    "RSYNC_HOST": "the copy by rsync is gone, since it mirrored a local loss at once; copy the volume with a tool of your own",
    "BACKUP_VOLUME_IS_S3": "a bucket is no longer mounted, since that needs a privileged pod; mount a volume at /backup",
    "BACKUP_VOLUME_S3_URL": "a bucket is no longer mounted, since that needs a privileged pod; mount a volume at /backup",
}


def options_from(environment: Mapping[str, str]) -> dict[str, Any]:
    """Option names and values that the predecessor's variables in ``environment`` stand for.

    Raises UsageError for a value that cannot be meant and for variables whose work this program does not do.
    """
    for name, answer in _REPLACED.items():
        if environment.get(name):
            raise UsageError("The variable %s is set, but %s. Nothing was changed; remove the variable." % (name, answer))
    options: dict[str, Any] = {}
    if "BACKUP_TYPE" in environment:
        options.update(_tier_options(environment))
    elif "BACKUP_COUNT" in environment:
        options["count"] = _number(environment, "BACKUP_COUNT")
    for variable, option in (
        ("BACKUP_PROMOTE", "promote"),
        ("FROM_BACKUP", "wanted"),
        ("PGADMINPASS", "password"),
        ("PGPASSFILE", "passfile"),
    ):
        if variable in environment:
            options[option] = environment[variable]
    if environment.get("DATABASE"):
        options["only_database"] = environment["DATABASE"]
    if environment.get("LATEST_BACKUP_MAXIMUM_AGE_H"):
        hours = _number(environment, "LATEST_BACKUP_MAXIMUM_AGE_H")
        if hours:
            options["maximum_age"] = "%dh" % hours
    if environment.get("DATABASE_EXPECTED_COUNT"):
        options["expected_count"] = _number(environment, "DATABASE_EXPECTED_COUNT")
    if environment.get("DO_NOT_STOP_ON_ERROR"):
        options["keep_going"] = True
    if environment.get("BACKUP_PRE_EXIT_SLEEP_M"):
        options["linger_minutes"] = _number(environment, "BACKUP_PRE_EXIT_SLEEP_M")
    return options


def default_command(environment: Mapping[str, str]) -> str:
    """What to do without a command: the predecessor's recovery image is told by FROM_BACKUP."""
    return "recover" if "FROM_BACKUP" in environment else "backup"


def _tier_options(environment: Mapping[str, str]) -> dict[str, Any]:
    tier = environment["BACKUP_TYPE"].strip().lower()
    options: dict[str, Any] = {"tier": tier, "count": _OLD_COUNT}
    if "BACKUP_COUNT" in environment:
        options["count"] = _number(environment, "BACKUP_COUNT")
    if tier != TIERS[0]:
        options["prior_tier"] = environment.get("BACKUP_PRIOR_TYPE", TIERS[0]).strip().lower()
        options["prior_count"] = _OLD_COUNT
        if "BACKUP_PRIOR_COUNT" in environment:
            options["prior_count"] = _number(environment, "BACKUP_PRIOR_COUNT")
    return options


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment[name].strip()
    if not text.isascii() or not text.isdigit():
        raise UsageError("The variable %s is %r, but must be a whole number. Nothing was changed." % (name, environment[name]))
    return int(text)
