# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module foretold, done, foretold and done again, by ansible-playbook on real servers."""

from __future__ import annotations

import pytest

from ansible_collections.bandr.postgres.tests.playbooks.runner import WAYS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("hourly", [True, True, True, True]),
        ("daily", [True, True, False, False]),
        ("verify", [True, True, False, False]),
        ("restore", [True, True, False, False]),
    ],
)
def test_a_task_changes_what_it_said_it_would(life, name, expected):
    assert [life.task("%s: %s" % (name, way)).changed for way in WAYS] == expected


@pytest.mark.parametrize(("name", "expected"), [("third hourly", True), ("replace", True), ("listing", False)])
def test_what_is_foretold_is_done(life, name, expected):
    assert [life.task("%s: %s" % (name, way)).changed for way in WAYS[:2]] == [expected, expected]


@pytest.mark.parametrize("name", ["weekly: done", "listing of one tier", "none: done"])
def test_what_has_nothing_to_do_changes_nothing(life, name):
    assert not life.task(name).changed


def test_only_the_restore_onto_what_it_restored_fails(life):
    assert [task.name for task in life.tasks if task.failed] == ["restore: foretold again", "restore: done again"]


def test_a_restore_onto_what_it_restored_is_refused_with_all_problems(life):
    for way in WAYS[2:]:
        result = life.task("restore: " + way).result
        assert (result["code"], result["reason"]) == (9, "preflight")
        assert [problem.split()[2] for problem in result["problems"]] == ["orders", "stock"]
        assert result["databases_before"] == ["orders", "postgres", "stock", "template0", "template1"]


def test_a_backup_that_is_foretold_is_not_made(life):
    foretold = life.task("hourly: foretold").result
    assert (foretold["backup"], foretold["plan"], foretold["method"]) == (None, [], "dump")
    assert len(life.task("hourly: foretold again").result["plan"]) == 1


def test_strings_of_a_survey_are_taken_as_numbers(life):
    listed = life.task("listing of one tier").result
    made = [life.task("%s: done" % name).result["backup"]["name"] for name in ("hourly", "third hourly")]
    again = life.task("hourly: done again").result["backup"]["name"]
    assert [backup["name"] for backup in listed["backups"]] == [again, made[1]]
    assert life.task("third hourly: done").result["removed"] == [made[0]]


def test_what_is_left_out_is_told(life):
    left_out = {entry["name"]: entry["reason"] for entry in life.task("third hourly: done").result["left_out"]}
    assert set(left_out) == {"closed", "stock"}
    assert "ALLOW_CONNECTIONS" in left_out["closed"]


def test_a_promotion_is_proven_and_told_whence(life):
    result = life.task("daily: done").result
    assert (result["promoted_from"], result["method"], result["backup"]["tier"]) == ("hourly", "link", "daily")
    assert life.task("weekly: done").result["missing"] == 6


def test_verification_brings_a_touched_backup_back_to_proven(life):
    foretold, done, _foretold_again, again = (life.task("verify: " + way).result["backups"] for way in WAYS)
    assert [backup["state"] for backup in foretold] == ["proven", "proven", "unproven"]
    assert not any(backup["verified"] for backup in foretold)
    for backups in (done, again):
        assert [(backup["state"], backup["verified"]) for backup in backups] == [("proven", True)] * 3


def test_a_restore_is_foretold_database_by_database(life):
    foretold, done = ({entry["name"]: entry["state"] for entry in life.task("restore: " + way).result["databases"]} for way in WAYS[:2])
    assert foretold == {"template1": "skipped", "orders": "not started", "postgres": "skipped", "stock": "not started"}
    assert done == {"template1": "skipped", "orders": "restored", "postgres": "skipped", "stock": "restored"}


def test_none_lists_instead_of_restoring(life):
    result = life.task("none: done").result
    assert (result["backup"], result["databases"]) == (None, [])
    assert [backup["tier"] for backup in result["backups"]] == ["hourly", "daily", "hourly"]


def lines_of(run, name, side):
    diff = run.task(name).result["diff"]
    assert diff["before_header"] == diff["after_header"]
    return diff[side].splitlines()


def test_the_diff_of_a_backup_shows_the_tier(life):
    names = [life.task(name).result["backup"]["name"] for name in ("hourly: done", "hourly: done again", "third hourly: done")]
    yet_to_come = "(a backup that is yet to be made)"
    expected = {
        "hourly: foretold": ([], [yet_to_come]),
        "hourly: done": ([], names[:1]),
        "hourly: foretold again": (names[:1], [names[0], yet_to_come]),
        "hourly: done again": (names[:1], names[:2]),
        "third hourly: foretold": (names[:2], [names[1], yet_to_come]),
        "third hourly: done": (names[:2], names[1:]),
        "daily: foretold": ([], [names[1]]),
        "daily: done": ([], [names[1]]),
        "daily: foretold again": ([names[1]], [names[1]]),
        "daily: done again": ([names[1]], [names[1]]),
        "weekly: done": ([], []),
    }
    assert {name: (lines_of(life, name, "before"), lines_of(life, name, "after")) for name in expected} == expected


def test_the_diff_of_a_restore_shows_the_databases_of_the_server(life):
    name = life.task("hourly: done again").result["backup"]["name"]
    before = ["postgres", "template0", "template1"]
    after = ["orders as of " + name, "postgres", "stock as of " + name, "template0", "template1"]
    for way in WAYS[:2]:
        assert (lines_of(life, "restore: " + way, "before"), lines_of(life, "restore: " + way, "after")) == (before, after)


def test_the_diff_of_a_replacement_shows_what_is_replaced(life):
    name = life.task("hourly: done again").result["backup"]["name"]
    before = ["orders", "postgres", "stock", "template0", "template1"]
    for way in WAYS[:2]:
        assert lines_of(life, "replace: " + way, "before") == before
        assert lines_of(life, "replace: " + way, "after") == ["orders as of " + name, *before[1:]]


def test_the_diff_is_shown(life):
    assert "+(a backup that is yet to be made)" in life.output
    assert "--- before: databases of the server" in life.output


def test_a_drill_changes_nothing_and_is_told_of(life):
    foretold, done = (life.task("drill: " + way).result for way in WAYS[:2])
    assert (foretold["changed"], done["changed"]) == (False, False)
    assert foretold["databases"] == []
    assert {entry["name"]: entry["comparison"] for entry in done["databases"]} == dict.fromkeys(
        ("template1", "orders", "postgres"), "equal"
    )
    told = life.task("listing after a drill").result["last_drill"]
    assert (told["result"], told["backup"]) == ("passed", done["backup"]["name"])
    assert life.task("listing: done").result["last_drill"] is None
