# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example of the documentation runs as it is written."""

from __future__ import annotations

import pytest

from ansible_collections.bandr.postgres.tests.playbooks.examples import examples_of, examples_of_page, pages
from ansible_collections.bandr.postgres.tests.playbooks.stage import ALL, BACKUP, DRILL, INFO, RESTORE, VERIFY

# Which of them change something; the volume holds 24 hourly backups before the first, the latest of all is minutes old.
CHANGES = {
    BACKUP: [True, True],
    DRILL: [False, False],
    INFO: [False, False],
    RESTORE: [True, True],
    VERIFY: [False, False],
    "README.md": [True, True],
    "docs/drill.md": [False],
    "docs/host.md": [True, True, False, True],
}


@pytest.mark.parametrize("place", CHANGES)
def test_examples_run_and_do_what_they_say(examples, place):
    ran = [task for task in examples.tasks if task.name.startswith(place + ": ")]
    assert [(task.name, task.failed, task.changed) for task in ran] == [
        (task.name, False, changed) for task, changed in zip(ran, CHANGES[place])
    ]
    assert len(ran) == len(CHANGES[place])


def test_no_example_is_left_out(examples):
    written = [(module, example) for module in ALL for example in examples_of(module)]
    written += [(page, example) for page in pages() for example in examples_of_page(page)]
    names = ["%s: %s" % (place, example["name"]) for place, example in written]
    assert [task.name for task in examples.tasks if task.name != "clear the target"] == names
    assert {place for place, _example in written} == set(CHANGES)


def test_an_example_promotes_the_oldest_of_a_full_tier(examples):
    promoted = next(task for task in examples.tasks if task.name.startswith(BACKUP) and task.result["tier"] == "daily")
    assert (promoted.result["method"], promoted.result["missing"]) == ("link", 0)


def test_an_example_puts_one_database_back(examples):
    result = next(task.result for task in examples.tasks if task.name.startswith(RESTORE) and "one database" in task.name)
    assert result["backup"]["name"] == "2026-11-22T10:07:00Z"
    assert [(entry["name"], entry["state"]) for entry in result["databases"]] == [("orders", "restored")]
