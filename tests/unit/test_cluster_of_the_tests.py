# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster that tests and the demo run on is taken down by those who brought it up, and by nobody else."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "cluster" / "cluster.py"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program, with a one-node that only notes what it is told, and fails to come up where a file says so."""
    program = tmp_path / "one-node"
    program.write_text(
        "#!/bin/sh\n"
        'echo "$1" >> "$HERE/told"\n'
        'case $1 in env) echo "export KUBECONFIG=$HERE/kubeconfig REGISTRY=127.0.0.1:5000" ;; up) test ! -e "$HERE/fail" && touch "$HERE/kubeconfig" ;; esac\n'
    )
    (tmp_path / "one-node-images").write_text("#!/bin/sh\n")
    for path in (program, tmp_path / "one-node-images"):
        path.chmod(0o755)
    specification = importlib.util.spec_from_file_location("cluster_of_the_tests", SOURCE)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module, "ONE_NODE", program)
    monkeypatch.setenv("HERE", str(tmp_path))
    return module


def told(folder: Path) -> list[str]:
    return (folder / "told").read_text().split()


def bring_up(cluster: ModuleType, file: Path) -> None:
    file.write_text(json.dumps(cluster.one_node(file)), encoding="utf-8")


def test_one_that_was_brought_up_here_is_taken_down(cluster: ModuleType, tmp_path: Path) -> None:
    bring_up(cluster, tmp_path / "cluster.json")
    cluster.down(tmp_path / "cluster.json")
    assert told(tmp_path) == ["env", "up", "down"]
    assert not (tmp_path / "cluster.json").exists()


def test_one_that_ran_before_stays(cluster: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").touch()
    bring_up(cluster, tmp_path / "cluster.json")
    cluster.down(tmp_path / "cluster.json")
    assert "down" not in told(tmp_path)


def test_one_whose_making_was_interrupted_is_taken_down(cluster: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(Exception, match="up"):
        cluster.one_node(tmp_path / "cluster.json")
    cluster.down(tmp_path / "cluster.json")
    assert told(tmp_path)[-1] == "down"


def test_one_that_an_interrupted_run_made_is_still_ours(cluster: ModuleType, tmp_path: Path) -> None:
    bring_up(cluster, tmp_path / "cluster.json")
    bring_up(cluster, tmp_path / "cluster.json")
    cluster.down(tmp_path / "cluster.json")
    assert told(tmp_path)[-1] == "down"


def test_one_that_is_given_stays(cluster: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(json.dumps({"made_by": ""}), encoding="utf-8")
    cluster.down(tmp_path / "cluster.json")
    assert not os.path.exists(tmp_path / "told")
    cluster.down(tmp_path / "cluster.json")
