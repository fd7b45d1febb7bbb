# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever an inventory says of how its hosts are reached, the playbooks work on the machine that runs Ansible, as whoever runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

HERE = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_become": False}
PLAYBOOKS = sorted((Path(__file__).resolve().parents[2] / "playbooks").glob("*.yml"))


def test_there_are_playbooks() -> None:
    assert len(PLAYBOOKS) > 10


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_play_works_here_and_as_nobody_else(playbook: Path) -> None:
    for play in yaml.safe_load(playbook.read_text(encoding="utf-8")):
        assert {name: play["vars"].get(name) for name in HERE} == HERE
