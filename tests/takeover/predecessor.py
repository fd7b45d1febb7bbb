# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The predecessor at work on a folder: what its program does with files, its accidents included."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from .content import is_whole, stored_dump
from .schedule import FULL_DISK, KILLED, SERVER_DOWN, WARNING, Tier

_UNFINISHED = "dumpall.sql.gz"


@dataclass(frozen=True)
class Predecessor:
    """Runs tiers on the volume at ``root``; ``ahead`` is how far its local time, which it calls UTC, is ahead of UTC."""

    root: Path
    tiers: Mapping[str, Tier]
    ahead: timedelta = timedelta(0)

    def run(self, tier: str, now: datetime, fault: str) -> None:
        """One run of ``tier`` at ``now``, which meets ``fault``."""
        folder = self.root / tier
        folder.mkdir(exist_ok=True)
        if tier == "hourly":
            if not self._dump(folder, now, fault):
                return
        elif not self._copy(folder, self.tiers[tier], fault):
            return
        held = sorted(folder.glob("backup*"))
        for path in held[: max(0, len(held) - self.tiers[tier].count)]:
            path.unlink()

    def recover(self, dice: random.Random) -> bool:
        """Whether ``FROM_BACKUP=LATEST`` finds a whole dump; when it does not, another file goes."""
        found = [path for path in self.root.glob("*/backup*") if path.is_file()]
        dice.shuffle(found)
        if not found:
            return False
        first: dict[str, Path] = {}
        for path in found:
            first.setdefault(path.name, path)
        if is_whole(first[max(first)].read_bytes()):
            return True
        # The variable of the loop that listed the files still holds the last one.
        found[-1].unlink()
        return False

    def _dump(self, folder: Path, now: datetime, fault: str) -> bool:
        if fault == KILLED:
            _write(folder / _UNFINISHED, stored_dump(now)[:40], now)
        if fault in (SERVER_DOWN, WARNING, KILLED):
            return False
        (folder / _UNFINISHED).unlink(missing_ok=True)
        content = stored_dump(now)
        name = "backup-%sZ-dumpall.sql.gz" % (now + self.ahead).replace(tzinfo=None).isoformat(timespec="seconds")
        _write(folder / name, content[:-30] if fault == FULL_DISK else content, now + timedelta(seconds=90))
        return fault != FULL_DISK

    def _copy(self, folder: Path, tier: Tier, fault: str) -> bool:
        prior = sorted((self.root / str(tier.prior)).glob("backup*"))
        if len(prior) != tier.prior_count:
            return True
        if fault == FULL_DISK:
            (folder / prior[0].name).write_bytes(prior[0].read_bytes()[:-30])
            return False
        shutil.copy2(prior[0], folder)
        return True


def _write(path: Path, content: bytes, time: datetime) -> None:
    path.write_bytes(content)
    os.utime(path, (time.timestamp(), time.timestamp()))
