# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore is asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Mapping

from ..postgres.connection import Connection
from ..tools.errors import UsageError

SWAP = "swap"
DROP = "drop"


@dataclass(frozen=True)
class RestoreRequest:
    """What to restore from the volume at ``root`` into the server behind ``connection``.

    ``databases`` None: all of the backup. ``replace``: databases that exist make room, by ``replace_method``: ``swap``
    keeps the old one until the new one is whole, ``drop`` does not need room for both. ``expected_databases`` and
    ``expected_count`` (with postgres and the templates) must be there afterwards. ``keep_going``: do not stop at errors.
    ``jobs``: databases at a time, of a backup that can be read in parts. ``dry_run``: prove and look, touch nothing.
    ``tablespace_folders``: where tablespaces live, by name, instead of where the backup says.
    """

    root: str
    wanted: str = "latest"
    connection: Connection = field(default_factory=Connection)
    databases: tuple[str, ...] | None = None
    replace: bool = False
    replace_method: str = SWAP
    maximum_age: timedelta | None = None
    expected_databases: tuple[str, ...] | None = None
    expected_count: int | None = None
    keep_going: bool = False
    analyze: bool = True
    jobs: int = 1
    dry_run: bool = False
    tablespace_folders: Mapping[str, str] = field(default_factory=dict)


def check_request(request: RestoreRequest) -> None:
    """Raise UsageError for what cannot be meant."""
    if request.replace_method not in (SWAP, DROP):
        raise UsageError("replace_method is %r, but must be swap or drop. Nothing was changed." % request.replace_method)
    if request.jobs < 1:
        raise UsageError("jobs is %d, but must be 1 or more. Nothing was changed." % request.jobs)
    if request.databases is not None and not request.databases:
        raise UsageError("databases is empty. Nothing was changed; name at least one, or leave it out to restore all.")
    if request.databases is not None and len(set(request.databases)) != len(request.databases):
        raise UsageError("databases names one of them twice. Nothing was changed.")
