# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened on a server while it was dumped, and what that makes of the dump."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable

from ..manifest import DatabaseFacts, LeftOut

# initdb's own pristine template is never dumped and never missed.
PRISTINE_TEMPLATE = "template0"
INVALID_CONNECTION_LIMIT = -2
_SHOWN_NAMES = 5


@dataclass(frozen=True)
class DatabaseState:
    """What matters of a database for being dumped."""

    oid: int
    name: str
    allows_connections: bool
    connection_limit: int

    @property
    def why_left_out(self) -> str | None:
        """Why ``pg_dumpall`` passes this database over, or None when it dumps it."""
        if self.connection_limit == INVALID_CONNECTION_LIMIT:
            return "it is invalid since a DROP DATABASE was interrupted; drop it"
        if not self.allows_connections:
            return "it does not allow connections (ALLOW_CONNECTIONS false)"
        return None


def left_out_before(databases: list[DatabaseState], excluded: tuple[str, ...] = ()) -> list[LeftOut]:
    """The databases a dump that begins now will not hold, with the reason for each."""
    result = []
    for database in databases:
        if database.name == PRISTINE_TEMPLATE:
            continue
        why = "it is excluded by exclude_databases" if database.name in excluded else database.why_left_out
        if why is not None:
            result.append(LeftOut(database.name, why))
    return result


def unusable_names(databases: list[DatabaseState], roles: list[str]) -> list[str]:
    """Sentences on names that ``pg_dumpall`` cannot write: a line break ends its commands."""
    problems = []
    for kind, names in (("database", [database.name for database in databases]), ("role", roles)):
        for name in names:
            if "\n" in name or "\r" in name:
                problems.append("The name of %s %r holds a line break, which pg_dumpall refuses; rename it." % (kind, name))
    return problems


def left_out_during(before: list[DatabaseState], after: list[DatabaseState], dumped: tuple[str, ...]) -> list[LeftOut]:
    """Databases that came, went or were renamed while the dump ran and are therefore not, or no longer rightly, in it."""
    names_before = {database.oid: database.name for database in before}
    was_open = {database.oid for database in before if database.why_left_out is None}
    result = []
    for database in after:
        if database.name in dumped or database.name == PRISTINE_TEMPLATE:
            continue
        if database.why_left_out is not None:
            if database.oid in was_open and names_before[database.oid] not in dumped:
                result.append(LeftOut(database.name, "%s; that came while the dump ran" % database.why_left_out))
            continue
        if database.oid not in names_before:
            result.append(LeftOut(database.name, "it was created while the dump ran; the next backup will hold it"))
        elif names_before[database.oid] != database.name:
            old = names_before[database.oid]
            result.append(LeftOut(database.name, "it was renamed from %s while the dump ran; the dump has it by its old name" % old))
    remaining = {database.oid for database in after}
    for database in before:
        if database.oid not in remaining and database.name not in dumped and database.why_left_out is None:
            result.append(LeftOut(database.name, "it was dropped while the dump ran"))
    return result


def forged_sections(dumped: tuple[str, ...], possible: set[str]) -> list[str]:
    """Databases that a dump has a section of although it cannot, or more than one.

    Who can read the arguments of ``pg_dumpall`` while it runs, and write into a database, could write a section's border into it.
    """
    return sorted({name for name in dumped if name not in possible or dumped.count(name) > 1})


def new_or_renamed(before: dict[int, str], after: dict[int, str]) -> dict[int, str]:
    """Object ids and names that a dump begun ``before`` cannot know."""
    return {oid: name for oid, name in after.items() if before.get(oid) != name}


def told_without_contents(databases: Iterable[DatabaseFacts]) -> list[str]:
    """A sentence for each database of a standby that has unlogged tables, which its dump holds empty."""
    return [
        "Database %s was dumped from a standby, which cannot read what is unlogged: the dump holds %s without the contents, as a failover "
        "would leave them. To keep those, back up from the primary." % (facts.name, shown_names(facts.without_contents))
        for facts in databases
        if facts.without_contents
    ]


def shown_names(names: tuple[str, ...]) -> str:
    """The names for a sentence; of many, the first and how many more there are."""
    if len(names) > _SHOWN_NAMES:
        return "%s and %d more" % (", ".join(names[:_SHOWN_NAMES]), len(names) - _SHOWN_NAMES)
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
