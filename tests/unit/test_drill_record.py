# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a volume remembers of drills."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.listing import ListRequest, list_backups
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.drill_record import DrillRecord, read_drill, write_drill
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
RECORD = DrillRecord(
    backup="2026-11-22T10:07:00Z",
    file_name="backup-2026-11-22T10:07:00Z-dumpall.sql.zst",
    tier="hourly",
    result="failed",
    reason="drill",
    message="It is not what was dumped, \udce9.",
    started=NOON,
    finished=NOON + timedelta(minutes=2),
    seconds=120.5,
    last_passed=NOON - timedelta(days=7),
)


def test_a_drill_is_remembered_and_the_next_takes_its_place(tmp_path: Path) -> None:
    volume = open_volume(str(tmp_path))
    assert read_drill(volume) is None
    write_drill(volume, RECORD)
    assert read_drill(volume) == RECORD
    passed = DrillRecord(**{**vars(RECORD), "result": "passed", "last_passed": None})
    write_drill(volume, passed)
    assert read_drill(volume) == passed
    assert sorted(os.listdir(volume.private)) == ["drill.json", "temporary"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"format": 2}', b'{"format": 1}', b"\xff"])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    volume = open_volume(str(tmp_path))
    write_drill(volume, RECORD)
    Path(volume.private, "drill.json").write_bytes(content)
    assert read_drill(volume) is None


def test_a_list_tells_of_the_last_drill(tmp_path: Path) -> None:
    context = Context(now=lambda: NOON + timedelta(hours=1))
    assert list_backups(context, ListRequest(str(tmp_path)))["last_drill"] is None
    write_drill(open_volume(str(tmp_path)), RECORD)
    told = list_backups(context, ListRequest(str(tmp_path)))["last_drill"]
    assert told == {
        "backup": "2026-11-22T10:07:00Z",
        "tier": "hourly",
        "result": "failed",
        "reason": "drill",
        "message": RECORD.message,
        "started": "2026-11-22T12:00:00Z",
        "finished": "2026-11-22T12:02:00Z",
        "age_seconds": 3480,
        "seconds": 120.5,
        "last_passed": "2026-11-15T12:00:00Z",
    }
    json.dumps(told)
