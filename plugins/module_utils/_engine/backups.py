# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup is to every part of the engine: a record, without effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, overload

from .manifest import Manifest
from .manifest_text import ManifestText
from .names import format_name_time

PROVEN = "proven"
UNPROVEN = "unproven"
DAMAGED = "damaged"


class Order(NamedTuple):
    """Sorts backups from oldest to newest, also after the clock was moved."""

    time: datetime
    sequence: int
    file_name: str


class _ReadWhenAskedFor:
    """Lets the field ``manifest`` be given as its stored text; the record is built when somebody asks for it."""

    @overload
    def __get__(self, backup: None, owner: type[Backup]) -> _ReadWhenAskedFor: ...

    @overload
    def __get__(self, backup: Backup, owner: type[Backup]) -> Manifest | None: ...

    def __get__(self, backup: Backup | None, owner: type[Backup]) -> Manifest | _ReadWhenAskedFor | None:
        if backup is None:
            return self
        held = backup.__dict__["held_manifest"]
        if isinstance(held, ManifestText):
            held = backup.__dict__["held_manifest"] = held.read()
        return held

    def __set__(self, backup: Backup, value: Manifest | ManifestText | _ReadWhenAskedFor | None) -> None:
        backup.__dict__["held_manifest"] = None if value is self else value


@dataclass(frozen=True)
class Backup:
    """One backup in one tier of a volume.

    ``state`` is ``proven`` (its manifest vouches for the file as it lies there),
    ``unproven`` (complete as far as can be seen, not yet read to its end) or
    ``damaged`` (certainly not what was written); ``why`` says so in a sentence.
    ``order`` is set by the catalog: a backup made after the clock was set back
    still sorts behind the ones made before it. ``manifest`` is None where there is none that
    can be used; it is left out of comparisons, since ``state`` tells what it says.
    """

    tier: str
    file_name: str
    path: str
    time: datetime
    size: int
    state: str
    why: str
    order: Order
    manifest: _ReadWhenAskedFor = field(default=_ReadWhenAskedFor(), compare=False, repr=False)

    @property
    def name(self) -> str:
        """The UTC start time that people call this backup by."""
        return format_name_time(self.time)

    @property
    def proven(self) -> bool:
        """Whether this backup may be counted, promoted and kept as good."""
        return self.state == PROVEN

    @property
    def facts(self) -> Manifest | ManifestText | None:
        """The manifest for those who only want ``plain_size``, ``server_version`` and ``database_names``: cheap for thousands."""
        return self.__dict__["held_manifest"]
