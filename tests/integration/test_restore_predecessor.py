# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps that came without a manifest: the predecessor's, and those of old clients."""

from __future__ import annotations

import gzip
import os
import subprocess

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import (
    BackupDamaged,
    RestoreFailed,
    SelectionError,
    TargetRefused,
    UsageError,
)
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup, restore_backup

FILE_NAME = "backup-2026-11-22T10:07:00Z-dumpall.sql.gz"
OLD_STYLE = b"""--
-- PostgreSQL database cluster dump
--

SET default_transaction_read_only = off;

SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

--
-- Roles
--

CREATE ROLE app;
ALTER ROLE app WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB LOGIN NOREPLICATION NOBYPASSRLS;
CREATE ROLE postgres;
ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS PASSWORD 'md5nothing';




--
-- Database creation
--

CREATE DATABASE docs WITH TEMPLATE = template0 OWNER = app;
REVOKE CONNECT,TEMPORARY ON DATABASE template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE template1 TO PUBLIC;


\\connect docs

SET default_transaction_read_only = off;

--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;

CREATE TABLE public.t (x text);
ALTER TABLE public.t OWNER TO app;
COPY public.t (x) FROM stdin;
CREATE ROLE postgres;
CREATE DATABASE nowhere;
\\.

--
-- PostgreSQL database dump complete
--

\\connect postgres

SET default_transaction_read_only = off;

--
-- PostgreSQL database dump
--

SET statement_timeout = 0;

--
-- PostgreSQL database dump complete
--

--
-- PostgreSQL database cluster dump complete
--

"""


def predecessors_volume(folder, sql):
    """A volume as the predecessor leaves it: one tier, one dump, no manifest."""
    (folder / "hourly").mkdir()
    with gzip.open(folder / "hourly" / FILE_NAME, "wb") as file:
        file.write(sql)
    return folder


@pytest.fixture
def source(fresh_server, every_installation):
    server = fresh_server(every_installation)
    server.psql("CREATE ROLE app LOGIN PASSWORD 'app'; CREATE DATABASE docs OWNER app; CREATE DATABASE more;")
    server.psql("CREATE TABLE in_postgres AS SELECT 1 AS x")
    server.psql(
        "CREATE TABLE t (x text); INSERT INTO t VALUES ('CREATE ROLE postgres;'), (E'x\\nCREATE ROLE postgres;\\n'), ('$a$'), ('\\.')",
        "docs",
    )
    server.psql("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT '-- Database \"x\" dump;'$$", "more")
    return server


def test_the_predecessors_dump_comes_back(source, fresh_server, every_installation, tmp_path):
    root = predecessors_volume(tmp_path, dump_of(source))
    target = fresh_server(every_installation, password="another")
    before = target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    result = restore_backup(root, target)
    assert [entry["name"] for entry in result["databases"]] == ["template1", "docs", "more", "postgres"]
    assert not difference(dump_of(source, "--no-role-passwords"), dump_of(target, "--no-role-passwords"))
    assert target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'") == before
    assert os.path.exists(tmp_path / "hourly" / (FILE_NAME + ".json"))


def test_one_database_comes_out_of_the_predecessors_dump(source, fresh_server, every_installation, tmp_path):
    root = predecessors_volume(tmp_path, dump_of(source))
    target = fresh_server(every_installation)
    target.psql("CREATE DATABASE docs")
    for _attempt in range(2):
        result = restore_backup(root, target, databases=("more", "docs"), replace=True)
        assert [(entry["name"], entry["state"]) for entry in result["databases"]] == [("docs", "restored"), ("more", "restored")]
    assert target.psql("SELECT count(*) FROM t", "docs") == "4"
    assert target.psql("SELECT to_regclass('in_postgres') IS NULL") == "t"


@pytest.mark.parametrize("kept", [0, 1, 500, -1, -10])
def test_a_truncated_dump_of_the_predecessor_never_reaches_the_server(kept, fresh_server, newest_installation, tmp_path):
    target = fresh_server(newest_installation)
    sql = dump_of(target)
    predecessors_volume(tmp_path, sql[:kept])
    before = dump_of(target)
    with pytest.raises((BackupDamaged, SelectionError)):
        restore_backup(tmp_path, target)
    assert dump_of(target) == before


def test_a_dump_of_a_client_that_does_not_tell_databases_apart(fresh_server, newest_installation, tmp_path):
    root = predecessors_volume(tmp_path, OLD_STYLE)
    target = fresh_server(newest_installation, password="another")
    before = target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    result = restore_backup(root, target)
    assert {entry["name"]: entry["state"] for entry in result["databases"]} == {"docs": "restored", "postgres": "restored"}
    assert target.psql("SELECT count(*) FROM t", "docs") == "2"
    assert target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'") == before
    with pytest.raises(TargetRefused, match="docs exists"):
        restore_backup(root, target)
    with pytest.raises(UsageError, match="cannot be told apart"):
        restore_backup(root, target, databases=("docs",))
    restore_backup(root, target, replace=True)
    assert target.psql("SELECT count(*) FROM t", "docs") == "2"


def test_a_failed_replacement_from_such_a_dump_brings_the_old_databases_back(fresh_server, newest_installation, tmp_path):
    root = predecessors_volume(tmp_path, OLD_STYLE.replace(b"ALTER TABLE public.t OWNER", b"ALTER TABLE public.missing OWNER"))
    target = fresh_server(newest_installation)
    target.psql("CREATE DATABASE docs")
    target.psql("CREATE TABLE precious AS SELECT 42 AS x", "docs")
    with pytest.raises(RestoreFailed, match="missing"):
        restore_backup(root, target, replace=True)
    assert target.psql("SELECT x FROM precious", "docs") == "42"
    assert target.psql("SELECT count(*) FROM pg_database") == "4"


def test_a_dump_of_one_database_goes_where_it_is_told_and_never_into_a_template(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE TABLE t AS SELECT 7 AS x")
    sql = subprocess.run(
        [server.installation.program("pg_dump"), "postgres"], stdout=subprocess.PIPE, env=server.environment, check=True
    ).stdout
    root = predecessors_volume(tmp_path, sql)
    target = fresh_server(newest_installation)
    with pytest.raises(UsageError, match="without its name"):
        restore_backup(root, target)
    restore_backup(root, target, databases=("docs",))
    assert target.psql("SELECT x FROM t", "docs") == "7"
    for other in ("template1", "postgres"):
        assert target.psql("SELECT to_regclass('public.t') IS NULL", other) == "t"
    with pytest.raises(TargetRefused, match="docs exists"):
        restore_backup(root, target, databases=("docs",))
    restore_backup(root, target, databases=("docs",), replace=True)


def test_a_client_that_does_not_know_restrict_is_told_apart_before_anything_is_touched(
    fresh_server, newest_of_16, installation_without_restrict, tmp_path
):
    server = fresh_server(newest_of_16)
    server.psql("CREATE DATABASE docs")
    make_backup(tmp_path, server)
    target = fresh_server(newest_of_16)
    with pytest.raises(TargetRefused, match=r"does not know .restrict"):
        restore_backup(tmp_path, target, clients=installation_without_restrict)
    assert target.psql("SELECT count(*) FROM pg_database") == "3"


@pytest.fixture
def newest_of_16(installation_without_restrict):
    from ansible_collections.bandr.postgres.tests.servers.installations import newest_of_major

    found = newest_of_major(16)
    if found is None or not found.knows_restrict:
        pytest.skip("needs a PostgreSQL 16 that knows --restrict-key")
    return found
