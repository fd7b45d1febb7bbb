# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook bandr.postgres.render writes what a deploy would apply, no secret, and takes its own files away again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.bandr.postgres.tests.samples.templates import process

# Each run of ansible-playbook takes its time, on a busy machine much of it.
pytestmark = pytest.mark.timeout(1200)
CALLBACKS = Path(__file__).resolve().parents[1] / "playbooks" / "callback_plugins"
PASSWORD = "Zq7 never written"
INVENTORY: dict[str, Any] = {
    "servers": {
        "vars": {
            "pg_backup_namespace": "databases",
            "pg_backup_image": "registry.example.com/team/pg-backup@sha256:0123",
            "pg_backup_password": PASSWORD,
            # Nothing listens there: whatever asks the cluster fails.
            "pg_backup_kubeconfig": "/nonexistent/kubeconfig",
            # The inventory serves to look after the hosts as well, where somebody else is needed.
            "ansible_become": True,
            "ansible_become_user": "nobody",
            "ansible_become_exe": "/nonexistent/sudo",
        },
        "hosts": {
            "orders": {"pg_backup_host": "orders-db.shop.svc", "pg_backup_platform": "openshift", "pg_backup_storage_class": "nfs"},
            "billing": {
                "pg_backup_host": "192.0.2.10",
                "pg_backup_secret": {"name": "billing-db", "user_key": "username"},
                "pg_backup_volume_claim": "old",
                "pg_backup_tiers": {"hourly": {"count": 36}, "weekly": {"prior_count": 12}},
            },
        },
    }
}
ROLE = Path(__file__).resolve().parents[2] / "roles" / "pg_backup"
# Outside of the role they are not found by their names.
TEMPLATES = [str(ROLE / "templates" / name) for name in yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["pg_backup_templates"]]
# What a deploy applies, by the variable that test_rendering.py holds against the deploy of many servers.
APPLY = {
    "hosts": "all",
    "gather_facts": False,
    "connection": "local",
    "vars": {"ansible_python_interpreter": sys.executable},
    "tasks": [
        # For its variables alone.
        {"ansible.builtin.import_role": {"name": "bandr.postgres.pg_backup", "tasks_from": "render.yml"}, "when": False},
        {"name": "Objects", "ansible.builtin.debug": {"var": "pg_backup_objects"}, "vars": {"pg_backup_templates": TEMPLATES}},
    ],
}


@dataclass(frozen=True)
class Run:
    """What a run returned and said."""

    status: int
    output: str
    results: list[dict[str, Any]]

    def changed(self, host: str) -> int:
        """How many tasks changed something for a server."""
        (line,) = (line for line in self.output.splitlines() if line.startswith(host + " ") and "changed=" in line)
        return int(line.split("changed=")[1].split()[0])


def play(folder: Path, inventory: dict[str, Any], *arguments: str) -> Run:
    (folder / "inventory.json").write_text(json.dumps(inventory))
    (folder / "apply.json").write_text(json.dumps([APPLY]))
    (folder / "results").write_text("")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_", "KUBECONFIG"))}
    environment.update(
        ANSIBLE_COLLECTIONS_PATH=os.environ["ANSIBLE_COLLECTIONS_PATH"],
        ANSIBLE_CALLBACK_PLUGINS=str(CALLBACKS),
        ANSIBLE_CALLBACKS_ENABLED="record_results",
        ANSIBLE_HOME=str(folder / "home"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_PIPELINING="1",
        RECORDED_RESULTS=str(folder / "results"),
    )
    command = ["ansible-playbook", "--diff", "-i", "inventory.json", "-e", "render_to=out", *arguments]
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Run(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in (folder / "results").read_text().splitlines()])


@dataclass(frozen=True)
class Rendered:
    """A first run, with a deploy's step after it that cannot reach a cluster."""

    folder: Path
    run: Run

    def documents(self, name: str) -> list[dict[str, Any]]:
        """The documents of a file."""
        return list(yaml.safe_load_all((self.folder / "out" / name).read_text()))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Rendered:
    folder = tmp_path_factory.mktemp("render")
    return Rendered(folder, play(folder, INVENTORY, "-vvv", "bandr.postgres.render", "apply.json"))


def applied(rendered: Rendered, name: str) -> list[dict[str, Any]]:
    """What a deploy applies for a server."""
    given = [entry["result"]["pg_backup_objects"] for entry in rendered.run.results if entry["name"] == "Objects"]
    return next(objects for objects in given if objects[-1]["metadata"]["name"].startswith(name + "-"))


@pytest.mark.parametrize("name", ["orders", "billing"])
def test_what_is_written_is_what_a_deploy_applies_but_for_the_secret(rendered, name):
    expected = [one for one in applied(rendered, name) if one["kind"] != "Secret"]
    assert len(expected) >= 4
    assert rendered.documents(name + ".yaml") == expected


def test_one_file_for_each_server_and_its_templates(rendered):
    found = sorted(str(path.relative_to(rendered.folder / "out")) for path in (rendered.folder / "out").rglob("*") if path.is_file())
    assert found == [
        "billing.yaml",
        "orders.yaml",
        # A claim that was given is nobody's to make.
        "templates/billing-backup.yaml",
        "templates/billing-recovery.yaml",
        "templates/orders-backup.yaml",
        "templates/orders-pvc.yaml",
        "templates/orders-recovery.yaml",
    ]


def test_templates_become_the_manifests_again(rendered):
    for name in ("orders", "billing"):
        parts = [template for part in ("backup", "pvc") for template in templates(rendered, name, part)]
        objects = [one for template in parts for one in process(template)]
        assert sorted(objects, key=str) == sorted(rendered.documents(name + ".yaml"), key=str)


def templates(rendered: Rendered, name: str, part: str) -> list[dict[str, Any]]:
    path = "templates/%s-%s.yaml" % (name, part)
    return rendered.documents(path) if (rendered.folder / "out" / path).exists() else []


def test_the_recovery_is_the_pod_of_the_backups_with_another_command(rendered):
    (template,) = templates(rendered, "orders", "recovery")
    network, job = process(template, FROM_BACKUP="latest")
    hourly = next(one for one in rendered.documents("orders.yaml") if one["metadata"]["name"] == "orders-backup-hourly")
    ours, theirs = job["spec"]["template"]["spec"], hourly["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    ours["containers"][0]["env"] = [entry for entry in ours["containers"][0]["env"] if entry["name"].startswith("PG")]
    assert ours["containers"][0].pop("args") == ["recover"]
    theirs["containers"][0].pop("args")
    assert ours == theirs
    assert job["spec"]["backoffLimit"] == 0
    own = next(one for one in rendered.documents("orders.yaml") if one["kind"] == "NetworkPolicy")
    assert network["spec"]["egress"] == own["spec"]["egress"]
    pods = set(job["spec"]["template"]["metadata"]["labels"].items())
    assert set(network["spec"]["podSelector"]["matchLabels"].items()) <= pods


def test_the_page_names_every_parameter(rendered):
    page = (Path(__file__).resolve().parents[2] / "docs" / "openshift.md").read_text()
    told = set(re.findall(r"`([A-Z_]+)`", page))
    for part in ("backup", "recovery", "pvc"):
        (template,) = templates(rendered, "orders", part)
        names = {parameter["name"] for parameter in template["parameters"]}
        assert {name for name in names if not name.startswith(("DAILY_", "WEEKLY_", "MONTHLY_"))} <= told


def test_openshift_is_said_by_a_variable(rendered):
    groups = [
        next(one for one in rendered.documents(name + ".yaml") if one["kind"] == "CronJob")["spec"]["jobTemplate"]["spec"]["template"][
            "spec"
        ]
        for name in ("orders", "billing")
    ]
    assert ["fsGroup" in spec["securityContext"] for spec in groups] == [False, True]


def test_no_secret_is_written_or_shown_and_the_way_to_make_it_is(rendered):
    texts = [path.read_text() for path in (rendered.folder / "out").rglob("*.yaml")]
    assert len(texts) > 5
    for word in (PASSWORD, b64encode(PASSWORD.encode()).decode(), "kind: Secret"):
        assert not [text for text in texts if word in text], word
    for word in (PASSWORD, b64encode(PASSWORD.encode()).decode()):
        assert word not in rendered.run.output, word
    orders, billing = ((rendered.folder / "out" / name).read_text() for name in ("orders.yaml", "billing.yaml"))
    assert "kubectl create secret generic orders-backup --namespace=databases --from-file=password=/dev/stdin\n" in orders
    assert "# The password is in the Secret billing-db, which exists.\n" in billing


def test_a_second_run_changes_nothing_and_files_go_only_if_they_are_ours(rendered):
    out = rendered.folder / "out"
    # Somebody else's, and one that another fleet's inventory wrote.
    (out / "notes.yaml").write_text("kind: Note\n")
    (out / "other.yaml").write_text("# Written by bandr.postgres.render for the fleet others.\n---\nkind: Note\n")
    again = play(rendered.folder, INVENTORY, "bandr.postgres.render")
    assert (again.status, again.changed("orders"), again.changed("billing")) == (0, 0, 0), again.output
    assert "WARNING" not in again.output
    without = json.loads(json.dumps(INVENTORY))
    del without["servers"]["hosts"]["billing"]
    limited = play(rendered.folder, without, "bandr.postgres.render", "--limit=orders")
    assert (limited.status, limited.changed("orders"), (out / "billing.yaml").exists()) == (0, 0, True), limited.output
    whole = play(rendered.folder, without, "bandr.postgres.render")
    assert (whole.status, whole.changed("orders")) == (0, 1), whole.output
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*.yaml"))
    assert left == [
        "notes.yaml",
        "orders.yaml",
        "other.yaml",
        "templates/orders-backup.yaml",
        "templates/orders-pvc.yaml",
        "templates/orders-recovery.yaml",
    ]


def test_what_cannot_be_rendered_is_said_at_once(tmp_path):
    inventory = json.loads(json.dumps(INVENTORY))
    hosts = inventory["servers"]["hosts"]
    del hosts["orders"]["pg_backup_host"]
    hosts["orders"]["pg_backup_image"] = ""
    hosts["billing"]["pg_backup_name"] = "orders"
    run = play(tmp_path, inventory, "bandr.postgres.render", "--check")
    assert run.status == 2
    for words in (
        "orders needs pg_backup_namespace (where its backups run) and pg_backup_host",
        "orders needs pg_backup_image, since nothing is built here.",
        "orders and billing would be written to the same file orders.yaml",
    ):
        assert words in run.output
    assert not (tmp_path / "out").exists()
