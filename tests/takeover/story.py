# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Months of the predecessor, then a year of both side by side on copies of its volume, with the same accidents."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from .content import is_whole
from .predecessor import Predecessor
from .schedule import START, Operator, Run, runs
from .successor import Successor

TIERS = ("hourly", "daily", "weekly", "monthly")


@dataclass
class Ledger:
    """What a volume should hold, for whoever wrote to it: of the whole dumps that a tier ever had, the newest ``count``."""

    root: Path
    counts: dict[str, int]
    whole: dict[str, list[str]] = field(default_factory=lambda: {tier: [] for tier in TIERS})
    good: dict[str, int] = field(default_factory=dict)
    bad: int = 0
    lost: int = 0
    known: dict[tuple[str, int, int], bool] = field(default_factory=dict)

    def look(self) -> list[str]:
        """Look at the volume after a run; the whole dumps that are gone although they belong to the newest of their tier."""
        gone, self.bad = [], 0
        for tier in TIERS:
            present = {path.name: self._is_whole(path) for path in (self.root / tier).glob("backup*.gz")}
            self.good[tier] = sum(present.values())
            self.bad += len(present) - self.good[tier]
            known = self.whole[tier]
            known += sorted(name for name, whole in present.items() if whole and name not in known)
            due = known[-self.counts[tier] :]
            missing = [name for name in due if not present.get(name)]
            gone += ["%s/%s" % (tier, name) for name in missing]
            # Told once.
            self.whole[tier] = [name for name in known if name not in missing]
        self.lost += len(gone)
        return gone

    def _is_whole(self, path: Path) -> bool:
        status = path.stat()
        key = (path.name, status.st_size, status.st_mtime_ns)
        if key not in self.known:
            self.known[key] = is_whole(path.read_bytes())
        return self.known[key]


@dataclass(frozen=True)
class Row:
    """Both after a run: good dumps by tier, files that are none, good ones gone too early so far, and whether LATEST can be restored."""

    run: Run
    old: tuple[int, ...]
    ours: tuple[int, ...]
    lost_by_ours: list[str]
    old_recovers: bool | None = None
    ours_recovers: bool | None = None


class Story:
    """Tells the rows of a takeover; ``folder`` must be empty."""

    def __init__(self, operator: Operator, folder: Path, seed: int = 1, months: int = 3, days: int = 365, often: float = 0.08) -> None:
        self._operator = operator
        self._dice = random.Random(seed)
        self._often = often
        self._days = days
        self.begin = START + timedelta(days=30 * months)
        self.old_root, self.our_root = folder / "old", folder / "ours"
        self.old_root.mkdir()
        self._old = Predecessor(self.old_root, operator.tiers, operator.ahead)
        for run in runs(operator, START, 30 * months, self._dice, often):
            self._old.run(run.tier, run.time, run.fault)
        (self.old_root / "hourly" / "backup-notes.txt").write_text("not a backup")
        shutil.copytree(self.old_root, self.our_root)
        self._ours = Successor(self.our_root, operator.tiers)

    def rows(self) -> Iterator[Row]:
        """A row for each run of the following time; each tenth is followed by a recovery from LATEST."""
        counts = {tier: setup.count for tier, setup in self._operator.tiers.items()}
        old, ours = Ledger(self.old_root, counts), Ledger(self.our_root, counts)
        old.look()
        ours.look()
        for number, run in enumerate(runs(self._operator, self.begin, self._days, self._dice, self._often)):
            self._old.run(run.tier, run.time, run.fault)
            self._ours.run(run.tier, run.time, run.fault)
            recovers: tuple[bool, bool] | None = None
            if number % 10 == 9:
                recovers = self._old.recover(self._dice), self._ours.recover(run.time)
            old.look()
            gone = ours.look()
            numbers = [(*(one.good[tier] for tier in TIERS), one.bad, one.lost) for one in (old, ours)]
            yield Row(run, numbers[0], numbers[1], gone, *(recovers or ()))
