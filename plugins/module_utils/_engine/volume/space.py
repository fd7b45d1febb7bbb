# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much room a volume has."""

from __future__ import annotations

import os
from typing import Any

from .root import Volume


def read_space(volume: Volume) -> dict[str, Any] | None:
    """The bytes that ``volume`` has and those that this user may still fill, as JSON values.

    None where the storage does not say: some network file systems count nothing, and answer zero.
    """
    try:
        told = os.statvfs(volume.root)
    except OSError:
        return None
    if told.f_blocks <= 0:
        return None
    return {"size": told.f_blocks * told.f_frsize, "free": told.f_bavail * told.f_frsize}
