# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is wrong with a target is told at once, and nothing on it is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import Extension, read_manifest, write_manifest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.target import (
    look_at_target,
    psql_knows_restrict,
    why_no_folder,
    why_no_locale,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.targets import LocaleNeed
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import TargetRefused
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of
from ansible_collections.bandr.postgres.tests.servers.engine import connection_to, make_backup, restore_backup


def session_to(server):
    return Context(client_folder=server.installation.bin_folder).session(connection_to(server))


def rewrite(root, change):
    """Let the one manifest of a volume tell of another server."""
    (path,) = (root / "hourly").glob("*.json")
    path.write_text(write_manifest(change(read_manifest(path.read_text()))))


def test_all_problems_come_in_one_report(fresh_server, newest_installation, tmp_path):
    source = fresh_server(newest_installation)
    folder = source.new_tablespace_folder()
    source.psql("CREATE TABLESPACE fast LOCATION '%s'" % folder)
    source.psql("CREATE DATABASE orders TABLESPACE fast")
    source.psql("CREATE DATABASE stock")
    make_backup(tmp_path, source)

    def harder(manifest):
        databases = [
            replace(facts, collate="xx_YY.utf8", ctype="xx_YY.utf8", extensions=(Extension("nosuch", "1.0"),))
            if facts.name == "orders"
            else facts
            for facts in manifest.databases
        ]
        return replace(manifest, databases=tuple(databases), server_version="99.1", server_version_number=990001)

    rewrite(tmp_path, harder)
    target = fresh_server(newest_installation)
    target.psql("CREATE DATABASE stock")
    target.psql("CREATE TABLE t (x int)", "stock")
    before = dump_of(target)
    with pytest.raises(TargetRefused) as caught:
        restore_backup(tmp_path, target, expected_count=17)
    problems = caught.value.details["problems"]
    for words in ("PostgreSQL 99.1", "stock exists", "xx_YY.utf8", "tablespace fast cannot be created", "nosuch", "17 databases"):
        assert sum(words in problem for problem in problems) == 1, (words, problems)
    assert len(problems) == 6
    assert all(problem in caught.value.message for problem in problems)
    assert dump_of(target) == before


def test_the_look_at_a_real_server(server):
    session = session_to(server)
    target = look_at_target(session)
    assert target.major == server.installation.major
    assert target.superuser and not target.in_recovery and target.free_connections >= 30
    assert "plpgsql" in target.extensions and "pg_read_all_data" in target.roles
    assert target.unknown_settings == (frozenset() if target.major >= 17 else {"transaction_timeout"})
    assert psql_knows_restrict(session)
    assert {database.name for database in target.databases} >= {"postgres", "template0", "template1"}


def test_what_a_user_without_rights_and_a_standby_look_like(fresh_server, newest_installation):
    server = fresh_server(newest_installation)
    server.psql("CREATE ROLE weak LOGIN")
    weak = replace(connection_to(server), user="weak")
    assert not look_at_target(Context(client_folder=server.installation.bin_folder).session(weak)).superuser
    server.stop()
    with open(server.data_folder + "/standby.signal", "w", encoding="ascii"):
        pass
    server.start()
    assert look_at_target(session_to(server)).in_recovery


def test_what_keeps_a_database_from_being_replaced(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation, settings={"max_prepared_transactions": "2"})
    server.psql("CREATE DATABASE orders")
    make_backup(tmp_path, server)
    server.psql("BEGIN; CREATE TABLE t (x int); PREPARE TRANSACTION 'p';", "orders")
    with pytest.raises(TargetRefused, match="prepared transactions"):
        restore_backup(tmp_path, server, replace=True)
    server.psql("COMMIT PREPARED 'p'", "orders")
    restore_backup(tmp_path, server, replace=True)


def test_locales_that_are_there_and_that_are_not(server):
    session = session_to(server)
    assert why_no_locale(session, LocaleNeed("libc", "C", "POSIX", None)) is None
    assert "xx_YY" in why_no_locale(session, LocaleNeed("libc", "C", "xx_YY", None))
    icu = server.psql("SELECT count(*) FROM pg_collation WHERE collname = 'de-x-icu'") != "0"
    assert (why_no_locale(session, LocaleNeed("icu", "C", "C", "de")) is None) == icu


def test_folders_that_are_there_and_that_are_not(fresh_server, newest_installation):
    server = fresh_server(newest_installation)
    session = session_to(server)
    folder = server.new_tablespace_folder()
    assert why_no_folder(session, folder) is None
    assert "does not exist" in why_no_folder(session, folder + "/nowhere")
    assert "no folder" in why_no_folder(session, server.data_folder + "/PG_VERSION")
    server.psql("CREATE TABLESPACE used LOCATION '%s'" % folder)
    assert "holds a tablespace" in why_no_folder(session, folder)


def test_chosen_databases_do_not_need_the_tablespaces_of_others(fresh_server, newest_installation, tmp_path):
    source = fresh_server(newest_installation)
    source.psql("CREATE ROLE r; CREATE TABLESPACE fast OWNER r LOCATION '%s'" % source.new_tablespace_folder())
    source.psql("CREATE DATABASE orders TABLESPACE fast")
    source.psql("CREATE DATABASE stock")
    make_backup(tmp_path, source)
    target = fresh_server(newest_installation)
    result = restore_backup(tmp_path, target, databases=("stock",))
    assert any("tablespace fast is not created" in warning for warning in result["warnings"])
    with pytest.raises(TargetRefused, match="tablespace fast cannot be created"):
        restore_backup(tmp_path, target, databases=("orders",))
