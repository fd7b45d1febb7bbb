# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a dump program that failed: its reason, however long the query that it quotes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.clients import Clients
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.connection import Connection
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.dump_source import DumpOptions, DumpSource
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import DumpFailed
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.processes import Runner


def failure_of(folder: Path, complaint: str, connection: Connection | None = None) -> str:
    """The message of a dump whose pg_dumpall says ``complaint`` and fails."""
    (folder / "complaint").write_text(complaint, encoding="utf-8")
    program = folder / "pg_dumpall"
    program.write_text("#!/bin/sh\ncat %s/complaint >&2\nexit 1\n" % folder, encoding="utf-8")
    program.chmod(0o755)
    runner = Runner()
    with pytest.raises(DumpFailed) as caught:
        list(DumpSource(runner, Clients(runner, str(folder)), connection or Connection(), DumpOptions()).chunks())
    return caught.value.message


def test_the_reason_is_told_before_the_query_that_failed(tmp_path: Path) -> None:
    message = failure_of(
        tmp_path,
        "pg_dump: error: query failed: ERROR:  permission denied for table secrets\npg_dump: detail: Query was: SELECT\n"
        + "  p.oid,\n" * 100
        + 'pg_dumpall: error: pg_dump failed on database "shop", exiting\n',
    )
    assert "permission denied for table secrets" in message and 'database "shop"' in message and "pg_read_all_data" in message
    assert "p.oid" not in message


def test_the_table_that_stayed_locked_is_named(tmp_path: Path) -> None:
    message = failure_of(
        tmp_path,
        "pg_dump: error: query failed: ERROR:  canceling statement due to statement timeout\n"
        "pg_dump: detail: Query was: LOCK TABLE public.big IN ACCESS SHARE MODE\n",
    )
    assert "public.big" in message and "lock_wait_seconds" in message


@pytest.mark.parametrize(
    "complaint",
    [
        "pg_dump: error: query failed\npg_dump: detail: Error message from server: ERROR:  canceling statement due to conflict with recovery\n",
        "pg_dump: error: query failed: FATAL:  terminating connection due to conflict with recovery\n",
    ],
)
def test_what_a_standby_cancels_has_its_remedy(tmp_path: Path, complaint: str) -> None:
    message = failure_of(tmp_path, complaint)
    assert "conflict with recovery" in message and "hot_standby_feedback" in message and "max_standby_streaming_delay" in message


def test_only_who_began_with_a_primary_hears_of_standbys(tmp_path: Path) -> None:
    complaint = 'pg_dumpall: error: could not connect to database "postgres"\n'
    assert "lead to one of them alone" in failure_of(tmp_path, complaint, Connection(only_primary=True))
    assert "standby" not in failure_of(tmp_path, complaint)
    assert "lead to one of them alone" in failure_of(tmp_path, "pg_dump: error: connection failed: server is in hot standby mode\n")


def test_what_says_neither_error_nor_detail_is_told_by_its_end(tmp_path: Path) -> None:
    assert "five" in failure_of(tmp_path, "one\ntwo\nthree\nfour\nfive\n")
    assert "it said nothing" in failure_of(tmp_path, "")
