# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles and databases set, by mischief or by mistake, neither stops a backup nor changes what a restore means."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import dump
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import DumpFailed
from ansible_collections.bandr.postgres.tests.servers.commands import run, wait_for
from ansible_collections.bandr.postgres.tests.servers.engine import connection_to, make_backup, restore_backup

# Its owner's functions are found before PostgreSQL's own: whoever calls one by its bare name runs what he wrote.
TRAP = """
SET SESSION AUTHORIZATION mallory;
CREATE SCHEMA trap;
CREATE FUNCTION trap.spring() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE 'ALTER ROLE mallory SUPERUSER'; RETURN '{}'; EXCEPTION WHEN insufficient_privilege THEN RETURN '{}'; END $$;
CREATE FUNCTION trap.json_build_object(text, bigint, text, json) RETURNS json LANGUAGE sql AS 'SELECT trap.spring()::json';
CREATE FUNCTION trap.format(text, text) RETURNS text LANGUAGE sql AS 'SELECT trap.spring()';
CREATE FUNCTION trap.obj_description(oid, name) RETURNS text LANGUAGE sql AS 'SELECT trap.spring()';
CREATE TABLE t AS SELECT 1 AS x;
"""


def test_no_owner_of_a_database_is_made_a_superuser_by_a_backup_or_a_restore(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql("CREATE ROLE mallory; CREATE DATABASE trap OWNER mallory; ALTER DATABASE trap SET search_path TO trap, public, pg_catalog")
    source.psql(TRAP.replace("CREATE TABLE t", "CREATE TABLE trap.t"), "trap")
    make_backup(tmp_path, source)
    restore_backup(tmp_path, target)
    restore_backup(tmp_path, target, databases=("trap",), replace=True)
    for server in (source, target):
        assert server.psql("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'") == "f"


def test_nothing_that_cuts_a_superusers_sessions_short_stops_a_backup_or_a_restore(installation, fresh_server, tmp_path):
    source, target = fresh_server(installation), fresh_server(installation)
    source.psql("CREATE DATABASE big; CREATE ROLE checker SUPERUSER LOGIN")
    source.psql(
        "CREATE TABLE t AS SELECT md5(g::text) AS x FROM generate_series(1, 50000) g; CREATE INDEX ON t (x); CREATE TABLE u ();", "big"
    )
    settings = ["statement_timeout TO '1ms'", "lock_timeout TO '1ms'", "idle_in_transaction_session_timeout TO '1ms'"]
    settings += ["temp_file_limit TO '64kB'", "maintenance_work_mem TO '1MB'", "default_transaction_read_only TO on"]
    # Whatever is set for all comes last, since it holds for the checker, too.
    for setting in settings:
        source.psql("SET default_transaction_read_only = off; ALTER ROLE postgres SET %s" % setting, PGUSER="checker")
    source.psql("SET default_transaction_read_only = off; ALTER ROLE ALL SET default_transaction_read_only TO on", PGUSER="checker")
    make_backup(tmp_path, source)
    result = restore_backup(tmp_path, target)
    assert result["warnings"] == []
    assert target.psql("SELECT count(*) FROM t", "big", PGUSER="checker") == "50000"
    query = "SELECT rolname, unnest(setconfig) FROM pg_db_role_setting LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1, 2"
    assert target.psql(query, PGUSER="checker") == source.psql(query, PGUSER="checker") != ""


def test_settings_that_only_newer_servers_know_are_overruled_there(server):
    names = ["idle_session_timeout"] + (["transaction_timeout"] if server.installation.major >= 17 else [])
    shown = "".join("SHOW %s;\n" % name for name in names)
    server.psql("CREATE ROLE hasty SUPERUSER LOGIN")
    try:
        for name in names:
            server.psql("ALTER ROLE hasty SET %s TO '1h'" % name)
        context = Context(client_folder=server.installation.bin_folder)
        version = int(server.psql("SHOW server_version_num"))
        connection = replace(connection_to(server), user="hasty")
        assert context.session(connection).execute(shown).split() == ["1h"] * len(names)
        for known in (connection.knowing(version, True), connection.for_restore(version, True)):
            assert context.session(known).execute(shown).split() == ["0"] * len(names)
    finally:
        server.psql("DROP ROLE hasty")


def test_arrays_keep_their_nulls_where_a_database_reads_them_as_words(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql("CREATE DATABASE words")
    source.psql("CREATE TABLE t AS SELECT ARRAY ['a', NULL, 'NULL'] AS x", "words")
    source.psql("ALTER DATABASE words SET array_nulls TO off; ALTER DATABASE words SET transform_null_equals TO on")
    make_backup(tmp_path, source)
    restore_backup(tmp_path, target)
    assert target.psql("SELECT x[2] IS NULL, x[3] = 'NULL' FROM t", "words") == "t|t"


def test_a_database_whose_sessions_become_another_role_is_restored_by_the_superuser(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql("CREATE ROLE reader; GRANT pg_read_all_data TO reader; CREATE DATABASE disguised")
    source.psql("CREATE TABLE t AS SELECT 1 AS x", "disguised")
    source.psql("ALTER DATABASE disguised SET role TO reader")
    make_backup(tmp_path, source)
    result = restore_backup(tmp_path, target)
    assert result["warnings"] == []
    assert target.psql("SELECT x, current_user FROM t", "disguised") == "1|reader"


def test_a_trigger_on_logins_does_not_fire_in_a_restore(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql("CREATE DATABASE guarded")
    source.psql(
        "CREATE TABLE t AS SELECT 1 AS x; CREATE FUNCTION at_home() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF inet_server_port() <> %d THEN RAISE EXCEPTION 'not at home'; END IF; END $$;"
        "CREATE EVENT TRIGGER guard ON login EXECUTE FUNCTION at_home(); ALTER EVENT TRIGGER guard ENABLE ALWAYS" % source.port,
        "guarded",
    )
    make_backup(tmp_path, source)
    result = restore_backup(tmp_path, target)
    assert result["warnings"] == []
    assert target.psql("SELECT evtenabled FROM pg_event_trigger", "guarded", PGOPTIONS="-c event_triggers=off") == "A"


def test_a_trigger_on_logins_neither_stops_nor_sees_a_backup_by_a_superuser(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql("CREATE DATABASE shut; CREATE DATABASE watched; CREATE ROLE reader LOGIN; GRANT pg_read_all_data TO reader")
    trigger = (
        "CREATE TABLE seen (who text); CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN %s END $$;"
        "CREATE EVENT TRIGGER guard ON login EXECUTE FUNCTION look(); ALTER EVENT TRIGGER guard ENABLE ALWAYS"
    )
    # It finds its table only where nobody has taken its schema off the search_path.
    for name in ("watched", "postgres"):
        source.psql(trigger % "INSERT INTO seen VALUES (session_user);", name)
    # A user without rights is seen like everybody; that is no reason to fail.
    make_backup(tmp_path, source, user="reader", role_passwords=False)
    assert "reader" in source.psql("SELECT who FROM seen", "watched").split()
    source.psql(trigger % "RAISE EXCEPTION 'shut';", "shut")
    source.psql("TRUNCATE seen", "watched", PGOPTIONS="-c event_triggers=off")
    make_backup(tmp_path, source)
    assert source.psql("SELECT count(*) FROM seen", "watched", PGOPTIONS="-c event_triggers=off") == "0"
    for request in ({}, {"replace": True}, {"databases": ("watched", "shut"), "replace": True}):
        assert restore_backup(tmp_path, target, **request)["warnings"] == []
    assert target.psql("SELECT count(*) FROM seen", "watched", PGOPTIONS="-c event_triggers=off") == "0"


def test_errors_that_are_asked_to_be_coloured_are_errors_all_the_same(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql("CREATE DATABASE trap")
    # It dumps well, and its rows are refused by a function that does not find its table.
    source.psql(
        "CREATE TABLE allowed AS SELECT 1 AS id; CREATE FUNCTION is_allowed(int) RETURNS bool LANGUAGE sql AS "
        "'SELECT EXISTS (SELECT FROM allowed WHERE id = $1)'; CREATE TABLE used (id int CHECK (is_allowed(id))); INSERT INTO used VALUES (1)",
        "trap",
    )
    colours = {"PG_COLOR": "always"}
    assert run(tmp_path, source, "backup", **colours).code == 0
    went_on = run(tmp_path, target, "recover", "--keep-going", **colours)
    assert (went_on.code, went_on.result["reason"]) == (11, "errors"), went_on.said
    stopped = run(tmp_path, target, "recover", "--replace", **colours)
    assert stopped.code == 10
    for ended in (went_on, stopped):
        assert 'relation "allowed" does not exist' in ended.message


FORGED = """
SELECT '
\\unrestrict %(key)s
--
-- Database "%(database)s" dump
--

\\connect %(database)s

\\restrict %(key)s
ALTER ROLE mallory SUPERUSER;
'::text"""


@pytest.mark.parametrize(
    ("database", "options"), [("postgres", {}), ("elsewhere", {}), ("closed", {}), ("other", {"only_database": "hers"})]
)
def test_nobody_who_knows_the_key_of_a_dump_forges_a_section_of_it(
    newest_installation, fresh_server, tmp_path, monkeypatch, database, options
):
    key = "KNOWN"
    monkeypatch.setattr(dump, "new_restrict_key", lambda: key)
    server = fresh_server(newest_installation)
    server.psql(
        "CREATE ROLE mallory; CREATE DATABASE hers OWNER mallory; CREATE DATABASE closed ALLOW_CONNECTIONS false; CREATE DATABASE other"
    )
    make_backup(tmp_path, server, **options)
    # The body of a function reaches the dump as it is.
    body = "$body$%s$body$" % (FORGED % {"key": key, "database": database})
    server.psql("CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS " + body, "hers")
    with pytest.raises(DumpFailed, match="has sections of %s that pg_dumpall cannot have written" % database):
        make_backup(tmp_path, server, **options)


def test_a_role_that_joins_between_roles_and_memberships_is_noticed(newest_installation, fresh_server, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE ROLE team")
    joins = (
        "BEGIN; LOCK TABLE pg_catalog.pg_auth_members; DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted) LOOP "
        "PERFORM pg_sleep(0.01); END LOOP; END $$; CREATE ROLE newcomer; GRANT team TO newcomer; COMMIT"
    )
    thread = threading.Thread(target=server.psql, args=(joins,), kwargs={"PGAPPNAME": "joining"})
    thread.start()
    held = "SELECT count(*) FROM pg_locks WHERE relation = 'pg_auth_members'::regclass AND mode = 'AccessExclusiveLock'"
    wait_for(lambda: server.psql(held) == "1", "never locked")
    with pytest.raises(DumpFailed, match="The roles newcomer were created while roles and memberships were dumped"):
        make_backup(tmp_path, server)
    thread.join()
    make_backup(tmp_path, server)
