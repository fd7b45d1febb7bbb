# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation of the modules says is what they take; ansible-doc shows each of them without a complaint."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.plugins.action import ActionBase

from ansible_collections.bandr.postgres.plugins.doc_fragments import connection, volume
from ansible_collections.bandr.postgres.plugins.module_utils import _args
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DEFAULT_COUNT
from ansible_collections.bandr.postgres.tests.playbooks.examples import examples_of

CHECKOUT = Path(__file__).resolve().parents[2]
# A file without a main only describes an action plugin.
MODULES = sorted(path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py") if "def main" in path.read_text(encoding="utf-8"))
# These have an action plugin that does all of it, and says itself what it takes.
OF_ACTIONS = sorted(path.stem for path in (CHECKOUT / "plugins" / "action").glob("*.py") if path.stem not in MODULES)
OF_THE_ENGINE = [name for name in MODULES if name.startswith("pg_")]
PREFIX = "bandr.postgres."
# What a specification and a documentation say alike of an option.
COMPARED = ("type", "elements", "choices", "default", "required", "aliases")


class Specified(Exception):
    """Ends a module as soon as it has told what it takes."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict[str, Any]:
    """What ansible-doc makes of each module, with the fragments merged; it complains about none."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name == "ANSIBLE_COLLECTIONS_PATH"}
    command = ["ansible-doc", "--json", "--type", "module", *(PREFIX + name for name in (*MODULES, *OF_ACTIONS))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=home, env=dict(kept, ANSIBLE_HOME=str(home)))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def code_of(name: str) -> Any:
    return importlib.import_module("ansible_collections.bandr.postgres.plugins.modules." + name)


def specification(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a module really gives to Ansible."""
    given: dict[str, Any] = {}

    def tell(_module: Any, *arguments: Any, **options: Any) -> None:
        given.update(options, **(dict(argument_spec=arguments[0]) if arguments else {}))
        raise Specified

    monkeypatch.setattr(AnsibleModule, "__init__", tell)
    with pytest.raises(Specified):
        code_of(name).main()
    return given


def said(option: dict[str, Any]) -> dict[str, Any]:
    """The compared part of an option, in one form, with what nobody needs to write filled in."""
    result = {key: option.get(key) for key in COMPARED}
    result.update(type=option.get("type", "str"), required=bool(option.get("required")), aliases=sorted(option.get("aliases") or ()))
    if result["type"] == "bool" and isinstance(result["default"], str):
        result["default"] = result["default"] == "yes"
    inner = option.get("suboptions") or option.get("options")
    return dict(result, options={name: said(entry) for name, entry in inner.items()} if inner else {})


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_as_they_are(shown, monkeypatch, name):
    taken = {option: said(entry) for option, entry in specification(name, monkeypatch)["argument_spec"].items()}
    assert {option: said(entry) for option, entry in shown[PREFIX + name]["doc"]["options"].items()} == taken


@pytest.mark.parametrize("name", OF_ACTIONS)
def test_options_of_an_action_are_documented_as_they_are(shown, monkeypatch, name):
    action = importlib.import_module("ansible_collections.bandr.postgres.plugins.action." + name).ActionModule
    given: dict[str, Any] = {}

    def tell(_action: Any, argument_spec: dict[str, Any]) -> None:
        given.update(argument_spec)
        raise Specified

    monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
    monkeypatch.setattr(ActionBase, "validate_argument_spec", tell)
    with pytest.raises(Specified):
        action.run(action.__new__(action))
    documented = shown[PREFIX + name]["doc"]["options"]
    assert {option: said(entry) for option, entry in documented.items()} == {option: said(entry) for option, entry in given.items()}


def test_every_file_that_describes_a_module_is_looked_at():
    assert OF_ACTIONS and len(OF_THE_ENGINE) > 4
    assert {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")} == {*MODULES, *OF_ACTIONS}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_knows_check_mode_says_so(shown, monkeypatch, name):
    supports = specification(name, monkeypatch)["supports_check_mode"]
    assert (shown[PREFIX + name]["doc"]["attributes"]["check_mode"]["support"] in ("full", "partial")) == supports


@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_a_module_of_the_engine_declares_its_attributes(shown, name):
    attributes = shown[PREFIX + name]["doc"]["attributes"]
    assert {"check_mode", "diff_mode", "idempotent", "platform"} <= set(attributes)
    assert all(entry.get("support") and entry.get("description") for entry in attributes.values())


@pytest.mark.parametrize(("fragment", "shared"), [(connection, "CONNECTION_SPEC"), (volume, "VOLUME_SPEC")])
def test_a_fragment_documents_the_specification_that_it_belongs_to(fragment, shared):
    documented = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    assert {name: said(entry) for name, entry in documented.items()} == {
        name: said(entry) for name, entry in getattr(_args, shared).items()
    }


@pytest.mark.parametrize("name", OF_THE_ENGINE)
def test_a_secret_is_kept_out_of_logs_and_nothing_else_is_taken_for_one(monkeypatch, name):
    entries = specification(name, monkeypatch)["argument_spec"]
    assert [option for option, entry in entries.items() if entry.get("no_log")] == [option for option in entries if option == "password"]


@pytest.mark.parametrize("name", ["pg_backup", "pg_restore"])
def test_two_ways_to_give_a_password_exclude_each_other(shown, monkeypatch, name):
    assert specification(name, monkeypatch)["mutually_exclusive"] == [("password", "passfile")]
    assert "Mutually exclusive with O(passfile)." in shown[PREFIX + name]["doc"]["options"]["password"]["description"]


def flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tasks, and the tasks of their blocks."""
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from flat(task.get(part, []))


@pytest.mark.parametrize("name", MODULES + OF_ACTIONS)
def test_every_example_is_a_task_that_knows_its_options(shown, name):
    options = shown[PREFIX + name]["doc"]["options"]
    known = set(options) | {alias for entry in options.values() for alias in entry.get("aliases", ())}
    tasks = [task for task in flat(examples_of(PREFIX + name)) if PREFIX + name in task]
    assert tasks
    for task in tasks:
        assert task["name"][0].isupper()
        given = set(task[PREFIX + name])
        assert given <= known
        assert {option for option, entry in options.items() if entry.get("required")} <= given


def entries_of(returned: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, entry in (returned or {}).items():
        found.append((path + name, entry))
        found += entries_of(entry.get("contains", {}), "%s%s." % (path, name))
    return found


@pytest.mark.parametrize("name", MODULES + OF_ACTIONS)
def test_everything_that_is_returned_has_a_type_and_a_sample_that_fits(shown, name):
    types = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict}
    entries = entries_of(shown[PREFIX + name]["return"])
    assert entries
    for path, entry in entries:
        assert entry["description"], path
        assert entry.get("returned") or "." in path, path
        assert "elements" in entry or entry["type"] != "list", path
        assert "sample" in entry or "contains" in entry, path
        if "sample" in entry:
            assert isinstance(entry["sample"], types[entry["type"]]), path
            assert isinstance(entry["sample"], bool) == (entry["type"] == "bool"), path


def summary_fields(name: str, key: str) -> dict[str, Any]:
    return yaml.safe_load(code_of(name).RETURN)[key]["contains"]


@pytest.mark.parametrize(
    ("name", "key", "more"),
    [
        ("pg_backup_info", "backups", {"in_use"}),
        ("pg_backup_info", "selected", set()),
        ("pg_backup_verify", "backups", {"verified"}),
        ("pg_backup_drill", "backup", set()),
        ("pg_restore", "backup", set()),
    ],
)
def test_a_backup_is_described_alike_everywhere(name, key, more):
    usual = summary_fields("pg_backup", "backup")
    here = summary_fields(name, key)
    assert set(here) - set(usual) == more
    assert {field: here[field] for field in usual} == usual


def test_usual_counts_are_told_as_they_are(shown):
    told = " ".join(shown[PREFIX + "pg_backup"]["doc"]["options"]["count"]["description"])
    assert told.endswith("By default 24 in V(hourly), 7 in V(daily), 4 in V(weekly) and 36 in V(monthly).")
    assert DEFAULT_COUNT == {"hourly": 24, "daily": 7, "weekly": 4, "monthly": 36}


def test_the_action_group_holds_exactly_the_modules_of_the_engine():
    runtime = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"]["postgres"] == OF_THE_ENGINE
    for name in OF_THE_ENGINE:
        documented = yaml.safe_load(code_of(name).DOCUMENTATION)
        assert documented["module"] == name
        assert documented["short_description"][-1] != "."
