# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List what is on a volume, and which backup a selection would take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..backups import Backup
from ..names import TIERS, format_name_time
from ..policy.selection import LATEST, select
from ..volume.catalog import read_catalog
from ..volume.drill_record import read_drill
from ..volume.pins import pinned
from ..volume.root import Volume, open_volume
from ..volume.space import read_space
from .context import Context


@dataclass(frozen=True)
class ListRequest:
    """Which tiers of the volume at ``root`` to list and, where ``wanted`` or an age is given, what to select from them.

    ``maximum_age`` alone is about the latest.
    """

    root: str
    tiers: tuple[str, ...] = TIERS
    wanted: str | None = None
    maximum_age: timedelta | None = None


def list_backups(context: Context, request: ListRequest) -> dict[str, Any]:
    """Every backup, oldest first, every stray file, the selected backup, and the room on the volume.

    Raises VolumeError, and SelectionError where nothing or too much answers to ``wanted``.
    """
    volume = open_volume(request.root, writable=False)
    now = context.now()
    catalog = read_catalog(volume, request.tiers)
    in_use = pinned(volume)
    selected = None
    wanted = LATEST if request.wanted is None and request.maximum_age is not None else request.wanted
    if wanted is not None:
        selected = select(catalog.backups, wanted, now, request.maximum_age).backup
    return {
        "changed": False,
        "backups": [dict(summarize(backup, now), in_use=backup.file_name in in_use) for backup in catalog.backups],
        "strays": [{"path": stray.path, "why": stray.why} for stray in catalog.strays],
        "selected": None if selected is None else summarize(selected, now),
        "volume": read_space(volume),
        "last_drill": last_drill(volume, now),
        "message": _message(len(catalog.backups), sum(backup.proven for backup in catalog.backups), request.root),
    }


def summarize(backup: Backup, now: datetime) -> dict[str, Any]:
    """A backup as JSON values, for people and playbooks."""
    facts, name = backup.facts, backup.name
    return {
        "name": name,
        "tier": backup.tier,
        "file_name": backup.file_name,
        "path": backup.path,
        "state": backup.state,
        "why": "" if backup.proven else backup.why,
        "size": backup.size,
        "plain_size": None if facts is None else facts.plain_size,
        "started": name,
        "age_seconds": int((now - backup.time).total_seconds()),
        "databases": [] if facts is None else list(facts.database_names),
        "server_version": None if facts is None else facts.server_version,
    }


def last_drill(volume: Volume, now: datetime) -> dict[str, Any] | None:
    """What the volume remembers of its last drill, as JSON values; None where there was none."""
    record = read_drill(volume)
    if record is None:
        return None
    return {
        "backup": record.backup,
        "tier": record.tier,
        "result": record.result,
        "reason": record.reason,
        "message": record.message,
        "started": format_name_time(record.started),
        "finished": format_name_time(record.finished),
        "age_seconds": int((now - record.finished).total_seconds()),
        "seconds": record.seconds,
        "last_passed": None if record.last_passed is None else format_name_time(record.last_passed),
    }


def _message(count: int, proven: int, root: str) -> str:
    if count == 0:
        return "There are no backups in %s." % root
    return "There are %d backups in %s, %d of them proven." % (count, root, proven)
