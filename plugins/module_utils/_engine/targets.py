# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server that a restore goes to: records, without effects."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Mapping

from .manifest import DatabaseFacts, Tablespace

# Databases that every server has; a dump never creates them.
ASIDE_PREFIX = "bandr_aside_"
# A setting of the maintenance database; no server knows it, and no dump of ours holds it.
UNFINISHED_SETTING = "bandr.unfinished_restore"
_INVALID = -2


@dataclass(frozen=True)
class TargetDatabase:
    """A database as it is on the target.

    ``objects`` counts what users made in it, None where nobody looked. ``connection_limit`` -2 marks an interrupted
    DROP DATABASE. ``busy`` says what keeps it from being renamed or dropped, None where nothing does.
    """

    oid: int
    facts: DatabaseFacts
    is_template: bool = False
    allows_connections: bool = True
    connection_limit: int = -1
    comment: str | None = None
    busy: str | None = None
    objects: int | None = None

    @property
    def name(self) -> str:
        """Its name."""
        return self.facts.name

    @property
    def invalid(self) -> bool:
        """Whether an interrupted DROP DATABASE left it unusable."""
        return self.connection_limit == _INVALID


def aside_name(database: TargetDatabase) -> str:
    """The name that ``database`` bears while a restore takes its place."""
    return "%s%d" % (ASIDE_PREFIX, database.oid)


@dataclass(frozen=True)
class AsideNote:
    """What the comment on a set-aside database keeps for whoever finds it."""

    name: str
    allows_connections: bool
    comment: str | None
    time: str

    def write(self) -> str:
        """The note as text."""
        return "bandr.postgres set this database aside: " + json.dumps(
            {"name": self.name, "allows_connections": self.allows_connections, "comment": self.comment, "time": self.time}
        )


def read_aside_note(comment: str | None) -> AsideNote | None:
    """What :meth:`AsideNote.write` wrote, or None for anything else."""
    opening = "bandr.postgres set this database aside: "
    if comment is None or not comment.startswith(opening):
        return None
    try:
        return AsideNote(**json.loads(comment[len(opening) :]))
    except (ValueError, TypeError):
        return None


@dataclass(frozen=True)
class UnfinishedNote:
    """Of which backup a database was being made, and when that began, both as times in UTC."""

    backup: str
    begun: str


def write_unfinished(notes: Mapping[str, UnfinishedNote]) -> str:
    """Notes by the names of databases, as text."""
    return json.dumps({name: {"backup": note.backup, "begun": note.begun} for name, note in notes.items()})


def read_unfinished(text: str) -> dict[str, UnfinishedNote]:
    """What :func:`write_unfinished` wrote; nothing for anything else."""
    try:
        return {str(name): UnfinishedNote(str(note["backup"]), str(note["begun"])) for name, note in json.loads(text).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


@dataclass(frozen=True)
class LocaleNeed:
    """The locale that a database is created with."""

    provider: str
    collate: str
    ctype: str
    locale: str | None


@dataclass(frozen=True)
class Target:
    """Everything that is known of the target before a restore.

    ``extensions`` maps the available ones to their default version. ``locale_refusals`` and ``folder_refusals`` hold
    the reasons why a locale, or a folder for a tablespace, cannot be had. ``unknown_settings`` are those that dumps of
    newer clients set and this server does not have. ``first_role`` is the one that initdb made. ``superuser``
    is about the role whose rights count, ``superuser_logs_in`` about the one that logs in, should a setting make them differ.
    ``unfinished`` tells of databases that a restore was making when it was killed.
    """

    version: str
    version_number: int
    user: str
    superuser: bool
    in_recovery: bool
    free_connections: int
    databases: tuple[TargetDatabase, ...]
    roles: frozenset[str]
    tablespaces: tuple[Tablespace, ...]
    extensions: Mapping[str, str]
    first_role: str | None = None
    unknown_settings: frozenset[str] = frozenset()
    superuser_logs_in: bool = False
    unfinished: Mapping[str, UnfinishedNote] = field(default_factory=dict)
    psql_version: str = ""
    psql_knows_restrict: bool = True
    locale_refusals: Mapping[LocaleNeed, str] = field(default_factory=dict)
    folder_refusals: Mapping[str, str] = field(default_factory=dict)

    @property
    def major(self) -> int:
        """The major version."""
        return self.version_number // 10000

    def database(self, name: str) -> TargetDatabase | None:
        """The database of that name, or None."""
        return next((database for database in self.databases if database.name == name), None)
