# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameter files of bandr-ansible, and the inventories that are made of them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.bandr.postgres.plugins.filter.migrate import migrated
from ansible_collections.bandr.postgres.plugins.plugin_utils.tiers import complete_tiers

CHECKOUT = Path(__file__).resolve().parents[2]
# The template of a parameter file, filled in.
CRON = {
    "backup_type": "cron",
    "backup_namespace": "shop",
    "backup_namespace_sa": "postgres",
    "backup_database_user_password": "hush: it's \\ secret",
    "backup_cron_hourly_schedule": "14 2,6,10,14,18,22 * * *",
    "backup_cron_hourly_count": 6,
    "backup_cron_daily_schedule": "4 3 * * *",
    "backup_cron_daily_count": 6,
    "backup_cron_weekly_schedule": "4 4 * * *",
    "backup_cron_weekly_count": "3",
    "backup_cron_monthly_schedule": "",
    "backup_cron_monthly_count": 23,
    "backup_database_host": "database",
    "backup_database_user": "postgres",
    "backup_volume_pvc": "database-backup",
    "backup_volume_size_g": 0,
    "backup_volume_storageclass": " ",
}
RECOVERY = {
    "recovery_namespace": "shop-test",
    "recovery_sa": "postgres",
    "recovery_host": "postgres",
    "recovery_from": "latest",
    "recovery_database": "docs",
    "recovery_database_expected_count": 4,
    "recovery_latest_backup_maximum_age_h": 12,
    "recovery_do_not_stop_on_error": "yes",
    "recovery_wait_minutes": 30,
    "recovery_database_secret": "database",
    "recovery_volume_pvc": "scratch",
    "recovery_volume_size_g": 10,
    "recovery_volume_storageclass": " ",
    "recovery_volume_is_s3": "no",
    "recovery_s3_secret_access_key": "bucket-secret",
}


def variables(**parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = migrated({**CRON, **parameters})["variables"]
    return found


def notes(**parameters: Any) -> str:
    return " ".join(migrated({**CRON, **parameters})["notes"])


def known_options() -> dict[str, Any]:
    """Every variable of the roles, as Ansible checks it."""
    options: dict[str, Any] = {}
    for role in ("pg_recovery", "pg_backup"):
        specs = yaml.safe_load((CHECKOUT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
        options.update(specs["argument_specs"]["main"]["options"])
    return options


def test_the_example_of_the_predecessor() -> None:
    result = migrated(CRON)
    assert result["variables"] == {
        "pg_backup_namespace": "shop",
        "pg_backup_host": "database",
        "pg_backup_user": "postgres",
        "pg_backup_volume_claim": "database-backup",
        "pg_backup_tiers": {
            "hourly": {"schedule": "14 2,6,10,14,18,22 * * *", "count": 6},
            "daily": {"schedule": "4 3 * * *", "count": 6},
            "weekly": {"schedule": "4 4 * * *", "count": 3},
        },
        "pg_backup_service_account": "postgres",
    }
    assert result["secrets"] == {"pg_backup_password": "hush: it's \\ secret"}


def test_tiers_wait_for_as_many_as_they_did() -> None:
    tiers = {tier["tier"]: tier["arguments"] for tier in complete_tiers(variables()["pg_backup_tiers"])}
    assert tiers["daily"][-6:] == ["--prior-tier", "hourly", "--prior-count", "6", "--promote", "oldest"]
    assert tiers["weekly"][-6:] == ["--prior-tier", "daily", "--prior-count", "6", "--promote", "oldest"]


@pytest.mark.parametrize("parameters", [CRON, {**CRON, **RECOVERY}, {**CRON, "backup_node_label": "x/y", "backup_type": "once"}])
def test_every_variable_is_one_of_the_roles(parameters: dict[str, Any]) -> None:
    result = migrated(parameters)
    known = known_options()
    given = {**result["variables"], **result["secrets"]}
    assert set(given) <= set(known)
    checked = ArgumentSpecValidator({name: known[name] for name in given}).validate(given)
    assert checked.error_messages == []


def test_defaults_are_those_of_the_predecessor() -> None:
    only = {"backup_namespace": "shop", "backup_database_host": "database", "backup_database_user_password": "x"}
    assert migrated(only)["variables"]["pg_backup_tiers"] == {"hourly": {"schedule": "14 * * * *", "count": 24}}


def test_secrets_are_in_no_variable_and_in_no_note() -> None:
    result = migrated({**CRON, **RECOVERY})
    for word in ("hush", "bucket-secret"):
        assert word not in json.dumps([result["variables"], result["notes"]])


def test_a_recovery_elsewhere() -> None:
    found = variables(**RECOVERY)
    assert {name: value for name, value in found.items() if name.startswith("pg_recovery")} == {
        "pg_recovery_host": "postgres.shop-test.svc",
        "pg_recovery_secret": {"name": "database", "password_key": "root_password"},
        "pg_recovery_databases": ["docs"],
        "pg_recovery_expected_count": "4",
        "pg_recovery_maximum_age": "12h",
        "pg_recovery_keep_going": True,
        "pg_recovery_timeout": 1800,
    }
    said = notes(**RECOVERY)
    assert "from_backup=latest" in said and "scratch" not in said and "nothing is unpacked" in said and "The Secret database" in said


def test_a_recovery_into_the_same_server_needs_nothing() -> None:
    found = variables(recovery_namespace="shop", recovery_host="database", recovery_database_secret="database")
    assert not [name for name in found if name.startswith("pg_recovery")]


def test_a_recovery_file_alone_is_enough() -> None:
    result = migrated({**RECOVERY, "recovery_volume_pvc_name": "database-backup"})
    assert result["variables"]["pg_backup_namespace"] == "shop-test" and result["variables"]["pg_backup_host"] == "postgres"
    assert result["variables"]["pg_backup_secret"] == {"name": "database", "password_key": "root_password"}
    assert result["variables"]["pg_backup_volume_claim"] == "database-backup" and result["secrets"] == {}


def test_the_template_of_a_recovery_has_names_of_its_own() -> None:
    template = {
        "backup_type": "once",
        "recovery_namespace": "shop",
        "recovery_sa": "postgres",
        "recovery_database_user_password": "hush",
        "recovery_database_host": "database",
        "recovery_database_user": "admin",
        "recovery_volume_size_g": 0,
        "recovery_volume_storageclass": " ",
    }
    result = migrated(template)
    assert (result["variables"]["pg_backup_host"], result["variables"]["pg_backup_user"]) == ("database", "admin")
    assert result["secrets"] == {"pg_backup_password": "hush"} and "hush" not in json.dumps(result["notes"])
    # What a backup says wins, and nothing is said of what it makes needless.
    both = migrated({**CRON, **template, "backup_type": "cron"})
    assert (both["variables"]["pg_backup_host"], both["secrets"]) == (
        "database",
        {"pg_backup_password": CRON["backup_database_user_password"]},
    )
    assert "recovery_database" not in " ".join(both["notes"])


def test_a_claim_is_adopted_and_else_made() -> None:
    adopted = variables(backup_volume_size_g=20, backup_volume_storageclass="fast")
    assert adopted["pg_backup_volume_claim"] == "database-backup"
    assert "pg_backup_volume_size" not in adopted and "pg_backup_storage_class" not in adopted
    made = variables(backup_volume_pvc="SetMe", backup_volume_size_g="20", backup_volume_storageclass="fast")
    assert (made["pg_backup_volume_size"], made["pg_backup_storage_class"]) == ("20Gi", "fast")
    assert "pg_backup_volume_claim" not in made


def test_a_backup_once_runs_on_no_schedule() -> None:
    found = variables(backup_type="once")
    assert found["pg_backup_suspend"] is True and found["pg_backup_tiers"] == {
        "hourly": {"schedule": CRON["backup_cron_hourly_schedule"], "count": 2}
    }
    assert "bandr.postgres.backup_now" in notes(backup_type="once")


def test_a_count_that_deleted_everything_is_not_taken_over() -> None:
    assert variables(backup_cron_daily_count=0)["pg_backup_tiers"]["daily"]["count"] == 7
    assert "backup_cron_daily_count is 0" in notes(backup_cron_daily_count=0)


def test_where_pods_ran_they_run() -> None:
    (term,) = variables(backup_node_label="example.com/work")["pg_backup_affinity"]["nodeAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert term["preference"] == {"matchExpressions": [{"key": "example.com/work", "operator": "Exists"}]}
    assert variables(backup_kubeconfig="/home/me/kubeconfig")["pg_backup_kubeconfig"] == "/home/me/kubeconfig"


@pytest.mark.parametrize("name", ["recovery_s3_bucket", "backup_image_tag", "recovery_sa", "bandr_debug", "nonsense"])
def test_nothing_is_dropped_in_silence(name: str) -> None:
    assert name in notes(**{name: "something"})


def test_a_password_that_looks_like_a_template_is_told() -> None:
    assert "!unsafe" in notes(backup_database_user_password="a{{b") and "!unsafe" not in notes()
    assert "There is no password" in notes(backup_database_user_password="SetMe")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "backup_namespace is not set"),
        ({**CRON, "backup_namespace": "SetMe"}, "backup_namespace is not set"),
        ({**CRON, "backup_database_host": ""}, "backup_database_host is not set"),
        ({**CRON, "backup_cron_hourly_count": "many"}, "backup_cron_hourly_count is 'many', but must be a whole number"),
        ("text", "must be variables with values, not str"),
    ],
)
def test_what_cannot_be_meant_is_a_sentence(parameters: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        migrated(parameters)


def test_the_playbook_writes_an_inventory_and_leaves_one_that_exists(tmp_path: Path) -> None:
    (tmp_path / "parameters.yaml").write_text(yaml.safe_dump(CRON))
    # As the page has it: paths are those of the folder where the command is typed.
    command = ["ansible-playbook", str(CHECKOUT / "playbooks" / "migrate.yml"), "-e", "migrate_name=orders"]
    command += ["-e", "migrate_from=parameters.yaml", "-e", "migrate_to=inventory"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name == "ANSIBLE_COLLECTIONS_PATH"}
    shown = []
    for changed in ("changed=4", "changed=0"):
        done = subprocess.run(
            command, check=False, cwd=tmp_path, env={**kept, "ANSIBLE_HOME": str(tmp_path / "home")}, capture_output=True, text=True
        )
        assert done.returncode == 0 and changed in done.stdout, done.stdout + done.stderr
        shown.append(done.stdout + done.stderr)
    assert "hush" not in "".join(shown) and "The volume claim database-backup is used as it is" in shown[0]
    folder = tmp_path / "inventory" / "host_vars" / "orders"
    assert stat.S_IMODE((folder / "vault.yml").stat().st_mode) == 0o600
    said = subprocess.run(
        ["ansible-inventory", "-i", str(tmp_path / "inventory"), "--host", "orders"], env=kept, capture_output=True, text=True, check=True
    )
    result = migrated(CRON)
    assert json.loads(said.stdout) == {**result["variables"], **result["secrets"]}


def test_a_parameter_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name == "ANSIBLE_COLLECTIONS_PATH"}
    command = ["ansible-playbook", str(CHECKOUT / "playbooks" / "migrate.yml"), "-e", "migrate_from=parameters.yaml"]
    done = subprocess.run(
        command, check=False, cwd=tmp_path, env={**kept, "ANSIBLE_HOME": str(tmp_path / "home")}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "There is no file %s/parameters.yaml." % tmp_path in done.stdout, done.stdout + done.stderr
