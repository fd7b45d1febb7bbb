# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A volume that months of the predecessor and its accidents have written is taken over, and nothing good on it is lost afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.takeover.content import is_whole
from ansible_collections.bandr.postgres.tests.takeover.schedule import OPERATORS
from ansible_collections.bandr.postgres.tests.takeover.story import TIERS, Story
from ansible_collections.bandr.postgres.tests.takeover.takeover import line_of
from ansible_collections.bandr.postgres.tests.volumes.samples import files_below

# How long both run side by side: the rarer the runs, the longer; make takeover tells a whole year of any.
DAYS = {"hourly": 8, "four-hourly": 40, "tokyo": 365}


@pytest.mark.parametrize("operator", DAYS)
def test_nothing_good_is_lost(operator: str, tmp_path: Path) -> None:
    story = Story(OPERATORS[operator], tmp_path, months=3, days=DAYS[operator], often=0.15)
    found = files_below(str(story.our_root))
    spoiled = {name: content for name, content in found.items() if not is_whole(content)}
    assert len(spoiled) > 1, "the predecessor met too few accidents to show anything"
    recoveries = []
    for row in story.rows():
        assert row.lost_by_ours == [], line_of(row)
        if row.old_recovers is not None:
            recoveries.append((row.old_recovers, row.ours_recovers))
    assert all(ours for _old, ours in recoveries)
    assert row.old[-1] > 0 and not all(old for old, _ours in recoveries), "the predecessor lost nothing, so this shows nothing"
    # What is no backup is nobody's to delete.
    left = files_below(str(story.our_root))
    assert {name: left.get(name) for name in spoiled} == spoiled
    # Every tier is full, of whole ones, and what is called damaged is.
    for backup in read_catalog(open_volume(str(story.our_root))).backups:
        assert is_whole(Path(backup.path).read_bytes()) == (backup.state != DAMAGED), backup
    # The conveyor runs on: what is damaged at its front does not stop it.
    assert max(Path(name).name for name in left if name.startswith("daily/")) > "backup-%s" % story.begin.date().isoformat()
    counts = [OPERATORS[operator].tiers[tier].count for tier in TIERS]
    assert row.ours[0] == counts[0] and row.ours[1] == counts[1]
    assert all(number <= count for number, count in zip(row.ours, counts))
