# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes a parameter of a Template, and that nothing else changes."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.filter.openshift_template import openshift_template
from ansible_collections.bandr.postgres.tests.samples.templates import process

HEAD = {"name": "orders-backup", "title": "Backups", "description": "What it is.", "message": "What to do."}


def labels(**more: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/instance": "orders",
        "app.kubernetes.io/component": "backup",
        **{"bandr.postgres/" + key: more[key] for key in more},
    }


def pod(arguments: list[str], environment: dict[str, str] | None = None, account: str = "orders-backup") -> dict[str, Any]:
    server = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    password = {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "orders-db", "key": "password"}}}
    return {
        "metadata": {"labels": labels()},
        "spec": {
            "serviceAccountName": account,
            "containers": [
                {"name": "bandr", "image": "registry/x@sha256:1", "args": arguments, "env": [*server, password] if server else None}
            ],
            "volumes": [
                {"name": "backup", "persistentVolumeClaim": {"claimName": "orders-backup"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def cronjob(tier: str, schedule: str, *arguments: str, **options: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": labels(tier=tier)},
        "spec": {"activeDeadlineSeconds": 3540, "template": pod(list(arguments), **options)},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "orders-backup-" + tier, "namespace": "databases", "labels": labels(tier=tier)},
        "spec": {"schedule": schedule, "jobTemplate": template},
    }


def policy(to: Any, port: int = 5432) -> dict[str, Any]:
    name_servers = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], "ports": [{"port": 53}]}
    server = {"ports": [{"protocol": "TCP", "port": port}], **({"to": [to]} if to else {})}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "orders-backup", "namespace": "databases", "labels": labels()},
        "spec": {"podSelector": {"matchLabels": labels()}, "egress": [name_servers, server]},
    }


SERVER = {"PGHOST": "orders-db.shop.svc", "PGPORT": "5432", "PGUSER": "postgres"}
SHOP = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
HOURLY = cronjob("hourly", "7 * * * *", "backup", "--tier", "hourly", "--count", "24", environment=SERVER)


def daily(prior_count: int) -> dict[str, Any]:
    more = ("--prior-tier", "hourly", "--prior-count", str(prior_count), "--promote", "oldest")
    return cronjob("daily", "55 0 * * *", "backup", "--tier", "daily", "--count", "7", *more)


ALL = [policy(SHOP), HOURLY, daily(24)]


def made(objects: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return openshift_template(ALL if objects is None else objects, "orders", "databases", HEAD)


def defaults(template: dict[str, Any]) -> dict[str, str]:
    return {parameter["name"]: parameter["value"] for parameter in template["parameters"]}


@pytest.mark.parametrize(
    "objects",
    [
        ALL,
        [policy(SHOP), HOURLY, daily(12)],
        [
            policy({"ipBlock": {"cidr": "192.0.2.10/32"}}),
            cronjob("hourly", "@hourly", "--count", "1", environment={**SERVER, "PGHOST": "192.0.2.10"}),
        ],
        [policy(None), HOURLY],
        [HOURLY],
        [cronjob("hourly", "7 * * * *", environment=SERVER, account="somebody-else")],
    ],
)
def test_without_an_answer_the_same_objects_come_out(objects):
    before = copy.deepcopy(objects)
    template = made(objects)
    assert process(template) == objects
    assert objects == before
    # What is YAML and JSON alike survives a file.
    assert process(json.loads(json.dumps(template))) == objects


def test_the_parameters_are_those_of_the_predecessor_and_what_differs_between_servers():
    assert defaults(made()) == {
        "NAMESPACE": "databases",
        "NAME": "orders",
        "BACKUP_VOLUME_NAME": "orders-backup",
        "BACKUP_IMAGE": "registry/x@sha256:1",
        "PG_HOST": "orders-db.shop.svc",
        "PG_NAMESPACE": "shop",
        "PG_PORT": "5432",
        "PG_USER": "postgres",
        "PG_SECRET": "orders-db",
        "PG_SECRET_KEY": "password",
        "HOURLY_SCHEDULE": "7 * * * *",
        "HOURLY_COUNT": "24",
        "DAILY_SCHEDULE": "55 0 * * *",
        "DAILY_COUNT": "7",
    }


def test_every_parameter_is_explained_and_used():
    template = made()
    used = json.dumps(template["objects"])
    for parameter in template["parameters"]:
        assert parameter["description"].endswith(".")
        assert parameter["required"] is True
        assert "${%s}" % parameter["name"] in used or "${{%s}}" % parameter["name"] in used


def test_other_answers_make_another_server():
    answers = {
        "NAME": "billing",
        "NAMESPACE": "other",
        "PG_HOST": "db.billing.svc",
        "PG_NAMESPACE": "billing",
        "PG_PORT": "6432",
        "HOURLY_COUNT": "36",
    }
    network, hourly, promoted = process(made(), **answers)
    assert network["metadata"]["name"] == "billing-backup"
    assert network["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "billing"
    assert network["spec"]["egress"][1] == {
        "ports": [{"protocol": "TCP", "port": 6432}],
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "billing"}}}],
    }
    assert network["spec"]["egress"][0] == ALL[0]["spec"]["egress"][0]
    assert (hourly["metadata"]["name"], hourly["metadata"]["namespace"]) == ("billing-backup-hourly", "other")
    spec = hourly["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "billing-backup"
    assert [entry.get("value") for entry in spec["containers"][0]["env"]] == ["db.billing.svc", "6432", "postgres", None]
    # The tier that waits for what hourly keeps goes with it; else nothing would ever be promoted.
    assert "--count 36" in " ".join(spec["containers"][0]["args"])
    assert "--prior-count 36" in " ".join(promoted["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"])


def test_an_address_goes_into_the_network_policy():
    objects = [policy({"ipBlock": {"cidr": "192.0.2.10/32"}}), cronjob("hourly", "@hourly", environment={**SERVER, "PGHOST": "192.0.2.10"})]
    network = process(made(objects), PG_HOST="192.0.2.99")[0]
    assert network["spec"]["egress"][1]["to"] == [{"ipBlock": {"cidr": "192.0.2.99/32"}}]


def test_a_tier_that_waits_for_fewer_has_a_parameter_of_its_own():
    template = made([HOURLY, daily(12)])
    assert defaults(template)["DAILY_PRIOR_COUNT"] == "12"
    assert "--prior-count 6" in json.dumps(process(template, DAILY_PRIOR_COUNT="6")).replace('", "', " ")


def test_the_job_of_a_restore_takes_a_command_as_json():
    job = {
        "kind": "Job",
        "metadata": {"name": "orders-restore", "namespace": "databases", "labels": labels(action="restore")},
        "spec": {"template": pod(["recover"], {"FROM_BACKUP": "none", "DATABASE": "", **SERVER})},
    }
    template = made([job])
    assert process(template) == [job]
    assert [parameter["name"] for parameter in template["parameters"] if not parameter.get("required")] == ["DATABASE"]
    (restored,) = process(template, FROM_BACKUP="latest", DATABASE="shop", ARGUMENTS='["recover", "--replace"]')
    container = restored["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["recover", "--replace"]
    assert container["env"][:2] == [{"name": "FROM_BACKUP", "value": "latest"}, {"name": "DATABASE", "value": "shop"}]
    with pytest.raises(ValueError, match="FROM_BACKUP is required"):
        process(template, FROM_BACKUP="")


def test_the_volume_has_the_parameters_of_the_predecessors():
    claim = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "orders-backup", "namespace": "databases", "labels": labels()},
        "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "nfs", "resources": {"requests": {"storage": "125Gi"}}},
    }
    template = made([claim])
    assert defaults(template) == {
        "NAMESPACE": "databases",
        "BACKUP_VOLUME_NAME": "orders-backup",
        "NAME": "orders",
        "BACKUP_VOLUME_SIZE": "125Gi",
        "BACKUP_VOLUME_ACCESS_MODE": "ReadWriteMany",
        "STORAGE_CLASS": "nfs",
    }
    assert process(template) == [claim]


def test_what_would_be_taken_for_a_parameter_is_refused():
    tricky = cronjob("hourly", "7 * * * *", environment={**SERVER, "OTHER": "a ${PG_HOST} b"})
    with pytest.raises(AnsibleFilterError, match=r"holds \$\{PG_HOST\}, which a Template of OpenShift would replace"):
        made([tricky])
    harmless = cronjob("hourly", "7 * * * *", environment={**SERVER, "OTHER": "a ${HOME} $(PGHOST) b"})
    assert process(made([harmless])) == [harmless]
