# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of the role pg_recovery become: arguments that the engine understands, and the server to restore into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.bandr.postgres.plugins.module_utils._engine import command_line

ROLES = Path(__file__).resolve().parents[2] / "roles"


def worked_out(name: str, **given: Any) -> Any:
    """A variable of the role, where an inventory gives those."""
    values: dict[str, Any] = {"pg_backup_name": "orders", "pg_backup_host": "db", "pg_backup_port": 5432}
    for part in ("defaults", "vars"):
        values.update(DataLoader().load_from_file(str(ROLES / "pg_recovery" / part / "main.yml"), trusted_as_template=True))
    templar = Templar(loader=DataLoader(), variables={**values, **given})
    return templar.template(trust_as_template("{{ %s }}" % name))


def understood(**given: Any) -> dict[str, Any]:
    """What the engine makes of the arguments: the options that are not as they are without any."""
    parser = command_line._parser()
    usual = vars(parser.parse_args(["recover"]))
    options = vars(parser.parse_args(worked_out("pg_recovery_arguments", **given)))
    return {name: value for name, value in options.items() if value != usual.get(name)}


def test_nothing_said_is_a_list() -> None:
    assert understood() == {"wanted": "none"}


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"from_backup": "latest"}, {"wanted": "latest"}),
        ({"pg_recovery_from_backup": "2026-11-22"}, {"wanted": "2026-11-22"}),
        ({"pg_recovery_maximum_age": "36h"}, {"maximum_age": "36h"}),
        ({"pg_recovery_databases": ["a", "b c"]}, {"databases": ["a", "b c"]}),
        ({"pg_recovery_databases": "a, b c,"}, {"databases": ["a", "b c"]}),
        ({"pg_recovery_databases": '["a", "b,c"]'}, {"databases": ["a", "b,c"]}),
        ({"pg_recovery_replace": "yes"}, {"replace": True}),
        ({"pg_recovery_replace": True, "pg_recovery_replace_method": "drop"}, {"replace": True, "replace_method": "drop"}),
        ({"pg_recovery_replace_method": "drop"}, {}),
        ({"pg_recovery_expected_databases": "a,b"}, {"expected_databases": ["a", "b"]}),
        ({"pg_recovery_expected_count": "4"}, {"expected_count": 4}),
        ({"pg_recovery_keep_going": "true"}, {"keep_going": True}),
        ({"pg_recovery_analyze": "false"}, {"no_analyze": True}),
        ({"pg_recovery_jobs": "3"}, {"jobs": 3}),
        ({"pg_recovery_dry_run": True}, {"dry_run": True}),
    ],
)
def test_every_variable_arrives(given: dict[str, Any], options: dict[str, Any]) -> None:
    assert understood(**given) == {"wanted": "none", **options}


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({}, True),
        ({"pg_recovery_host": "spare"}, {"host": "spare"}),
        ({"pg_recovery_port": "6432"}, {"port": 6432}),
        ({"pg_recovery_user": "admin"}, {"user": "admin", "user_key": ""}),
        ({"pg_recovery_secret": {"name": "x"}}, {"secret_name": "x", "password_key": "password", "user_key": ""}),
        (
            {"pg_recovery_secret": '{"name": "x", "password_key": "p", "user_key": "u"}'},
            {"secret_name": "x", "password_key": "p", "user_key": "u"},
        ),
        ({"pg_recovery_password": "hush"}, {"secret_name": "orders-restore", "password_key": "password", "user_key": ""}),
    ],
)
def test_another_server_is_told_by_what_is_different_about_it(given: dict[str, Any], server: Any) -> None:
    assert worked_out("pg_recovery_server", **given) == server


@pytest.mark.parametrize(
    ("given", "pauses"),
    [
        ({}, True),
        ({"pg_recovery_host": "db"}, True),
        ({"pg_recovery_host": "spare"}, False),
        ({"pg_recovery_dry_run": "yes"}, False),
    ],
)
def test_backups_rest_while_their_own_server_is_restored(given: dict[str, Any], pauses: bool) -> None:
    assert worked_out("pg_recovery_pause", **given) is pauses
