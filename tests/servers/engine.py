# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's operations on test servers, in one call each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ...plugins.module_utils._engine.operations.context import Context
from ...plugins.module_utils._engine.operations.dump import DumpSettings
from ...plugins.module_utils._engine.operations.restore import RestoreRequest, restore
from ...plugins.module_utils._engine.policy.retention import TierPolicy
from ...plugins.module_utils._engine.postgres.connection import Connection
from ...plugins.module_utils._engine.postgres.dump_source import DumpOptions
from .installations import Installation
from .server import Server


def connection_to(server: Server) -> Connection:
    """The engine's way to a test server."""
    return Connection(**server.connection_settings)


def make_backup(
    root: Any, server: Server, clients: Installation | None = None, codec: str = "auto", user: str | None = None, **options: Any
) -> dict[str, Any]:
    """Back up ``server`` into the hourly tier of ``root``; ``options`` are those of the dump. ``user``: whom to log in as."""
    connection = connection_to(server)
    connection = connection if user is None else replace(connection, user=user)
    settings = DumpSettings(connection, DumpOptions(**options), codec)
    context = Context(client_folder=(clients or server.installation).bin_folder)
    return run_backup(context, BackupRequest(str(root), TierPolicy("hourly", 24), settings))


def restore_backup(root: Any, target: Server, clients: Installation | None = None, **request: Any) -> dict[str, Any]:
    """Restore from ``root`` into ``target``; ``request`` holds further fields of the request."""
    context = Context(client_folder=(clients or target.installation).bin_folder)
    return restore(context, RestoreRequest(root=str(root), connection=connection_to(target), **request))
