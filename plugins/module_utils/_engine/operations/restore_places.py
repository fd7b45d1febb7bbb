# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The places that restored databases take: what was there makes room, and comes back or goes."""

from __future__ import annotations

from typing import Any, Callable

from ..manifest import BUILT_IN
from ..postgres.psql_stream import Outcome
from ..postgres.session import StatementFailed
from ..targets import TargetDatabase, aside_name
from ..tools.errors import ConnectionFailed, Interrupted
from .replacement import Room
from .restore_look import Look


class Places:
    """The places of databases that one psql fills; first :meth:`take`, then :meth:`let_go`, or :meth:`undo` for each.

    ``outcome`` is set once psql has ended.
    """

    def __init__(self, room: Room, seen: Look, drop_first: bool) -> None:
        self.outcome: Outcome | None = None
        self._room = room
        self._seen = seen
        self._drop_first = drop_first
        self._asides: dict[str, TargetDatabase] = {}
        self._made: set[str] = set()
        self._undone: set[str] = set()

    def take(self, names: list[str]) -> None:
        """Set aside, or drop, what is in the way; raises ConnectionFailed or StatementFailed."""
        for name in names:
            database = self._seen.target.database(name)
            if database is None:
                self._made.add(name)
            elif name in self._seen.verdict.replaced:
                if name not in BUILT_IN and (self._drop_first or database.invalid):
                    self._made.add(name)
                    self._room.drop(name)
                else:
                    self._asides[name] = database
                    self._room.set_aside(database)

    def undo(self, name: str) -> str:
        """Leave nothing half restored behind, and say what became of the place.

        A signal meanwhile changes nothing: the run fails already.
        """
        database = self._asides.get(name)
        try:
            if database is not None:
                _surely(self._room.put_back, database)
                self._undone.add(name)
                return "the old database is back as it was"
            if name in self._made and self._taken_by_others():
                self._undone.add(name)
                return "somebody else has created it meanwhile, so it was left as it is"
            if name in self._made:
                _surely(self._room.drop, name)
                self._undone.add(name)
                return "what was restored of it was dropped"
        except (ConnectionFailed, StatementFailed) as error:
            if database is not None:
                return "the old database could not be put back, look for %s: %s" % (aside_name(database), error.words)
            return "what was restored of it could not be dropped: %s" % error.words
        return "it may hold a part of the backup"

    def undone(self, name: str) -> bool:
        """Whether nothing half restored is left in its place."""
        return name in self._undone

    def let_go(self) -> list[str]:
        """Drop what was set aside, unless the new one met errors, and return what an operator must know of it.

        Raises Interrupted after all of it is done.
        """
        warnings = []
        interrupted = None
        for database in self._asides.values():
            if self.outcome is not None and self.outcome.error_count:
                warnings.append(
                    "The old database %s is kept as %s, because the new one met errors; drop it when nobody needs it."
                    % (database.name, aside_name(database))
                )
                continue
            try:
                interrupted = _surely(self._room.drop_aside, database) or interrupted
            except (ConnectionFailed, StatementFailed) as error:
                warnings.append(
                    "The database %s was replaced, but what it was could not be dropped; drop %s: %s"
                    % (database.name, aside_name(database), error.words)
                )
        if interrupted is not None:
            raise interrupted
        return warnings

    def _taken_by_others(self) -> bool:
        """Whether the database came from elsewhere after the look, so that it is not ours to drop."""
        return self.outcome is not None and any("database" in error and "already exists" in error for error in self.outcome.errors)


def _surely(action: Callable[..., None], *arguments: Any) -> Interrupted | None:
    """Do what must not be left half done, and return the signal that came in between: there is only ever one."""
    try:
        action(*arguments)
    except Interrupted as interrupted:
        action(*arguments)
        return interrupted
    return None
