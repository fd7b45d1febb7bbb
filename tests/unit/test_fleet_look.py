# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with one server is told of that server alone, although one task looks for all."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from ansible_collections.bandr.postgres.plugins.plugin_utils.fleet import why_failed

# A run of ansible-playbook takes its time, on a busy machine much of it.
pytestmark = pytest.mark.timeout(600)


def test_a_variable_that_cannot_be_worked_out_is_told_of_its_server_alone(tmp_path) -> None:
    hosts = {
        "broken": {"pg_backup_host": "broken-db", "pg_backup_namespace": "{{ never_set }}"},
        "sound": {"pg_backup_host": "sound-db", "pg_backup_namespace": "databases"},
    }
    # Nothing listens there, which is told of the server that was asked for.
    inventory = {"servers": {"vars": {"pg_backup_kubeconfig": "/nonexistent/kubeconfig"}, "hosts": hosts}}
    (tmp_path / "inventory.json").write_text(json.dumps(inventory))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_", "KUBECONFIG"))}
    environment.update(
        ANSIBLE_COLLECTIONS_PATH=os.environ["ANSIBLE_COLLECTIONS_PATH"], ANSIBLE_HOME=str(tmp_path / "home"), ANSIBLE_NOCOLOR="1"
    )
    command = ["ansible-playbook", "-i", "inventory.json", "bandr.postgres.status", "-e", "status_file=" + str(tmp_path / "rows.json")]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done.stdout + done.stderr
    rows = {row["server"]: row for row in json.loads((tmp_path / "rows.json").read_text())}
    assert set(rows) == {"broken", "sound"}
    assert "never_set" in json.dumps(rows["broken"])
    assert "never_set" not in json.dumps(rows["sound"])
    assert "kube-config" in json.dumps(rows["sound"])


def test_a_module_that_could_not_say_why_is_told_with_what_the_machine_said_last() -> None:
    broken = {
        "failed": True,
        "msg": "Module result deserialization failed: No start of json char found",
        "module_stderr": "a\n/bin/sh: 1: python: Permission denied\n",
    }
    assert why_failed(broken) == broken["msg"] + ". /bin/sh: 1: python: Permission denied."
    assert why_failed({"failed": True, "msg": "It does not answer.", "module_stderr": ""}) == "It does not answer."
    assert why_failed({"failed": True}) == "The cluster could not be asked."
