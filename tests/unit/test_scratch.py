# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a drill: room, left-overs, and a keeper that outlives nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.scratch import (
    scratch_folder,
    scratch_parent,
    sweep_scratch,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.scratch_server import check_folder
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.keeper import LOG, start_keeper
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.processes import Process, Runner

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def gone(path: Path, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not path.exists()


def keeper_of(folder: Path, *commands: list[str]) -> Process:
    folder.mkdir()
    return start_keeper(Runner(), str(folder), list(commands), dict(os.environ))


def test_a_folder_lives_as_long_as_its_drill(tmp_path: Path) -> None:
    with scratch_folder(str(tmp_path)) as folder:
        assert os.stat(folder).st_mode & 0o777 == 0o700
        # Another drill begins meanwhile.
        assert sweep_scratch(str(tmp_path)) == []
        assert os.path.isdir(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_drill_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    left, fresh, other = tmp_path / "bandr-drill-dead", tmp_path / "bandr-drill-fresh", tmp_path / "mine"
    for folder in (left, fresh, other):
        (folder / "data").mkdir(parents=True)
    (left / "lock").touch()
    (tmp_path / "bandr-drill-link").symlink_to(other)
    assert sweep_scratch(str(tmp_path)) == ["Removed %s, which a drill left that did not reach its end." % left]
    # One that was made a moment ago may be about to be locked.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bandr-drill-fresh", "bandr-drill-link", "mine"]
    os.utime(fresh, (1, 1))
    assert len(sweep_scratch(str(tmp_path))) == 1
    assert other.is_dir()


def test_scratch_is_a_folder_and_not_on_the_volume_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="name another one in scratch"):
        scratch_parent(str(tmp_path / "nowhere"), "/backup")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert scratch_parent(None, "/backup") == str(tmp_path)
    with pytest.raises(UsageError, match="is on the backup volume"):
        scratch_parent(None, str(tmp_path.parent))
    # Whoever names it means it.
    assert scratch_parent(str(tmp_path), str(tmp_path.parent)) == str(tmp_path)


def test_a_folder_that_no_socket_fits_into_is_refused(tmp_path: Path) -> None:
    check_folder("/tmp/" + "x" * 85)
    with pytest.raises(UsageError, match="shorter path"):
        check_folder("/tmp/" + "x" * 95)


def test_a_keeper_runs_commands_in_order_and_says_how_they_ended(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    keeper = keeper_of(folder, [sys.executable, "-c", "print('first')"], [sys.executable, "-c", "raise SystemExit('so')"], SLEEP)
    said = b""
    while said.count(b"\n") < 2:
        said += keeper.stdout.read(100)
    # The third is not begun, since the second failed.
    assert said == b"0 0\n1 1\n"
    assert "first" in (folder / LOG).read_text()
    keeper.stdin.close()
    assert keeper.wait(60) == 0
    assert gone(folder)
    keeper.end()


def test_a_keeper_ends_its_program_with_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(folder), str(tmp_path / "child")], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "child").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int((tmp_path / "child").read_text())
    owner.kill()
    owner.wait()
    assert gone(folder)
    assert gone(Path("/proc/%d" % child)) or not os.path.exists("/proc")


_OWNER = """
import os, sys, time
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.keeper import start_keeper
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.processes import Runner
os.mkdir(sys.argv[1])
write = "import os, sys, time; open(sys.argv[1] + '.new', 'w').write(str(os.getpid())); os.rename(sys.argv[1] + '.new', sys.argv[1]); time.sleep(600)"
keeper = start_keeper(Runner(), sys.argv[1], [[sys.executable, "-c", write, sys.argv[2]]], dict(os.environ))
time.sleep(600)
"""
