# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores as Ansible plays them, with modules that only write down what they were asked for, and fail where a test says so.

One play restores many servers, since starting Ansible takes longer than all of them; each meets something else.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# A run of ansible-playbook takes its time, on a busy machine much of it.
pytestmark = pytest.mark.timeout(600)
OURS = Path(__file__).resolve().parents[2]
STUB = """
import json
import os

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        with open(os.environ["ASKED"], "a") as file:
            file.write(json.dumps([task_vars["inventory_hostname"], self._task.name, self._task.args.get("definitions")], default=str) + "\\n")
        answers = json.loads(os.environ["ANSWERS"])[task_vars["inventory_hostname"]]
        name = self._task.name
        if name == "Run the Job to its end":
            name += " " + self._task.args["definition"]["metadata"]["labels"]["bandr.postgres/action"]
        answer = answers.get(name, {})
        if isinstance(answer, list):
            # One after another; those before are gone by then.
            with open(os.environ["ASKED"]) as file:
                times = sum(json.loads(line)[:2] == [task_vars["inventory_hostname"], self._task.name] for line in file)
            answer = answer[times - 1]
        result.update(answer)
        return result
"""
LISTED = {"message": "3 backups.", "backups": [], "strays": [], "selected": {"name": "one", "tier": "hourly", "state": "proven"}}
PAUSE, OPEN, RUN = "Pause the backups, and wait for the one that runs", "Let the Job reach another server", "Run the Job to its end restore"
MAKE_SECRET, DELETE_SECRET = "Make a Secret of the other server's password", "Delete the Secret of the other server's password"
BEFORE, AFTER = "See whether such a Job runs already", "See whether the Job still runs"
CLOSE, RESUME = "Close the way to the other server", "Resume what a restore paused"
STEPS = (PAUSE, MAKE_SECRET, OPEN, CLOSE, DELETE_SECRET, RESUME)
KEEP = "Keep the result for the test"
TIRED = "The cluster is tired."


def seen(server: str) -> dict[str, Any]:
    """What a look at the cluster finds of a server."""
    pod = {"spec": {"containers": [{"image": "postgres-backup@sha256:1"}]}}
    cronjob = {"metadata": {"name": server + "-backup-hourly"}, "spec": {"jobTemplate": {"spec": {"template": pod}}}}
    return {"namespace_found": True, "openshift": False, "builds_served": False, "cronjobs": [cronjob]}


def answer(said: dict[str, Any]) -> dict[str, Any]:
    """What k8s_job returns of a Job that went well and said this."""
    return {"changed": True, "succeeded": True, "msg": "Complete.", "result": {"changed": True}, "log_lines": ["log", json.dumps(said)]}


GOOD: dict[str, Any] = {
    "Run the Job to its end list": dict(answer(LISTED), result={"changed": False}),
    RUN: answer({"message": "All is restored.", "databases": [], "backup": {"name": "one"}}),
    RESUME: {"changed": True, "msg": "Resumed.", "running": [], "cronjobs": [{"name": "orders-backup-hourly", "changed": True}]},
}


@pytest.fixture(scope="module")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our roles and filters, beside modules that do nothing."""
    root = tmp_path_factory.mktemp("collections")
    here, theirs = root / "ansible_collections/bandr/postgres", root / "ansible_collections/kubernetes/core"
    for folder in (here, theirs):
        (folder / "plugins/action").mkdir(parents=True)
        (folder / "meta").mkdir()
    for name in ("roles", "plugins/filter", "plugins/plugin_utils", "plugins/module_utils"):
        (here / name).symlink_to(OURS / name)
    (here / "meta/runtime.yml").symlink_to(OURS / "meta/runtime.yml")
    (theirs / "meta/runtime.yml").write_text("requires_ansible: '>=2.18'\naction_groups: {k8s: [k8s, k8s_info]}\n", encoding="utf-8")
    for module in ("fleet_look", "fleet_part", "k8s_job", "k8s_cronjob_pause", "k8s_objects"):
        (here / "plugins/action" / (module + ".py")).write_text(STUB, encoding="utf-8")
    for module in ("k8s", "k8s_info"):
        (theirs / "plugins/action" / (module + ".py")).write_text(STUB, encoding="utf-8")
    return root


RUNNING = {
    "resources": [{"metadata": {"name": "a-restore"}, "status": {"active": 1, "conditions": [{"type": "Failed", "status": "False"}]}}]
}
DELETED = {"resources": [{"metadata": {"name": "a-restore", "deletionTimestamp": "2026-11-22T10:07:00Z"}, "status": {"active": 1}}]}
ENDED = {"resources": [{"metadata": {"name": "a-restore"}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}]}
REFUSED = {"failed": True, "msg": "A Job is running that does something else; nothing was started."}
FAILING = {"step%d" % number: step for number, step in enumerate((PAUSE, BEFORE, MAKE_SECRET, OPEN, RUN, AFTER, DELETE_SECRET, CLOSE))}
SERVERS: dict[str, dict[str, Any]] = {
    "good": {},
    "another": {BEFORE: RUNNING, RUN: REFUSED, AFTER: RUNNING},
    "deleted": {BEFORE: DELETED},
    "ended": {BEFORE: ENDED, AFTER: ENDED},
    "blip": {RESUME: [{"failed": True, "msg": TIRED}, GOOD[RESUME]]},
    **{server: {step: {"failed": True, "msg": TIRED}} for server, step in FAILING.items()},
}


@dataclass
class Told:
    """What was shown, what each server's restore said in the end, and the tasks that asked the cluster for something."""

    shown: str
    results: dict[str, dict[str, Any]]
    asked: dict[str, list[str]]


def restore(
    collections: Path, folder: Path, servers: dict[str, dict[str, Any]], *options: str, role: dict[str, Any] | None = None
) -> tuple[int, Told]:
    """Restore into other servers, with a pause all the same; or do what another role does."""
    play = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "tasks": [
            {
                "block": [{"import_role": role or {"name": "bandr.postgres.pg_recovery"}}],
                "always": [
                    {"name": KEEP, "bandr.postgres.k8s_objects": {"definitions": "{{ pg_recovery_result | default({}) | to_json }}"}}
                ],
            }
        ],
    }
    known = {
        "pg_backup_namespace": "databases",
        "pg_backup_host": "db.shop.svc",
        "pg_backup_password": "x",
        "from_backup": "latest",
        "pg_recovery_several": True,
        "pg_recovery_pause": True,
        "pg_recovery_password": "hush-hush",
    }
    hosts = {server: {"pg_recovery_host": server + ".shop.svc"} for server in servers}
    (folder / "play.yml").write_text(json.dumps([play]), encoding="utf-8")
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": known}}), encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory.json", *options, "play.yml"],
        cwd=folder,
        env=dict(
            {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            ANSIBLE_COLLECTIONS_PATH=str(collections),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_HOME=str(folder / "home"),
            ANSWERS=json.dumps({server: {**GOOD, "Take in what was seen": seen(server), **answers} for server, answers in servers.items()}),
            ASKED=str(folder / "asked"),
        ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert (folder / "asked").exists(), done.stdout
    asked: dict[str, list[str]] = {server: [] for server in servers}
    results: dict[str, dict[str, Any]] = {}
    for line in (folder / "asked").read_text(encoding="utf-8").splitlines():
        server, task, definitions = json.loads(line)
        asked[server].append(task)
        if task == KEEP:
            results[server] = json.loads(definitions)
    return done.returncode, Told(done.stdout, results, asked)


@pytest.fixture(scope="module")
def told(collections: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All servers are restored at once."""
    code, told = restore(collections, tmp_path_factory.mktemp("restores"), SERVERS, "-vvv")
    assert code == 2, told.shown
    return told


@pytest.mark.parametrize("server", ["good", "deleted", "ended"])
def test_a_restore_elsewhere_opens_and_closes_what_it_needs(server: str, told: Told) -> None:
    assert told.results[server]["succeeded"], told.shown
    assert told.results[server]["message"] == "All is restored."
    assert [name for name in told.asked[server] if name in STEPS] == [PAUSE, MAKE_SECRET, OPEN, DELETE_SECRET, CLOSE, RESUME]


def test_nobody_sees_the_other_servers_password(told: Told) -> None:
    assert "hush-hush" not in told.shown and base64.b64encode(b"hush-hush").decode("ascii") not in told.shown


@pytest.mark.parametrize("server", FAILING)
def test_the_backups_are_resumed_whatever_fails(server: str, told: Told) -> None:
    assert RESUME in told.asked[server], told.shown
    assert FAILING[server] in (PAUSE, AFTER) or {DELETE_SECRET, CLOSE} <= set(told.asked[server])


@pytest.mark.parametrize("server", FAILING)
def test_the_last_words_are_about_what_failed_and_not_about_the_list_before(server: str, told: Told) -> None:
    result = told.results[server]
    assert not result["succeeded"]
    assert TIRED in result["message"] and LISTED["message"] not in result["message"]


def test_a_cluster_that_does_not_answer_once_leaves_nothing_paused(told: Told) -> None:
    assert told.asked["blip"].count(RESUME) == 2
    assert told.results["blip"]["succeeded"] and told.results["blip"]["resumed"] == ["orders-backup-hourly"]


def test_a_restore_that_runs_keeps_its_way_and_its_secret(told: Told) -> None:
    assert [name for name in told.asked["another"] if name in STEPS] == [PAUSE, RESUME]
    assert told.results["another"]["message"] == REFUSED["msg"]


def test_check_mode_foretells_the_change(collections: Path, tmp_path: Path) -> None:
    # As k8s_job answers in check mode.
    check = {"changed": True, "succeeded": False, "outcome": "check", "msg": "It would be run."}
    unpaused = dict(GOOD[RESUME], changed=False)
    answers = {"Run the Job to its end list": check, RUN: check, RESUME: unpaused}
    code, told = restore(collections, tmp_path, {"good": answers}, "--check")
    assert code == 0, told.shown
    assert "changed=1 " in told.shown


def test_a_drill_takes_away_no_policy_but_its_own(collections: Path, tmp_path: Path) -> None:
    close, away = "Let the drill speak to nobody", "Take that rule away again"
    scheduled = seen("scheduled")
    scheduled["cronjobs"].append({"metadata": {"name": "scheduled-backup-drill"}})
    servers = {
        "alone": {"Run the drill to its end": answer({"message": "Equal.", "databases": []})},
        "scheduled": {"Take in what was seen": scheduled, "Run the drill to its end": answer({"message": "Equal.", "databases": []})},
        # Nobody knows then whether the policy is that of a drill with a schedule.
        "blind": {"Take in what was seen": {"failed": True, "msg": TIRED}},
    }
    role = {"name": "bandr.postgres.pg_backup", "tasks_from": "drill.yml", "rolespec_validate": False}
    _code, told = restore(collections, tmp_path, servers, role=role)
    assert {server: [step for step in asked if step in (close, away)] for server, asked in told.asked.items()} == {
        "alone": [close, away],
        "scheduled": [],
        "blind": [],
    }, told.shown
