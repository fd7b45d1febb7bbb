# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment variables of the predecessor's images, with their meaning and defaults.

They stand in for options that were not given, so that its CronJobs and Jobs run unchanged with the new image.
"""

from __future__ import annotations

import os
from typing import Any, Mapping

from .names import TIERS
from .tools.errors import UsageError

BACKUP = "backup"
RECOVER = "recover"

# What an image of the predecessor assumes where its manifest says nothing.
_OLD_COUNT = 24
# The predecessor's word for a password that is not given.
_NO_PASSWORD = "-"  # noqa: S105 (a word of its own)
# Where its images have their home, and its manifests mount a password file.
_OLD_HOME = "/root"
_USUAL_WORDS = ("${HOME}/.pgpass", "$HOME/.pgpass", "~/.pgpass")
_NO_BUCKET = "a bucket is no longer mounted, since that needs a privileged pod; mount a volume at /backup, and copy it to the bucket"
# Any command would take a folder of the image for the volume.
_REPLACED = {
    "BACKUP_VOLUME_IS_S3": _NO_BUCKET,
    "BACKUP_VOLUME_S3_URL": _NO_BUCKET,
    "BACKUP_VOLUME_S3_REQUEST_STYLE": _NO_BUCKET,
    "AWS_BUCKET_NAME": _NO_BUCKET,
    "USE_RCLONE": _NO_BUCKET,
}
# Only a run that would have copied somewhere is told; a restore goes on.
_REPLACED_WHEN_DUMPING = {
    "RSYNC_HOST": "the copy by rsync is gone, since it mirrored a local loss at once; copy the volume with a tool of your own",
}
# These say nothing without their companions above.
IGNORED = (
    "RSYNC_USER", "RSYNC_PASS", "RSYNC_PATH", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION",
    "USE_RCLONE_BUCKET_AND_PATH", "RCLONE_S3_ENDPOINT", "RCLONE_S3_PROVIDER", "POST_DEBUG",
)  # fmt: skip
# Only its recovery knows these.
_OF_RECOVERY = ("FROM_BACKUP", "LATEST_BACKUP_MAXIMUM_AGE_H", "DATABASE_EXPECTED_COUNT", "DO_NOT_STOP_ON_ERROR")


def options_from(environment: Mapping[str, str], command: str) -> dict[str, Any]:
    """Option names and values that the predecessor's variables in ``environment`` stand for when ``command`` runs.

    Variables of other commands are not even read: one ConfigMap may serve them all. Raises UsageError for a value that
    cannot be meant and for variables whose work this program does not do.
    """
    _refuse(environment, _REPLACED)
    if command == BACKUP:
        return {**_backup_options(environment), **_password_options(environment)}
    options: dict[str, Any] = {}
    if "FROM_BACKUP" in environment:
        if not environment["FROM_BACKUP"].strip():
            raise UsageError(
                "The variable FROM_BACKUP is empty. Nothing was changed; set it to latest, none (to list the backups), "
                "a time such as 2026-11-22T10:07:00Z, or a file name."
            )
        options["wanted"] = environment["FROM_BACKUP"]
    if environment.get("LATEST_BACKUP_MAXIMUM_AGE_H"):
        hours = _number(environment, "LATEST_BACKUP_MAXIMUM_AGE_H")
        if hours:
            options["maximum_age"] = "%dh" % hours
    if command == RECOVER:
        options.update(_recovery_options(environment), **_password_options(environment))
    return options


def default_command(environment: Mapping[str, str], at_recovery: bool = False) -> str:
    """What to do without a command: ``recover`` where a variable is set that only the predecessor's recovery knows.

    ``at_recovery``: whether something is mounted where only its recovery Jobs mount a claim.
    """
    if "BACKUP_TYPE" in environment and "FROM_BACKUP" not in environment:
        return BACKUP
    return RECOVER if at_recovery or any(name in environment for name in _OF_RECOVERY) else BACKUP


def _refuse(environment: Mapping[str, str], replaced: Mapping[str, str]) -> None:
    for name, answer in replaced.items():
        if environment.get(name):
            raise UsageError("The variable %s is set, but %s. Nothing was changed; remove the variable." % (name, answer))


def _backup_options(environment: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if "BACKUP_TYPE" in environment:
        options.update(_tier_options(environment))
    elif "BACKUP_COUNT" in environment:
        options["count"] = _number(environment, "BACKUP_COUNT")
    if options.get("tier", TIERS[0]) == TIERS[0]:
        _refuse(environment, _REPLACED_WHEN_DUMPING)
    if environment.get("BACKUP_PROMOTE"):
        options["promote"] = environment["BACKUP_PROMOTE"].strip().lower()
    if environment.get("DATABASE"):
        options["only_database"] = environment["DATABASE"]
    if environment.get("BACKUP_PRE_EXIT_SLEEP_M"):
        options["linger_minutes"] = _number(environment, "BACKUP_PRE_EXIT_SLEEP_M")
    return options


def _recovery_options(environment: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if environment.get("DATABASE"):
        options["databases"] = [environment["DATABASE"]]
    if environment.get("DATABASE_EXPECTED_COUNT"):
        options["expected_count"] = _number(environment, "DATABASE_EXPECTED_COUNT")
    if environment.get("DO_NOT_STOP_ON_ERROR"):
        options["keep_going"] = True
    return options


def _password_options(environment: Mapping[str, str]) -> dict[str, Any]:
    """A password file of one's own stands in place of PGADMINPASS, and PGPASSWORD, which libpq reads itself, of both."""
    usual = [os.path.join(home, ".pgpass") for home in (environment.get("HOME"), _OLD_HOME) if home]
    own = environment.get("PGPASSFILE")
    if own and own not in usual and own not in _USUAL_WORDS:
        return {"passfile": own}
    if environment.get("PGPASSWORD"):
        return {}
    if environment.get("PGADMINPASS", _NO_PASSWORD) not in ("", _NO_PASSWORD):
        return {"password": environment["PGADMINPASS"]}
    for path in usual:
        if os.path.isfile(path) and os.access(path, os.R_OK):
            # Named, so that one which is mounted with a mode that libpq refuses gets a private copy.
            return {"passfile": path}
    return {"passfile": own} if own in usual else {}


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
