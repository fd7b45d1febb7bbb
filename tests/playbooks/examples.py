# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation, taken from where people read them and run on real servers.

Nothing of their text is edited: the tasks are parsed, and the values that name a place get the places of the test.
"""

from __future__ import annotations

import copy
import importlib
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from ..servers.drills import Drills
from .runner import PlaybookRun, run_playbook
from .stage import ALL, BACKUP, DRILL, RESTORE, SECRETS, Stage, as_server_account, backups_of_a_day, make_passfile

_CHECKOUT = Path(__file__).resolve().parents[2]
_YAML_BLOCK = re.compile(r"^ *```yaml\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_VAULTED = re.compile(r"vault_\w+")
# The backup that the examples name.
_TEN_OCLOCK = datetime(2026, 11, 22, 10, 7, tzinfo=timezone.utc)


def pages() -> list[str]:
    """The pages with YAML in them that holds our modules."""
    files = [_CHECKOUT / "README.md", *sorted((_CHECKOUT / "docs").glob("*.md"))]
    names = [str(file.relative_to(_CHECKOUT)) for file in files]
    return [name for name in names if examples_of_page(name)]


def examples_of(module: str) -> list[dict[str, Any]]:
    """The tasks of a module's EXAMPLES."""
    code = importlib.import_module("ansible_collections.bandr.postgres.plugins.modules." + module.rpartition(".")[2])
    return yaml.safe_load(code.EXAMPLES)


def examples_of_page(page: str) -> list[dict[str, Any]]:
    """The tasks with our modules in the YAML of a page, in its order."""
    text = (_CHECKOUT / page).read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in _YAML_BLOCK.findall(text)]
    return [task for block in blocks for task in _tasks(block) if _module_of(task) is not None]


def run_examples(folder: Path, stage: Stage) -> PlaybookRun:
    """Run all of them in one playbook, each under the name ``PLACE: NAME OF THE TASK``."""
    root = folder / "volume"
    root.mkdir()
    backups_of_a_day(root, stage.source, _TEN_OCLOCK)
    # Whoever may start servers cannot enter our folders.
    drills = Drills()
    shutil.copytree(root, drills.root, dirs_exist_ok=True)
    drills.take()
    passfile = make_passfile(folder / "passfile", stage.target, SECRETS["target"], 0o600)
    tasks: list[dict[str, Any]] = []
    for place, examples in [(module, examples_of(module)) for module in ALL] + [(page, examples_of_page(page)) for page in pages()]:
        for example in examples:
            if _module_of(example) == RESTORE and "fresh" in example["name"]:
                tasks.append(_clearing(stage, passfile))
            where = drills.root if _module_of(example) == DRILL else root
            tasks.append(dict(_placed(example, where, stage), name="%s: %s" % (place, example["name"])))
    # What nobody needs to say who has servers at their usual ports and the programs on PATH.
    usual = {"client_folder": stage.source.installation.bin_folder}
    defaults = {BACKUP: dict(usual, port=stage.source.port), RESTORE: dict(usual, port=stage.target.port), DRILL: usual}
    try:
        return run_playbook(folder, tasks, {"passwords": SECRETS}, defaults)
    finally:
        drills.remove()


def _tasks(block: Any) -> Iterator[dict[str, Any]]:
    """Tasks of a list of tasks or of a list of plays."""
    for entry in block if isinstance(block, list) else ():
        yield from entry["tasks"] if "hosts" in entry else (entry,)


def _module_of(task: dict[str, Any]) -> str | None:
    return next((name for name in task if name in ALL), None)


def _placed(example: dict[str, Any], root: Path, stage: Stage) -> dict[str, Any]:
    placed = copy.deepcopy(example)
    module = _module_of(example)
    assert module is not None, example
    options = placed[module]
    options["root"] = str(root)
    if module == DRILL:
        options["scratch"] = str(root.parent / "scratch")
        return {**placed, **as_server_account()}
    if "host" in options:
        options["host"] = stage.source.host
    password = "{{ passwords.%s }}" % ("target" if module == RESTORE else "source")
    placed["vars"] = dict.fromkeys(_VAULTED.findall(str(options.get("password", ""))), password)
    return placed


def _clearing(stage: Stage, passfile: Path) -> dict[str, Any]:
    """The task that makes the target fresh again."""
    commands = ["--command=DROP DATABASE IF EXISTS %s" % name for name in ("orders", "stock")]
    variables = {name: value for name, value in stage.target.environment.items() if name.startswith("PG") and name != "PGPASSWORD"}
    argv = [stage.target.installation.program("psql"), "-X", "-q", *commands]
    return {"name": "clear the target", "ansible.builtin.command": {"argv": argv}, "environment": dict(variables, PGPASSFILE=str(passfile))}
