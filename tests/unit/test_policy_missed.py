# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases that are missed in the newest backup are told, by the run that made it and by whoever restores it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, Backup, Order
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.missed import told_by_backup, told_by_latest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.selection import select

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
EMPTY = ("template1", "postgres")
FULL = ("template1", "orders", "postgres", "stock")


def backup(hour: int, names: tuple | None, state: str = PROVEN, left_out: tuple = (), only_database: str | None = None) -> Backup:
    """A backup of that hour which holds the databases ``names``; None where nobody knows."""
    time = NOON + timedelta(hours=hour)
    name = DumpName(time, "zstd").file_name
    facts = None
    if names is not None:
        entries = [SimpleNamespace(name=name) for name in left_out]
        facts = SimpleNamespace(database_names=names, left_out=entries, only_database=only_database)
    return Backup("hourly", name, "/backup/hourly/" + name, time, 1, state, "", Order(time, hour, name), facts)


def test_a_database_that_is_gone_is_told_by_the_next_backup_alone() -> None:
    first, second, third = backup(1, FULL), backup(2, ("template1", "postgres", "stock")), backup(3, ("template1", "postgres", "stock"))
    (sentence,) = told_by_backup(second, [first])
    assert "orders, which" in sentence and first.name in sentence and "stock" not in sentence
    assert told_by_backup(third, [first, second]) == []
    assert told_by_backup(backup(2, ("template1", "postgres", "stock"), left_out=("orders",)), [first]) == []


def test_an_empty_server_is_told_however_often_it_was_backed_up() -> None:
    full = backup(1, FULL)
    emptied = [backup(hour, EMPTY) for hour in range(2, 6)]
    (sentence,) = told_by_latest(emptied[-1], [full, *emptied[:-1]])
    assert "orders and stock" in sentence and sentence.endswith("ask for %s." % full.name)
    assert told_by_latest(emptied[-1], emptied[:-1]) == []


def test_nothing_is_said_of_what_is_not_known() -> None:
    for unknown in (None, ()):
        assert told_by_latest(backup(2, unknown), [backup(1, FULL)]) == []
        assert told_by_latest(backup(2, ("template1", "postgres", "stock")), [backup(0, FULL), backup(1, unknown)]) != []
        assert told_by_latest(backup(2, EMPTY), [backup(1, unknown)]) == []
    assert told_by_latest(backup(2, EMPTY), [backup(1, FULL, DAMAGED)]) == []


def test_what_was_left_out_on_purpose_is_not_missed() -> None:
    assert told_by_latest(backup(2, ("template1", "postgres", "stock"), left_out=("orders",)), [backup(1, FULL)]) == []
    (sentence,) = told_by_latest(backup(2, EMPTY, left_out=("orders",)), [backup(1, FULL)])
    assert "hold: stock," in sentence
    assert told_by_latest(backup(2, ("orders",), only_database="orders"), [backup(1, FULL)]) == []


def test_more_databases_than_before_are_nothing_to_tell() -> None:
    assert told_by_latest(backup(2, FULL), [backup(1, EMPTY)]) == []
    assert told_by_latest(backup(1, FULL), []) == []


def test_whoever_asks_for_the_latest_is_told_and_nobody_else() -> None:
    full, empty = backup(1, FULL), backup(2, EMPTY)
    selection = select([empty, full], "latest", NOON + timedelta(hours=3))
    assert selection.backup is empty and len(selection.warnings) == 1 and full.name in selection.warnings[0]
    assert select([empty, full], empty.name, NOON + timedelta(hours=3)).warnings == ()
    assert select([full], "latest", NOON + timedelta(hours=3)).warnings == ()
