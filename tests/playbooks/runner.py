# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run tasks as a user does, by ansible-playbook, and look at what each returned and at everything that was shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# In which ways four_times runs a task.
WAYS = ("foretold", "done", "foretold again", "done again")
_CALLBACKS = Path(__file__).with_name("callback_plugins")
_WARNING = re.compile(r"^\[(?:WARNING|DEPRECATION WARNING)\].*", re.MULTILINE)


@dataclass(frozen=True)
class TaskRun:
    """What one task returned; ``module`` is its full name."""

    name: str
    module: str
    failed: bool
    result: dict[str, Any]

    @property
    def changed(self) -> bool:
        """Whether the task says that it changed something."""
        return bool(self.result.get("changed"))


@dataclass(frozen=True)
class PlaybookRun:
    """What a run showed, at the highest verbosity, and what its tasks returned."""

    status: int
    output: str
    tasks: tuple[TaskRun, ...]

    def task(self, name: str) -> TaskRun:
        """The task of that name; fails with the whole output where it did not run."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise AssertionError("the task %r did not run:\n%s" % (name, self.output[-6000:]))

    @property
    def warnings(self) -> list[str]:
        """Every warning that was shown."""
        return _WARNING.findall(self.output)


def four_times(name: str, module: str, **options: Any) -> list[dict[str, Any]]:
    """Tasks that foretell, do, foretell and do the same; each goes on after a failure and shows its diff."""
    return [task("%s: %s" % (name, way), module, way.startswith("foretold"), **options) for way in WAYS]


def task(name: str, module: str, check: bool = False, **options: Any) -> dict[str, Any]:
    """One task that shows its diff and lets the play go on after a failure."""
    return {"name": name, module: options, "check_mode": check, "diff": True, "ignore_errors": True}


def run_playbook(
    folder: Path,
    tasks: Iterable[Mapping[str, Any]],
    variables: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> PlaybookRun:
    """Run ``tasks`` on this host; ``defaults`` are the play's module_defaults, ``variables`` win over all others."""
    folder.mkdir(parents=True, exist_ok=True)
    play: dict[str, Any] = {"name": "Test", "hosts": "all", "gather_facts": False, "module_defaults": dict(defaults or {})}
    # A task that runs as somebody else may have to take another.
    play.update(vars={"ansible_python_interpreter": sys.executable}, tasks=list(tasks))
    # All JSON is YAML.
    (folder / "playbook.yml").write_text(json.dumps([play], indent=1))
    (folder / "variables.json").write_text(json.dumps(dict(variables or {})))
    (folder / "results").write_text("")
    (folder / "ansible.cfg").write_text("[defaults]\n")
    command = ["ansible-playbook", "-vvv", "-i", "localhost,", "-c", "local", "-e", "@variables.json", "playbook.yml"]
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    results = (folder / "results").read_text(encoding="utf-8").splitlines()
    return PlaybookRun(done.returncode, done.stdout, tuple(TaskRun(**json.loads(line)) for line in results))


def _environment(folder: Path) -> dict[str, str]:
    # What libpq or Ansible find here must not decide what a test sees.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "ANSIBLE_"))}
    kept.update(
        ANSIBLE_COLLECTIONS_PATH=os.environ["ANSIBLE_COLLECTIONS_PATH"],
        ANSIBLE_CALLBACK_PLUGINS=str(_CALLBACKS),
        ANSIBLE_CALLBACKS_ENABLED="record_results",
        ANSIBLE_CONFIG=str(folder / "ansible.cfg"),
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_LOCAL_TEMP=str(folder / "home" / "local"),
        ANSIBLE_REMOTE_TEMP=str(folder / "home" / "remote"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_PIPELINING="1",
        RECORDED_RESULTS=str(folder / "results"),
    )
    return kept
