# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The termination message: two lines, never more than Kubernetes keeps, and whole JSON whatever a run had to say."""

from __future__ import annotations

import json

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.termination import compose, write_termination_message

LIMIT = 4096


def parts(word, result):
    text = compose(word, result)
    assert len(text.encode("utf-8")) <= LIMIT
    first, second = text.split("\n")
    return first, json.loads(second)


def test_a_result_in_two_lines():
    result = {
        "changed": True, "code": 0, "tier": "hourly", "backup": {"name": "2026-11-22T10:07:00Z", "path": "/backup/x"}, "plan": [{"a": 1}],
        "message": "Backup was\nmade.", "databases": [{"name": "shop", "state": "restored", "errors": ["no"]}],
    }  # fmt: skip
    first, facts = parts("SUCCESS", result)
    assert first == "SUCCESS Backup was made."
    assert facts == {
        "changed": True, "code": 0, "tier": "hourly", "backup": "2026-11-22T10:07:00Z", "databases": [{"name": "shop", "state": "restored"}],
    }  # fmt: skip


@pytest.mark.parametrize("length", [0, 1, 1000, 2047, 2048, 2049, 4085, 4096, 4097, 9999])
@pytest.mark.parametrize("letter", ["x", "é", "\N{SNOWMAN}", "\N{ELEPHANT}", "\udc80", '"', "\\"])
@pytest.mark.parametrize("many", [0, 3, 200])
def test_whatever_there_is_to_say_fits(length, letter, many):
    result = {
        "message": letter * length,
        "warnings": [letter * 40] * many,
        "removed": ["2026-11-22T10:07:00Z"] * many,
        "databases": [{"name": letter * 20, "state": "restored"}] * many,
        "code": 0,
        "changed": True,
    }
    first, facts = parts("FAILURE", result)
    assert first.startswith("FAILURE") and facts["code"] == 0 and facts["changed"] is True
    if length >= 1000:
        assert len(first) > 400, "the sentence matters more than lists"
    if many == 3:
        assert "databases" in facts


@pytest.mark.parametrize("databases", [["a", "b"], None, "text"])
def test_results_of_other_commands_do_no_harm(databases):
    first, _facts = parts("SUCCESS", {"message": "m", "databases": databases, "backup": None})
    assert first == "SUCCESS m"


def test_it_is_written_only_where_it_is_wanted(tmp_path):
    log = tmp_path / "log"
    write_termination_message({"BANDR_TERMINATION_LOG": str(log)}, "SUCCESS", {"message": "a b\udc80"})
    assert log.read_text().splitlines()[0] == "SUCCESS a b\\udc80"
    # A folder that is not there, and a place that cannot be written: the exit code says it all the same.
    write_termination_message({"BANDR_TERMINATION_LOG": str(tmp_path / "no" / "log")}, "SUCCESS", {"message": ""})
    write_termination_message({"BANDR_TERMINATION_LOG": str(tmp_path)}, "SUCCESS", {"message": ""})
    write_termination_message({}, "SUCCESS", {"message": ""})
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
