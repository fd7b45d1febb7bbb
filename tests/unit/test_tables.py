# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people see of lists, restores and running Jobs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.action import k8s_job
from ansible_collections.bandr.postgres.plugins.filter.backup_table import FilterModule as BackupFilters
from ansible_collections.bandr.postgres.plugins.filter.drill_table import FilterModule as DrillFilters
from ansible_collections.bandr.postgres.plugins.filter.restore_table import FilterModule as RestoreFilters

BACKUP = {
    "tier": "hourly",
    "name": "2026-11-22T10:07:00Z",
    "age_seconds": 3600,
    "size": 2048,
    "state": "damaged",
    "why": "its size differs",
    "databases": ["a", "b", "c", "d", "e"],
}


def test_backups_are_aligned_and_say_why_they_are_not_proven() -> None:
    lines = BackupFilters().filters()["backup_table"]({"backups": [BACKUP], "strays": [{"path": "/b/notes", "why": "no backup"}]})
    assert lines[0].split() == ["TIER", "BACKUP", "AGE", "SIZE", "STATE", "DATABASES"]
    assert lines[0].index("BACKUP") == lines[1].index("2026-11-22T10:07:00Z")
    assert lines[1].endswith("a, b, c and 2 more")
    assert lines[2] == "2026-11-22T10:07:00Z: its size differs"
    assert "/b/notes" in lines[3]


def test_a_drill_shows_each_comparison_and_why_it_is_not_equal() -> None:
    entry = {"name": "orders", "state": "restored", "seconds": 4.21, "bytes": 2048, "errors": [], "comparison": "equal", "why": ""}
    other = dict(entry, name="stock", comparison="different", why="the rows of goods are not those of the backup")
    result = {"databases": [entry, other], "globals": {"comparison": "equal", "why": ""}, "warnings": ["so much"]}
    lines = DrillFilters().filters()["drill_table"](result)
    assert lines == [
        "DATABASE               STATE     SECONDS  SQL      COMPARISON",
        "orders                 restored  4.2      2.0 KiB  equal",
        "stock                  restored  4.2      2.0 KiB  different",
        "roles and tablespaces                              equal",
        "stock: the rows of goods are not those of the backup",
        "warning: so much",
    ]
    with pytest.raises(AnsibleFilterError, match="no result of a drill"):
        DrillFilters().filters()["drill_table"]({"backups": []})


def test_a_restore_shows_databases_errors_problems_and_warnings() -> None:
    databases = [
        {"name": "orders", "state": "restored", "seconds": 4.21, "bytes": 2048, "errors": []},
        {"name": "x", "state": "failed", "seconds": 0.0, "bytes": 0, "errors": ["line 7: no such type"]},
    ]
    result = {"databases": databases, "problems": ["no room"], "warnings": ["older"], "message": "left out"}
    lines = RestoreFilters().filters()["restore_table"](result)
    assert lines == [
        "DATABASE  STATE     SECONDS  SQL",
        "orders    restored  4.2      2.0 KiB",
        "x         failed    0.0      0 B",
        "x: line 7: no such type",
        "problem: no room",
        "warning: older",
    ]


def test_a_restore_that_never_began_has_no_table() -> None:
    assert RestoreFilters().filters()["restore_table"]({"databases": [], "warnings": [], "problems": ["no"]}) == ["problem: no"]


@pytest.mark.parametrize("wrong", [{}, {"backups": None, "strays": []}, {"backups": [{}], "strays": []}])
def test_what_is_no_list_is_refused_in_words(wrong: dict) -> None:
    with pytest.raises(AnsibleFilterError, match="no list of backups"):
        BackupFilters().filters()["backup_table"](wrong)


def test_what_is_no_result_is_refused_in_words() -> None:
    with pytest.raises(AnsibleFilterError, match="no result of a restore"):
        RestoreFilters().filters()["restore_table"]({"databases": [{}]})


def test_a_jobs_log_is_shown_by_whole_lines_without_what_is_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(k8s_job.Display, "display", lambda _self, message, *_arguments, **_options: shown.append(message))
    monkeypatch.setattr(k8s_job, "_LOOK_SECONDS", 0.01)
    log = tmp_path / "log"
    log.write_text("first\n", encoding="utf-8")
    over = threading.Event()
    reader = threading.Thread(target=k8s_job._show, args=(os.open(log, os.O_RDONLY), "orders", over))
    reader.start()
    with log.open("a", encoding="utf-8") as file:
        file.write("sec")
        file.flush()
        file.write('ond\n{"for": "programs"}\nlast\n')
    over.set()
    reader.join(5)
    assert shown == ["[orders] first", "[orders] second", "[orders] last"]
