# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hot standby: a server that replays what another one writes, and answers questions meanwhile."""

from __future__ import annotations

import time
from collections.abc import Mapping

from .server import Server, ServerFailed

_SECONDS = 60.0
_PAUSE_SECONDS = 0.02
# Whatever roles and databases say: a standby has no serializable transactions.
_OPTIONS = r"-c client_min_messages=warning -c default_transaction_isolation=read\ committed"


class Standby(Server):
    """A standby of ``primary``, which runs; start it and use it as any other server."""

    def __init__(self, primary: Server, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(primary.installation, settings, user=primary.user, password=primary.password, tcp=primary.tcp)
        self.primary = primary

    def catch_up(self) -> Standby:
        """Wait until all is replayed that the primary has written by now; raises ServerFailed where that never comes."""
        position = self.primary.psql("SELECT pg_current_wal_flush_lsn()")
        self.wait_until("SELECT pg_last_wal_replay_lsn() >= '%s'" % position, "has not replayed %s" % position)
        return self

    def promote(self) -> None:
        """Let it become a primary, and wait until it is."""
        self.psql("SELECT pg_promote()")

    def wait_until(self, question: str, otherwise: str) -> None:
        """Wait until the answer to ``question`` is yes; raises ServerFailed with ``otherwise``."""
        deadline = time.monotonic() + _SECONDS
        while self.psql(question, PGOPTIONS=_OPTIONS) != "t":
            if time.monotonic() > deadline:
                raise ServerFailed("The standby %s within %d s.\n%s" % (otherwise, _SECONDS, self.log[-2000:]))
            time.sleep(_PAUSE_SECONDS)

    def _make_data_folder(self) -> None:
        # -R writes standby.signal and the way to the primary, with the password if there is one.
        command = [self.installation.program("pg_basebackup"), "--pgdata", self.data_folder, "--write-recovery-conf", "--no-sync", "-w"]
        self._run_as_server([*command, "--checkpoint=fast", "--wal-method=stream"], self.primary.environment)
