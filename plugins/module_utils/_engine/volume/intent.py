# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is about to publish, written down first, so that the next one can tell what a crash left behind."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from ..names import TIERS, parse_file_name
from .durable import write_new

FILE_NAME = "intent.json"


@dataclass(frozen=True)
class Intent:
    """The final place of a dump, and what tells that file from another one of the same name."""

    tier: str
    file_name: str
    inode: int
    size: int
    modified_ns: int

    def is_about(self, status: os.stat_result) -> bool:
        """Whether the file with this status is the one that was to be published."""
        return (status.st_ino, status.st_size, status.st_mtime_ns) == (self.inode, self.size, self.modified_ns)


def write_intent(folder: str, intent: Intent) -> None:
    """Write the intent into the folder of unfinished work and make it last; raises OSError."""
    write_new(os.path.join(folder, FILE_NAME), json.dumps(asdict(intent)).encode("ascii"))


def read_intent(folder: str) -> Intent | None:
    """The intent of some unfinished work; None when it never came to publishing. Raises OSError."""
    try:
        with open(os.path.join(folder, FILE_NAME), "rb") as file:
            known = json.loads(file.read())
        intent = Intent(str(known["tier"]), str(known["file_name"]), int(known["inode"]), int(known["size"]), int(known["modified_ns"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        # It is made to last before anything else happens: one that is cut short was never acted upon.
        return None
    if intent.tier not in TIERS or parse_file_name(intent.file_name) is None:
        return None
    return intent
