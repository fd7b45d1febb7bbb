# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's defaults and their description say the same."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

ROLES = Path(__file__).resolve().parents[2] / "roles"
NAMES = sorted(folder.name for folder in ROLES.iterdir() if (folder / "meta" / "argument_specs.yml").exists())
_MISSING = "no default"


def read(role: str, *path: str) -> dict[str, Any]:
    """A YAML file of a role."""
    return yaml.safe_load(ROLES.joinpath(role, *path).read_text(encoding="utf-8")) or {}


def described(role: str) -> dict[str, Any]:
    """All options of all entry points of a role that are its own."""
    entries = read(role, "meta", "argument_specs.yml")["argument_specs"].values()
    return {name: option for entry in entries for name, option in (entry.get("options") or {}).items() if name.startswith(role + "_")}


def test_there_are_roles_to_compare() -> None:
    assert {"pg_backup", "pg_recovery"} <= set(NAMES)


@pytest.mark.parametrize("role", NAMES)
def test_an_option_of_several_entry_points_is_the_same_in_all_of_them(role: str) -> None:
    met: dict[str, dict[str, Any]] = {}
    for entry in read(role, "meta", "argument_specs.yml")["argument_specs"].values():
        for name, option in entry["options"].items():
            # What it means may be told otherwise.
            said = {key: value for key, value in option.items() if key != "description"}
            assert met.setdefault(name, said) == said, name


@pytest.mark.parametrize("role", NAMES)
def test_every_default_is_described_and_every_description_has_its_default(role: str) -> None:
    defaults = read(role, "defaults", "main.yml")
    options = described(role)
    assert sorted(set(defaults) - set(options)) == []
    # What is required or may be absent has no default in either place.
    assert sorted(name for name in set(options) - set(defaults) if "default" in options[name]) == []
    for name, value in defaults.items():
        if isinstance(value, str) and "{{" in value:
            # What follows from other variables is told in words, or as what follows where none of them is set.
            if "default" not in options[name]:
                continue
            value = NativeEnvironment().from_string(value).render(defaults)
        assert options[name].get("default", _MISSING) == value, name


@pytest.mark.parametrize("role", NAMES)
def test_what_follows_from_variables_is_no_variable_of_an_inventory(role: str) -> None:
    assert sorted(set(read(role, "vars", "main.yml")) & set(described(role))) == []


@pytest.mark.parametrize("role", NAMES)
def test_every_variable_is_read_by_something(role: str) -> None:
    files = [path for part in ("tasks", "templates", "vars", "defaults") for path in ROLES.glob("*/%s/*" % part)]
    files += [path for part in ("action", "plugin_utils") for path in (ROLES.parent / "plugins" / part).glob("*.py")]
    # What a line of defaults or of variables begins with is given there, not read.
    words = {word for path in files for word in re.findall(r"(?<!^)\bpg_\w+", path.read_text(encoding="utf-8"), re.MULTILINE)}
    assert sorted(set(described(role)) - words) == []


@pytest.mark.parametrize(
    ("module", "left_out"),
    # The module has usual values for these, which the role leaves to it.
    [("image_build", set()), ("openshift_build", {"grace", "keep", "labels", "log_file", "node_selector"})],
)
def test_what_makes_an_image_is_told_everything(module: str, left_out: set[str]) -> None:
    tasks = yaml.safe_load((ROLES / "pg_backup" / "tasks" / "image.yml").read_text(encoding="utf-8"))
    (given,) = (task["bandr.postgres." + module] for task in tasks if "bandr.postgres." + module in task)
    code = importlib.import_module("ansible_collections.bandr.postgres.plugins.modules." + module)
    assert set(yaml.safe_load(code.DOCUMENTATION)["options"]) - set(given) == left_out
    asked = set(re.findall(r"\bitem\.(\w+)", str(given)))
    assert asked - set(read("pg_backup", "vars", "main.yml")["pg_backup_image_inputs"]) <= {"wanted_in"}


def test_the_playbook_that_makes_an_image_reads_what_the_role_reads() -> None:
    tasks = yaml.safe_load((ROLES / "pg_backup" / "tasks" / "image.yml").read_text(encoding="utf-8"))
    (given,) = (task["bandr.postgres.image_build"] for task in tasks if "bandr.postgres.image_build" in task)
    inputs = read("pg_backup", "vars", "main.yml")["pg_backup_image_inputs"]
    wanted = {variable for key in re.findall(r"\bitem\.(\w+)", str(given)) for variable in re.findall(r"pg_backup_\w+", str(inputs[key]))}
    # The role finds out who builds, where nobody says so.
    wanted = wanted - {"pg_backup_image_builder"} | {"pg_backup_image_build"}
    assert len(wanted) > 7
    assert wanted <= set(re.findall(r"pg_backup_\w+", (ROLES.parent / "playbooks" / "image.yml").read_text(encoding="utf-8")))
