# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return is what their documentation says, and the other way round."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.bandr.postgres.tests.playbooks.runner import TaskRun
from ansible_collections.bandr.postgres.tests.playbooks.stage import ALL

# What Ansible itself has every module return.
OF_ANSIBLE = {"changed", "failed", "diff", "invocation", "exception", "warnings", "deprecations", "_ansible_no_log"}
TYPES = {"str": str, "int": int, "bool": bool, "float": (int, float), "dict": dict, "list": list}


def documented(module: str) -> dict[str, Any]:
    code = importlib.import_module("ansible_collections.bandr.postgres.plugins.modules." + module.rpartition(".")[2])
    return yaml.safe_load(code.RETURN)


@pytest.fixture(params=ALL)
def module(request) -> str:
    return request.param


@pytest.fixture
def results(runs, module) -> list[TaskRun]:
    """Whatever the module returned in any run; what Ansible refused did not reach the engine."""
    everything = [task for run in (runs.life, runs.mistakes, runs.examples) for task in run.tasks if task.module == module]
    return [task for task in everything if not task.failed or "code" in task.result]


def fits(value: Any, entry: dict[str, Any]) -> bool:
    if value is None:
        return "null" in entry["description"]
    if isinstance(value, bool) != (entry["type"] == "bool") or not isinstance(value, TYPES[entry["type"]]):
        return False
    return entry["type"] != "list" or all(isinstance(element, TYPES[entry["elements"]]) for element in value)


def spread(entry: dict[str, Any], value: Any) -> Iterator[dict[str, Any]]:
    """The dictionaries that ``contains`` describes."""
    yield from value if isinstance(value, list) else [value] if value is not None else []


def mismatches(entries: dict[str, Any], values: dict[str, Any], path: str = "") -> Iterator[str]:
    """What is returned and not documented, is of another type, or is missing although it should always be there."""
    for name, value in values.items():
        if name not in entries:
            yield "%s%s is not documented" % (path, name)
        elif not fits(value, entries[name]):
            yield "%s%s is %r, which does not fit its documentation" % (path, name, value)
        else:
            for inner in spread(entries[name], value) if "contains" in entries[name] else ():
                yield from mismatches(entries[name]["contains"], inner, "%s%s." % (path, name))
    for name, entry in entries.items():
        if entry["returned"] == "always" and name not in values:
            yield "%s%s is missing" % (path, name)


def described(entries: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, entry in entries.items():
        yield path + name
        yield from described(entry.get("contains", {}), "%s%s." % (path, name))


def seen(entries: dict[str, Any], values: dict[str, Any], path: str = "") -> Iterator[str]:
    for name, value in values.items():
        yield path + name
        if "contains" in entries.get(name, {}):
            for inner in spread(entries[name], value):
                yield from seen(entries[name]["contains"], inner, "%s%s." % (path, name))


def test_what_is_returned_is_documented(module, results):
    entries = documented(module)
    for task in results:
        values = {name: value for name, value in task.result.items() if name not in OF_ANSIBLE}
        assert list(mismatches(entries, values)) == [], task.name


def test_what_is_documented_is_returned(module, results):
    entries = documented(module)
    returned = {path for task in results for path in seen(entries, task.result)}
    assert set(described(entries)) - returned == set()


def test_what_comes_with_success_or_failure_always_does(module, results):
    entries = documented(module)
    for task in results:
        expected = {
            name for name, entry in entries.items() if entry["returned"].partition(",")[0] == ("failure" if task.failed else "success")
        }
        assert expected - set(task.result) == set(), task.name


def test_what_comes_with_one_alone_does_not_come_with_the_other(module, results):
    entries = documented(module)
    for task in results:
        unexpected = {name for name, entry in entries.items() if entry["returned"] == ("success" if task.failed else "failure")}
        assert unexpected & set(task.result) == set(), task.name


def test_both_outcomes_were_seen(results):
    assert {task.failed for task in results} == {True, False}
