# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a volume remembers of drills: the last one, and when one passed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime

from ..names import format_name_time, parse_name_time
from .failures import storage_errors
from .replacing import write_whole
from .root import Volume

FILE_NAME = "drill.json"
PASSED = "passed"
FAILED = "failed"
_FORMAT = 1
_LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class DrillRecord:
    """One drill: ``result`` is ``passed`` or ``failed``, ``reason`` the kind of failure in a word, ``message`` the sentence.

    ``last_passed`` is when a drill last passed, which is ``finished`` where this one did; None where none ever did.
    """

    backup: str
    file_name: str
    tier: str
    result: str
    reason: str
    message: str
    started: datetime
    finished: datetime
    seconds: float
    last_passed: datetime | None = None


def write_drill(volume: Volume, record: DrillRecord) -> None:
    """Remember a drill in the place of the one before; raises VolumeError."""
    content = asdict(record)
    content.update(
        format=_FORMAT,
        message=record.message[:_LONGEST_MESSAGE],
        started=format_name_time(record.started),
        finished=format_name_time(record.finished),
        last_passed=None if record.last_passed is None else format_name_time(record.last_passed),
    )
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    with storage_errors("Remembering the drill of %s" % record.file_name, "The backups were not touched."):
        write_whole(volume, os.path.join(volume.make_private(), FILE_NAME), text.encode("ascii"), replace=True)


def read_drill(volume: Volume) -> DrillRecord | None:
    """The last drill; None where there was none, or where what is there cannot be read: it is a note, and no more."""
    try:
        with open(os.path.join(volume.private, FILE_NAME), "rb") as file:
            known = json.loads(file.read())
        if known.pop("format") != _FORMAT:
            return None
        known.update({name: parse_name_time(known[name]) for name in ("started", "finished")})
        known["last_passed"] = None if known["last_passed"] is None else parse_name_time(known["last_passed"])
        return DrillRecord(**known)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
