# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong ends in a sentence with a code, and what must stay secret stays so, also at the highest verbosity."""

from __future__ import annotations

import json

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools import errors
from ansible_collections.bandr.postgres.tests.playbooks.mistakes import EXPECTED
from ansible_collections.bandr.postgres.tests.playbooks.stage import SECRET_WORDS

REASON_OF_CODE = {error.code: error.reason for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)}
GO_WELL = ["strays", "the latest that is whole"]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_mistake_ends_in_a_sentence_with_its_code(mistakes, name):
    code, words = EXPECTED[name]
    task = mistakes.task(name)
    assert task.failed
    assert task.result.get("code") == code
    assert task.result.get("reason") == REASON_OF_CODE.get(code)
    assert [word for word in words if word not in task.result["msg"]] == [], task.result["msg"]


def test_every_mistake_is_one_that_is_expected(mistakes):
    assert [task.name for task in mistakes.tasks if task.failed] == list(EXPECTED)
    assert [task.name for task in mistakes.tasks if not task.failed] == GO_WELL


def test_sentences_are_whole(mistakes):
    for task in mistakes.tasks:
        if "code" in task.result or not task.failed:
            message = task.result["msg"]
            assert message.endswith("."), message
            assert not any(slip in message for slip in ("..", "?.", "!.", "  ", "\n", "\t")), message


def test_only_what_touched_something_says_so(mistakes):
    changed = [task.name for task in mistakes.tasks if task.failed and task.changed]
    assert changed == ["verify damage", "restore of a trap", "restore of a trap, going on"]


def test_a_restore_that_failed_tells_of_every_database(mistakes):
    databases = {entry["name"]: entry for entry in mistakes.task("restore of a trap").result["databases"]}
    assert {name: entry["state"] for name, entry in databases.items()} == {"template1": "skipped", "postgres": "skipped", "trap": "failed"}
    assert databases["trap"]["note"] == "what was restored of it was dropped"
    assert len(databases["trap"]["errors"]) == 1


def test_facts_about_a_failure_are_for_other_tasks(mistakes):
    (good,) = mistakes.task("no such time").result["details"]["nearest"]
    assert mistakes.task("restore of an unknown time").result["details"] == {"nearest": [good]}
    assert mistakes.task("volume below a file").result["details"] == {"errno": "ENOTDIR"}
    assert "details" not in mistakes.task("busy").result


def test_only_what_was_passed_over_is_warned_of(mistakes):
    assert len(mistakes.warnings) == 1
    (warning,) = mistakes.task("the latest that is whole").result["warnings"]
    assert "passed over" in warning
    assert ".." not in warning


def test_no_run_shows_a_traceback(life, mistakes, examples):
    for run in (life, mistakes, examples):
        assert run.status == 0, run.output[-6000:]
        assert "Traceback (most recent call last)" not in run.output


def test_no_run_that_goes_well_warns(life, examples):
    for run in (life, examples):
        assert run.warnings == []
        assert not any(task.result.get("warnings") or task.result.get("deprecations") for task in run.tasks)


@pytest.mark.parametrize("word", SECRET_WORDS)
def test_passwords_are_never_shown(life, mistakes, examples, word):
    for run in (life, mistakes, examples):
        assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in run.output
        assert word not in run.output
        assert not [task.name for task in run.tasks if word in json.dumps(task.result)]


@pytest.mark.parametrize("word", SECRET_WORDS)
def test_passwords_are_never_arguments(runs, word):
    arguments = runs.clients.record.read_text()
    assert {"pg_dumpall", "psql"} <= set(arguments.splitlines())
    assert word not in arguments


def test_nothing_of_a_password_file_is_left_behind(life, tmp_path_factory):
    assert not list(tmp_path_factory.getbasetemp().parent.glob("**/bandr-passfile-*"))
