# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that test servers may write to and that outlives each of them."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from .account import server_account


class ServerFolder:
    """An empty folder that belongs to the account of the test servers; for a tablespace, say."""

    def __init__(self) -> None:
        account = server_account()
        self.path = tempfile.mkdtemp(prefix="bandr-folder-", dir=account.temporary_folder())
        account.give(self.path)
        atexit.register(self.remove)

    def empty(self) -> None:
        """Remove everything in the folder."""
        for entry in os.scandir(self.path):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)

    def remove(self) -> None:
        """Remove the folder; nothing happens the second time."""
        atexit.unregister(self.remove)
        shutil.rmtree(self.path, ignore_errors=True)
