# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup is to every part of the engine: a record, without effects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .manifest import Manifest
from .names import format_name_time

PROVEN = "proven"
UNPROVEN = "unproven"
DAMAGED = "damaged"


class Order(NamedTuple):
    """Sorts backups from oldest to newest, also after the clock was moved."""

    time: datetime
    sequence: int
    file_name: str


@dataclass(frozen=True)
class Backup:
    """One backup in one tier of a volume.

    ``state`` is ``proven`` (its manifest vouches for the file as it lies there),
    ``unproven`` (complete as far as can be seen, not yet read to its end) or
    ``damaged`` (certainly not what was written); ``why`` says so in a sentence.
    ``order`` is set by the catalog: a backup made after the clock was set back
    still sorts behind the ones made before it.
    """

    tier: str
    file_name: str
    path: str
    time: datetime
    size: int
    state: str
    why: str
    order: Order
    manifest: Manifest | None = None

    @property
    def name(self) -> str:
        """The UTC start time that people call this backup by."""
        return format_name_time(self.time)

    @property
    def proven(self) -> bool:
        """Whether this backup may be counted, promoted and kept as good."""
        return self.state == PROVEN
