# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores into real servers: everything comes back, and the target's door stays as it is."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import restore as restore_operation
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.restore_look import look
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import (
    RestoredWithErrors,
    RestoreFailed,
    TargetRefused,
    UsageError,
)
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of, everything_of
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup, restore_backup
from ansible_collections.bandr.postgres.tests.servers.installations import newest_of_major
from ansible_collections.bandr.postgres.tests.servers.restores import databases_of, states
from ansible_collections.bandr.postgres.tests.servers.server import Server
from ansible_collections.bandr.postgres.tests.zoo.loader import load_zoo

DECOYS = """
CREATE TABLE decoy (line text);
INSERT INTO decoy VALUES ('CREATE ROLE postgres;'), ('DROP ROLE postgres;'), ('ALTER ROLE postgres WITH PASSWORD ''no'';'),
  (E'x\\nCREATE ROLE postgres;\\n\\\\.\\nSET transaction_timeout = 0;'), ('\\unrestrict x'), ('-- Database "x" dump');
"""
HOSTILE_NAMES = ('we ird"db', "$(touch x)", "x=1 host=nowhere", "-v", "it's", "back\\slash", "postgresql://nowhere/", "ümläut", "UPPER")


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    """A server with two databases and a role, and a password of its own."""
    server = fresh_server_of_module(newest_installation, password="the source's")
    server.psql("CREATE ROLE app LOGIN PASSWORD 'app' VALID UNTIL '2030-01-01'; CREATE DATABASE orders OWNER app; CREATE DATABASE stock;")
    server.psql(DECOYS + "CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g;", "orders")
    server.psql("CREATE TABLE part (id serial PRIMARY KEY); INSERT INTO part DEFAULT VALUES;", "stock")
    return server


@pytest.fixture(scope="module")
def root(tmp_path_factory, source):
    """A volume with one backup of ``source``."""
    folder = tmp_path_factory.mktemp("volume")
    make_backup(folder, source)
    return folder


@pytest.fixture
def target(fresh_server, newest_installation):
    return fresh_server(newest_installation, password=r"the target's:\ $")


@pytest.mark.parametrize("codec", ["zstd", "gzip"])
def test_the_zoo_comes_back_to_the_byte(every_installation, fresh_server, tmp_path, codec):
    if codec == "gzip" and every_installation.major != 18:
        pytest.skip("one version is enough for the other codec")
    zoo = load_zoo(Server(every_installation).start())
    try:
        before = everything_of(zoo.server)
        make_backup(tmp_path, zoo.server, codec=codec)
        zoo.lose_server()
        target = fresh_server(every_installation)
        result = restore_backup(tmp_path, target)
        assert set(states(result).values()) <= {"restored", "skipped"}
        unlike = difference(before, everything_of(target))
        assert not unlike, unlike
    finally:
        zoo.remove()


def test_the_backup_of_an_emptied_server_is_not_taken_for_the_last_good_one_in_silence(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE DATABASE orders; CREATE DATABASE stock")
    full = make_backup(tmp_path, server)
    assert full["warnings"] == []
    server.psql("DROP DATABASE orders")
    (told,) = make_backup(tmp_path, server)["warnings"]
    assert "The server has no longer: orders," in told and full["backup"]["name"] in told
    server.psql("DROP DATABASE stock")
    for _hour in range(2):
        make_backup(tmp_path, server)
    warned = restore_backup(tmp_path, server)
    assert "does not hold: stock," in warned["warnings"][0], warned["warnings"]
    restored = restore_backup(tmp_path, server, wanted=full["backup"]["name"])
    assert restored["warnings"] == [] and states(restored)["orders"] == states(restored)["stock"] == "restored"


def test_the_door_of_the_target_stays_as_it_is(source, root, target):
    before = target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    restore_backup(root, target)
    assert target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'") == before
    app = "SELECT rolpassword, rolvaliduntil FROM pg_authid WHERE rolname = 'app'"
    assert target.psql(app) == source.psql(app) != ""


def test_rows_that_look_like_a_dump_survive(source, root, target):
    restore_backup(root, target)
    query = "SELECT line FROM decoy ORDER BY line"
    assert target.psql(query, "orders") == source.psql(query, "orders")
    assert target.psql("SELECT count(*) FROM decoy", "orders") == "6"


def test_statistics_are_gathered_unless_told_otherwise(root, fresh_server, newest_installation):
    query = "SELECT count(*) FROM pg_stats WHERE tablename = 't'"
    for analyze, expected in ((True, "1"), (False, "0")):
        server = fresh_server(newest_installation)
        restore_backup(root, server, analyze=analyze)
        assert server.psql(query, "orders") == expected


def test_hostile_names_come_back(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation, user="Admin User")
    for name in HOSTILE_NAMES:
        server.psql('CREATE DATABASE "%s"' % name.replace('"', '""'))
        server.psql("CREATE TABLE t AS SELECT current_database() AS name", name)
    make_backup(tmp_path, server)
    target = fresh_server(newest_installation, user="Admin User")
    for replace in (False, True):
        result = restore_backup(tmp_path, target, replace=replace)
        assert states(result) == {**dict.fromkeys(HOSTILE_NAMES, "restored"), "postgres": "skipped", "template1": "skipped"}
        for name in HOSTILE_NAMES:
            assert target.psql("SELECT name FROM t", name) == name
    assert databases_of(target) == databases_of(server)


def test_a_database_that_exists_is_refused_and_nothing_is_touched(root, target):
    target.psql("CREATE DATABASE orders; CREATE DATABASE stock;")
    target.psql("CREATE TABLE old (x int)", "orders")
    before = dump_of(target)
    with pytest.raises(TargetRefused) as caught:
        restore_backup(root, target)
    problems = caught.value.details["problems"]
    assert caught.value.details["databases_before"] == databases_of(target)
    assert len(problems) == 2 and "orders exists" in problems[0] and "stock exists on the target and holds nothing" in problems[1]
    assert dump_of(target) == before


@pytest.mark.parametrize("method", ["swap", "drop"])
def test_replacing_leaves_the_new_databases_alone(source, root, target, method):
    target.psql("CREATE DATABASE orders; CREATE DATABASE other; CREATE DATABASE stock IS_TEMPLATE true ALLOW_CONNECTIONS true;")
    target.psql("CREATE TABLE old (x int)", "orders")
    result = restore_backup(root, target, replace=True, replace_method=method)
    assert states(result)["orders"] == states(result)["stock"] == "restored"
    assert databases_of(target) == ["orders", "other", "postgres", "stock", "template0", "template1"]
    assert target.psql("SELECT to_regclass('old') IS NULL, count(*) FROM t", "orders") == "t|5000"


def test_sessions_in_a_replaced_database_are_ended(root, target):
    target.psql("CREATE DATABASE orders")
    environment = {**target.environment, "PGDATABASE": "orders"}
    command = [target.installation.program("psql"), "-X", "-c", "SELECT pg_sleep(60)"]
    busy = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    try:
        while target.psql("SELECT count(*) FROM pg_stat_activity WHERE query ~ 'sleep' AND pid <> pg_backend_pid()") == "0":
            pass
        restore_backup(root, target, replace=True)
        assert busy.wait(10) != 0
    finally:
        busy.kill()
        busy.communicate()


def test_chosen_databases_leave_everything_else_as_it_is(root, target):
    target.psql("CREATE ROLE app LOGIN PASSWORD 'another' CONNECTION LIMIT 3; CREATE DATABASE stock;")
    target.psql("CREATE TABLE keep (x int)", "stock")
    before = target.psql("SELECT * FROM pg_authid WHERE rolname = 'app'")
    result = restore_backup(root, target, databases=("orders",))
    assert states(result) == {"orders": "restored"}
    assert target.psql("SELECT * FROM pg_authid WHERE rolname = 'app'") == before
    assert target.psql("SELECT to_regclass('keep') IS NOT NULL", "stock") == "t"
    with pytest.raises(UsageError, match="nowhere"):
        restore_backup(root, target, databases=("nowhere",))


def test_roles_that_are_missing_come_with_chosen_databases(root, target):
    restore_backup(root, target, databases=("orders",))
    assert target.psql("SELECT rolcanlogin, rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'app'") == "t|t"


def test_the_maintenance_databases_come_back_and_are_refused_or_replaced_when_in_use(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE TABLE in_postgres AS SELECT 1 AS x; CREATE ROLE r")
    server.psql("CREATE TABLE in_template AS SELECT 2 AS x", "template1")
    make_backup(tmp_path, server)
    target = fresh_server(newest_installation)
    restore_backup(tmp_path, target)
    assert not difference(dump_of(server), dump_of(target))
    target.psql(
        "CREATE TABLE mine (x int); ALTER DATABASE postgres SET work_mem = '5MB'; GRANT CREATE ON DATABASE postgres TO r;"
        "ALTER ROLE r IN DATABASE postgres SET search_path = a, b"
    )
    settings = (
        "SELECT setrole::regrole, setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase "
        "WHERE datname = 'postgres' ORDER BY 1"
    )
    about = "SELECT datname, datistemplate, datallowconn, datacl, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1"
    before = target.psql(settings), target.psql(about)
    with pytest.raises(TargetRefused) as caught:
        restore_backup(tmp_path, target)
    refused = [problem.split(" exists")[0] for problem in caught.value.details["problems"]]
    assert refused == ["The database template1", "The database postgres"]
    result = restore_backup(tmp_path, target, replace=True)
    assert states(result) == {"postgres": "restored", "template1": "restored"} and result["warnings"] == []
    assert target.psql("SELECT to_regclass('mine') IS NULL, x FROM in_postgres") == "t|1"
    assert target.psql("SELECT x FROM in_template", "template1") == "2"
    assert sorted(target.psql(settings)) == sorted(before[0]) and "work_mem" in before[0] and "search_path" in before[0]
    assert normal(target.psql(about)) == normal(before[1])
    target.psql("CREATE DATABASE child")
    assert target.psql("SELECT x FROM in_template", "child") == "2"


def normal(text):
    """Grants in an order of their own: that of the entries does not matter."""
    return [sorted(part) for part in text.split("\n")]


def test_a_maintenance_database_that_holds_nothing_in_the_backup_leaves_the_targets_alone(root, target):
    target.psql("CREATE TABLE mine (x int)")
    assert states(restore_backup(root, target))["postgres"] == "skipped"
    assert target.psql("SELECT to_regclass('mine') IS NOT NULL") == "t"


def test_a_grant_alone_is_something(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE ROLE r; GRANT CREATE ON SCHEMA public TO r")
    make_backup(tmp_path, server)
    target = fresh_server(newest_installation)
    assert states(restore_backup(tmp_path, target)) == {"postgres": "restored", "template1": "skipped"}
    assert target.psql("SELECT has_schema_privilege('r', 'public', 'CREATE')") == "t"


@pytest.mark.parametrize("major", [17, 18])
def test_settings_of_newer_clients_do_not_stop_an_older_server(major, fresh_server, tmp_path):
    old, new = newest_of_major(16), newest_of_major(major)
    if old is None or new is None:
        pytest.skip("needs PostgreSQL 16 and %d" % major)
    server = fresh_server(old)
    server.psql(DECOYS)
    server.psql("CREATE DATABASE orders")
    server.psql(DECOYS + "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET statement_timeout = 0 AS 'SELECT 1'", "orders")
    make_backup(tmp_path, server, clients=new)
    target = fresh_server(old)
    restore_backup(tmp_path, target, clients=new)
    assert not difference(dump_of(server), dump_of(target))


def test_one_database_with_its_roles_comes_back(source, fresh_server, newest_installation, tmp_path):
    make_backup(tmp_path, source, only_database="stock")
    target = fresh_server(newest_installation)
    assert states(restore_backup(tmp_path, target)) == {"stock": "restored"}
    assert target.psql("SELECT count(*) FROM part", "stock") == "1"
    assert target.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'app'") == "1"


def test_going_on_after_errors_never_is_a_success(fresh_server, newest_installation, tmp_path):
    server, target = fresh_server(newest_installation), fresh_server(newest_installation)
    server.psql("CREATE DATABASE orders; CREATE DATABASE stock;")
    server.psql("CREATE FUNCTION positive(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0'", "orders")
    server.psql("CREATE TABLE t (x int CHECK (positive(x))); INSERT INTO t VALUES (1); CREATE TABLE u AS SELECT 1 AS x", "orders")
    server.psql("CREATE OR REPLACE FUNCTION positive(int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 5'", "orders")
    make_backup(tmp_path, server)
    target.psql("CREATE DATABASE orders")
    with pytest.raises(RestoreFailed, match="violates check constraint") as caught:
        restore_backup(tmp_path, target, replace=True)
    assert states(caught.value.details)["stock"] == "not started"
    with pytest.raises(RestoredWithErrors) as caught:
        restore_backup(tmp_path, target, replace=True, keep_going=True)
    entries = {entry["name"]: entry for entry in caught.value.details["databases"]}
    assert (entries["orders"]["state"], entries["stock"]["state"]) == ("restored with errors", "restored")
    assert len(entries["orders"]["errors"]) == 1 and "violates check constraint" in entries["orders"]["errors"][0]
    assert entries["stock"]["errors"] == []
    assert target.psql("SELECT x FROM u", "orders") == "1"
    kept = [warning for warning in caught.value.details["warnings"] if "is kept as bandr_aside_" in warning]
    assert len(kept) == 1 and len(databases_of(target)) == 6


def test_expectations_are_checked_before_anything_is_touched(root, target):
    before = databases_of(target)
    with pytest.raises(TargetRefused) as caught:
        restore_backup(root, target, expected_databases=("orders", "missing"), expected_count=4)
    problems = caught.value.details["problems"]
    assert "missing" in problems[0] and "there would be 5" in problems[1]
    assert databases_of(target) == before
    restore_backup(root, target, expected_databases=("orders",), expected_count=5)


def test_looking_only_changes_nothing(root, target):
    before = dump_of(target)
    result = restore_backup(root, target, dry_run=True)
    assert result["changed"] and set(states(result).values()) == {"not started", "skipped"}
    assert dump_of(target) == before


def test_a_database_that_somebody_creates_meanwhile_is_not_ours_to_drop(root, target, monkeypatch):
    looks = []

    def look_then_create(*arguments):
        seen = look(*arguments)
        looks.append(seen)
        if len(looks) == 2:
            target.psql("CREATE DATABASE orders")
            target.psql("CREATE TABLE precious AS SELECT 42 AS x", "orders")
        return seen

    monkeypatch.setattr(restore_operation, "look", look_then_create)
    with pytest.raises(RestoreFailed, match="already exists"):
        restore_backup(root, target)
    assert target.psql("SELECT x FROM precious", "orders") == "42"


def test_none_restores_nothing_and_lists(root, target):
    result = restore_backup(root, target, wanted="none")
    assert not result["changed"] and len(result["backups"]) == 1 and result["databases"] == []


def test_names_reach_a_server_whose_maintenance_database_has_another_encoding(newest_installation, fresh_server, tmp_path):
    source = fresh_server(newest_installation, encoding="LATIN1", locale="C")
    target = fresh_server(newest_installation, encoding="LATIN1", locale="C")
    source.psql('CREATE DATABASE "grüße"')
    latin = "grüße".encode("latin-1").decode("utf-8", "surrogateescape")
    source.psql('CREATE TABLE t AS SELECT 1 AS "größe"', latin)
    result = make_backup(tmp_path, source)
    assert "grüße" in result["backup"]["databases"]
    for request in ({}, {"databases": ("grüße",), "replace": True}, {"databases": ("grüße",), "replace": True, "replace_method": "drop"}):
        result = restore_backup(tmp_path, target, **request)
        assert result["warnings"] == []
        assert target.psql("SELECT reltuples FROM pg_class WHERE relname = 't'", latin) == "1"
    assert dump_of(target) == dump_of(source)


def test_what_a_dump_tells_of_a_built_in_database_outlasts_what_the_replaced_one_had(newest_installation, fresh_server, tmp_path):
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    facts = (
        "SELECT (SELECT array_agg(entry::text ORDER BY entry::text) FROM unnest(datacl) entry), shobj_description(oid, 'pg_database')"
        " FROM pg_database WHERE datname IN ('postgres', 'template1') ORDER BY datname"
    )
    source.psql("CREATE TABLE t (); REVOKE ALL ON DATABASE postgres FROM PUBLIC; COMMENT ON DATABASE postgres IS 'closed'")
    source.psql("CREATE TABLE t ()", "template1")
    target.psql("CREATE TABLE u (); GRANT CREATE ON DATABASE template1 TO PUBLIC; COMMENT ON DATABASE template1 IS 'kept'")
    target.psql("CREATE TABLE u ()", "template1")
    kept = target.psql(facts).split("\n")[1]
    make_backup(tmp_path, source)
    assert states(restore_backup(tmp_path, target, replace=True)) == {"postgres": "restored", "template1": "restored"}
    assert target.psql(facts).split("\n") == [source.psql(facts).split("\n")[0], kept]
