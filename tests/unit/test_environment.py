# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The predecessor's variables, and what is said on the command line in their presence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.command_line import main
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.volumes.samples import hours, lay_down, sample_manifest


def planned_removals(root: Path, environment: dict[str, str], *arguments: str) -> int:
    """How many backups a run in this environment would remove."""
    output = io.StringIO()
    code = main(["backup", "--root", str(root), "--dry-run", *arguments], environment, output, io.StringIO())
    result = json.loads(output.getvalue())
    assert code == 0, result
    return sum(entry["action"] == "remove" for entry in result["plan"])


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with ten weekly and ten older monthly backups."""
    opened = open_volume(str(tmp_path))
    for number in range(10):
        lay_down(opened, "monthly", sample_manifest(hours(number), 1 + number))
        lay_down(opened, "weekly", sample_manifest(hours(100 + number), 101 + number))
    return tmp_path


def test_a_count_in_the_environment_holds_for_the_tier_of_the_environment(volume: Path) -> None:
    environment = {"BACKUP_TYPE": "monthly", "BACKUP_COUNT": "4", "BACKUP_PRIOR_TYPE": "weekly", "BACKUP_PRIOR_COUNT": "4"}
    assert planned_removals(volume, environment) == 7
    assert planned_removals(volume, environment, "--tier", "monthly") == 7


@pytest.mark.parametrize("environment", [{"BACKUP_TYPE": "hourly", "BACKUP_COUNT": "4"}, {"BACKUP_COUNT": "4"}])
def test_a_count_for_another_tier_than_the_one_on_the_command_line_removes_nothing_there(volume: Path, environment: dict[str, str]) -> None:
    assert planned_removals(volume, environment, "--tier", "monthly") == 0


def test_a_count_on_the_command_line_wins(volume: Path) -> None:
    environment = {"BACKUP_TYPE": "hourly", "BACKUP_COUNT": "4"}
    assert planned_removals(volume, environment, "--tier", "monthly", "--count", "8") == 3
