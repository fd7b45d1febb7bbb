# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every operation is given: the edges to the world, each of them replaceable."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Callable

from ..postgres.clients import Clients
from ..postgres.connection import Connection
from ..postgres.session import Session
from ..tools.processes import Runner
from ..tools.progress import Progress


def utc_now() -> datetime:
    """The time by this machine's clock, aware and in UTC."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Context:
    """Runner, client programs, progress and clock of one run."""

    runner: Runner = field(default_factory=Runner)
    client_folder: str | None = None
    progress: Progress = field(default_factory=Progress)
    now: Callable[[], datetime] = utc_now

    @property
    def clients(self) -> Clients:
        """The client programs this run uses."""
        return Clients(self.runner, self.client_folder)

    def session(self, connection: Connection) -> Session:
        """Asks the server that ``connection`` leads to."""
        return Session(self.runner, self.clients, connection)
