# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A note on the target of which database is being restored, for whoever finds it there after the restore was killed."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ..postgres.quoting import quote_identifier, quote_literal
from ..postgres.session import Session, StatementFailed
from ..targets import UNFINISHED_SETTING, UnfinishedNote, write_unfinished
from ..tools.errors import ConnectionFailed


class UnfinishedNotes:
    """Keeps the note as a setting of the database ``door``, which nothing reads but the look before a restore.

    ``known`` is what earlier restores left there. A restore never fails for want of a note. Threads may share it.
    """

    def __init__(self, session: Session, door: str, known: Mapping[str, UnfinishedNote]) -> None:
        self._session = session
        self._door = door
        self._notes = dict(known)
        self._writing = threading.RLock()

    def begin(self, name: str, note: UnfinishedNote) -> None:
        """Note that the database ``name`` is made from now on."""
        with self._writing:
            self._notes[name] = note
            self._write()

    def end(self, name: str) -> None:
        """Note that it is whole, or gone."""
        with self._writing:
            if self._notes.pop(name, None) is not None:
                self._write()

    def _write(self) -> None:
        statement = "ALTER DATABASE %s " % quote_identifier(self._door)
        if self._notes:
            statement += "SET %s TO %s;\n" % (quote_identifier(UNFINISHED_SETTING), quote_literal(write_unfinished(self._notes)))
        else:
            statement += "RESET %s;\n" % quote_identifier(UNFINISHED_SETTING)
        try:
            self._session.execute(statement, self._door)
        except (ConnectionFailed, StatementFailed):
            # What was to be noted matters more, and tells of the same trouble.
            return
