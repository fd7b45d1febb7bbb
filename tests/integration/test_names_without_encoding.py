# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers in SQL_ASCII, where a name is whatever bytes somebody once typed."""

from __future__ import annotations

import os

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import TargetRefused
from ansible_collections.bandr.postgres.tests.playbooks.runner import run_playbook, task
from ansible_collections.bandr.postgres.tests.playbooks.stage import BACKUP, RESTORE
from ansible_collections.bandr.postgres.tests.servers.commands import run
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of, everything_of
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup, restore_backup

_LATIN = b"l\xe9on".decode("utf-8", "surrogateescape")
_DEFINITIONS = (
    b'CREATE ROLE "r\xf4le"; CREATE DATABASE "l\xe9on" OWNER "r\xf4le"; CREATE DATABASE "gr\xc3\xbc\xc3\x9fe";'
    b"COMMENT ON DATABASE \"l\xe9on\" IS 'donn\xe9es'; COMMENT ON DATABASE postgres IS 'donn\xe9es';"
)
_TABLE = b'CREATE TABLE "t\xe9" AS SELECT 1 AS x'


@pytest.fixture
def source(fresh_server, newest_installation):
    server = fresh_server(newest_installation, encoding="SQL_ASCII", locale="C")
    server.psql(_DEFINITIONS, PGCLIENTENCODING="SQL_ASCII")
    for name in (_LATIN, "grüße"):
        server.psql(_TABLE, name, PGCLIENTENCODING="SQL_ASCII")
    return server


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_names_that_are_no_text_come_back(source, fresh_server, newest_installation, tmp_path, jobs):
    target = fresh_server(newest_installation, encoding="SQL_ASCII", locale="C")
    made = run(tmp_path, source, "backup", "--jobs", jobs)
    assert made.code == 0, made.said
    assert made.result["backup"]["databases"] == ["template1", "grüße", r"l\xe9on", "postgres"]
    assert run(tmp_path, None, "list", LC_ALL="C").code == 0
    one = ("--replace", "--database", os.fsdecode(b"l\xe9on"))
    told = ("--replace", "--database", r"l\xe9on")
    for more in ((), ("--replace",), one, told, (*one, "--replace-method", "drop")):
        restored = run(tmp_path, target, "recover", "--jobs", jobs, *more)
        assert (restored.code, restored.result["warnings"]) == (0, []), restored.said
    assert difference(everything_of(source), everything_of(target)) == ""


def test_tasks_tell_of_such_names_and_take_them_as_they_were_told(source, tmp_path):
    way = {"root": str(tmp_path / "volume"), "host": source.host, "port": source.port, "client_folder": source.installation.bin_folder}
    (tmp_path / "volume").mkdir()
    ran = run_playbook(
        tmp_path / "playbook",
        [task("made", BACKUP, **way), task("one", RESTORE, replace=True, databases=[r"l\xe9on"], **way), task("refused", RESTORE, **way)],
    )
    assert not ran.task("made").failed and not ran.task("one").failed, ran.output[-3000:]
    assert ran.task("made").result["backup"]["databases"] == ["template1", "grüße", r"l\xe9on", "postgres"]
    assert [(entry["name"], entry["state"]) for entry in ran.task("one").result["databases"]] == [(r"l\xe9on", "restored")]
    assert r"The database l\xe9on exists on the target" in ran.task("refused").result["msg"]


def test_a_target_that_takes_text_alone_is_told_before_anything_is_touched(source, fresh_server, newest_installation, tmp_path):
    target = fresh_server(newest_installation)
    make_backup(tmp_path, source)
    before = dump_of(target)
    with pytest.raises(TargetRefused, match=r"database l\\xe9on and role r\\xf4le"):
        restore_backup(tmp_path, target)
    assert dump_of(target) == before
