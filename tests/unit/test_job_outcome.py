# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished Job says, and what is never shown of it."""

from __future__ import annotations

import json

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._jobs.outcome import (
    describe,
    parse_termination_message,
    plain_secrets,
    without_secrets,
)
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.status import diagnose
from ansible_collections.bandr.postgres.tests.samples import jobs as samples
from ansible_collections.bandr.postgres.tests.samples.jobs import pod, terminated


@pytest.mark.parametrize(
    ("message", "facts"),
    [
        ('SUCCESS 3 databases\n{"seconds": 4}', {"seconds": 4}),
        ('{"a": 1}\n{"b": 2}\n', {"b": 2}),
        ('{"a": 1}\n{cut off', {"a": 1}),
        ("SUCCESS", None),
        ("[1]", None),
        ("", None),
    ],
)
def test_facts_are_the_last_line_that_is_an_object(message: str, facts: dict | None) -> None:
    assert parse_termination_message(message) == facts


def said(state: dict, job: dict | None = None, log: str = "", **status: str) -> str:
    """The sentence about a Job whose container is in ``state``."""
    ended = pod(state, "Failed", **status)
    return describe("migrate", diagnose(job or samples.FAILED, [ended]), ended, log)


def test_a_program_that_tells_why_it_failed_is_quoted() -> None:
    assert said(terminated(7, message="FAILURE no backup of today\n{}")) == "The Job migrate failed: no backup of today"


def test_a_program_that_says_nothing_is_known_by_its_exit_code_and_last_line() -> None:
    sentence = said(terminated(3), log="one\ntwo\n\n")
    assert "exit code 3" in sentence
    assert sentence.endswith("It said last: two")
    assert said(terminated(3)).endswith("exit code 3.")


def test_a_container_killed_for_its_memory_says_so() -> None:
    assert "memory" in said(terminated(137, "OOMKilled", "FAILURE something else"))


def test_a_program_that_does_not_exist_says_so() -> None:
    assert said(terminated(128, "StartError", "exec: nope: not found")).endswith("could not be started: exec: nope: not found.")


def test_an_evicted_pod_says_so() -> None:
    assert "Evicted" in said(terminated(137), reason="Evicted", message="The node was low on resource: memory.")


def test_a_deadline_says_so_although_the_pod_is_gone() -> None:
    assert "activeDeadlineSeconds" in describe("migrate", diagnose(samples.LATE, []), None, "")


def test_a_failure_without_any_pod_has_the_jobs_own_reason() -> None:
    assert describe("migrate", diagnose(samples.FAILED, []), None, "").endswith("Job has reached the specified backoff limit.")


def test_success_is_told_in_the_programs_words() -> None:
    ended = pod(terminated(0, "Completed", "SUCCESS 3 databases restored"), "Succeeded")
    assert describe("migrate", diagnose(samples.COMPLETE, [ended]), ended, "") == "The Job migrate is complete: 3 databases restored"


def definition(*variables: dict) -> dict:
    """A Job whose container has these variables."""
    pod_spec = {"containers": [{"name": "main", "env": list(variables)}], "initContainers": [{"name": "init", "env": list(variables)}]}
    metadata = {"name": "m", "uid": "1", "managedFields": []}
    return {"kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod_spec}}, "status": {}}


@pytest.mark.parametrize(
    "name", ["PGPASSWORD", "PGADMINPASS", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "API_TOKEN", "api_key", "CREDENTIALS"]
)
def test_plain_secrets_are_found_and_masked(name: str) -> None:
    job = definition({"name": name, "value": "swordfish"})
    assert plain_secrets(job) == ["swordfish", "swordfish"]
    assert "swordfish" not in json.dumps(without_secrets(job))


@pytest.mark.parametrize("name", ["PGHOST", "PGPASSFILE", "TOKEN_PATH", "KEYBOARD", "PRIOR_KEY"])
def test_other_variables_are_shown(name: str) -> None:
    job = definition({"name": name, "value": "plain"})
    assert plain_secrets(job) == []
    assert "plain" in json.dumps(without_secrets(job))


def test_a_reference_to_a_secret_is_no_secret() -> None:
    reference = {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    assert plain_secrets(definition(reference)) == []
    assert "secretKeyRef" in json.dumps(without_secrets(definition(reference)))


def test_showing_a_job_leaves_the_job_alone() -> None:
    job = definition({"name": "PGPASSWORD", "value": "swordfish"})
    shown = without_secrets(job)
    assert "uid" not in shown["metadata"]
    assert "status" not in shown
    assert plain_secrets(job) == ["swordfish", "swordfish"]


def test_a_definition_without_pod_is_no_traceback() -> None:
    assert plain_secrets({"spec": None}) == []
