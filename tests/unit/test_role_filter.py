# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The globals of a dump fitted to a server that has roles, tablespaces and a door of its own."""

from __future__ import annotations

import gzip
import os

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.role_filter import TargetGlobals, filter_globals

FILES = os.path.join(os.path.dirname(__file__), "files")
RESTRICTED = ("15.18", "16.14", "17.10", "18.6")
FRESH = TargetGlobals("postgres", frozenset({"postgres"}), frozenset({"pg_default", "pg_global"}))
SPOOF = b"x\nCREATE ROLE postgres;\nALTER ROLE postgres WITH NOSUPERUSER;\nDROP ROLE postgres;\n\\connect x\n"


def read(version):
    with gzip.open(os.path.join(FILES, "hostile-%s.sql.gz" % version)) as stream:
        return stream.read()


def filtered(sql, target=FRESH, size=None):
    step = size or max(len(sql), 1)
    return b"".join(bytes(part) for part in filter_globals((sql[start : start + step] for start in range(0, len(sql), step)), target))


@pytest.mark.parametrize("version", [*RESTRICTED, "16.2"])
@pytest.mark.parametrize("size", [1, 7, 100, 4096, None])
def test_a_fresh_server_keeps_its_role_and_gets_all_else_byte_for_byte(version, size):
    sql = read(version)
    created = b"CREATE ROLE postgres;\n"
    altered = b"ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;\n"
    kept = b"ALTER ROLE postgres WITH INHERIT CREATEROLE CREATEDB REPLICATION BYPASSRLS;\n"
    assert b"\n" + created + altered in sql
    assert filtered(sql, size=size) == sql.replace(b"\n" + created + altered, b"\n" + kept, 1)


@pytest.mark.parametrize("version", ["16.2", "18.6"])
def test_roles_and_tablespaces_that_exist_are_not_created(version):
    sql = read(version)
    target = TargetGlobals("admin", frozenset({"admin", 'we ird"r\\', "müller"}), frozenset({"fast;"}))
    expected = sql.replace(b'\nCREATE ROLE "we ird""r\\";\n', b"\n", 1)
    expected = expected.replace(
        b"\nCREATE ROLE " + ("müller" if "CREATE ROLE müller".encode() in sql else '"müller"').encode() + b";\n", b"\n", 1
    )
    start = expected.index(b'CREATE TABLESPACE "fast;"')
    expected = expected[:start] + expected[expected.index(b"\n", start) + 1 :]
    assert len(expected) < len(sql) - 80
    for size in (1, 10, 333, None):
        assert filtered(sql, target, size) == expected


@pytest.mark.parametrize(
    ("attributes", "kept"),
    [
        (
            b"SUPERUSER INHERIT NOCREATEROLE CREATEDB LOGIN NOREPLICATION BYPASSRLS",
            b"INHERIT NOCREATEROLE CREATEDB NOREPLICATION BYPASSRLS",
        ),
        (b"NOSUPERUSER NOINHERIT NOLOGIN PASSWORD 'SCRAM-SHA-256$4096:a=$b/=:c='", b"NOINHERIT"),
        (b"INHERIT PASSWORD 'NOINHERIT; it''s' VALID UNTIL '2030-01-01 00:00:00+00'", b"INHERIT"),
        (b"INHERIT CONNECTION LIMIT 0 CREATEDB", b"INHERIT CREATEDB"),
        (b"INHERIT CONNECTION LIMIT -1 ENCRYPTED PASSWORD E'\\'x\\\\' CREATEDB", b"INHERIT CREATEDB"),
        (b"INHERIT PASSWORD NULL VALID UNTIL 'infinity'", b"INHERIT"),
    ],
)
def test_the_connecting_role_loses_only_what_lets_it_in(attributes, kept):
    statement = b"ALTER ROLE postgres WITH " + attributes + b";\n"
    assert filtered(statement) == b"ALTER ROLE postgres WITH " + kept + b";\n"


@pytest.mark.parametrize(
    "attributes",
    [b"LOGIN", b"NOSUPERUSER NOLOGIN PASSWORD 'x'", b"INHERIT NEWTHING 'x' NOLOGIN", b"INHERIT PASSWORD 'a\\' VALID UNTIL 'x'"],
)
def test_nothing_is_altered_where_nothing_harmless_is_left_or_known(attributes):
    assert filtered(b"SELECT 1;\nALTER ROLE postgres WITH " + attributes + b";\nSELECT 2;\n") == b"SELECT 1;\nSELECT 2;\n"


@pytest.mark.parametrize("name", [b"postgres", b'"postgres"', b"POSTGRES"])
def test_the_connecting_role_is_known_however_it_is_written(name):
    assert filtered(b"CREATE ROLE " + name + b";\nALTER ROLE " + name + b" WITH NOLOGIN;\n") == b""


def test_other_roles_keep_their_door():
    sql = (
        b"CREATE ROLE app;\nALTER ROLE app WITH NOSUPERUSER LOGIN PASSWORD 'md5x';\nALTER ROLE \"Postgres\" WITH NOLOGIN;\n"
        b'ALTER ROLE postgres_ WITH NOLOGIN;\nCREATE ROLE postgres2;\nCREATE ROLE "POSTGRES";\n'
    )
    assert filtered(sql) == sql


def test_settings_comments_and_grants_of_the_connecting_role_stay():
    sql = (
        b"ALTER ROLE postgres SET work_mem TO '5MB';\nALTER ROLE postgres IN DATABASE x SET role TO 'y';\n"
        b"COMMENT ON ROLE postgres IS 'PASSWORD ''x''';\nGRANT a TO postgres WITH ADMIN OPTION GRANTED BY postgres;\n"
    )
    assert filtered(sql) == sql


def test_nothing_is_dropped():
    sql = b'DROP DATABASE x;\nDROP DATABASE IF EXISTS "a;";\nDROP TABLESPACE y;\nDROP ROLE IF EXISTS postgres;\nDROP ROLE z;\n'
    for size in (1, 9, None):
        assert filtered(b"--\n-- Drop\n--\n\n" + sql + b"\nSELECT 1;\n", size=size) == b"--\n-- Drop\n--\n\n\nSELECT 1;\n"


def test_what_looks_like_a_role_within_a_literal_stays():
    sql = b"COMMENT ON ROLE a IS '" + SPOOF + b"';\nCOMMENT ON ROLE b IS E'\\'" + SPOOF + b"';\nSELECT $$" + SPOOF + b"$$;\n"
    for size in (1, 2, 50, None):
        assert filtered(sql, size=size) == sql


def test_a_very_long_comment_passes_and_nothing_in_it_is_taken_for_a_statement():
    sql = b"COMMENT ON ROLE a IS '" + SPOOF * 3000 + b"';\n"
    for size in (1000, 65536, None):
        assert filtered(sql + b"CREATE ROLE postgres;\n", size=size) == sql


def test_no_part_of_a_very_long_comment_is_taken_for_a_statement():
    sql = b"COMMENT ON ROLE a IS '" + b"DROP ROLE x\n" * 12000 + b"';\n"
    for first in range(1, 13):
        chunks = [sql[:first]] + [sql[start : start + 1000] for start in range(first, len(sql), 1000)]
        assert b"".join(filter_globals(chunks, FRESH)) == sql


def test_names_are_compared_in_the_dumps_encoding():
    target = TargetGlobals("postgres", frozenset({"café"}), frozenset())
    latin = "SET client_encoding = 'LATIN1';\nCREATE ROLE \"café\";\n".encode("latin-1")
    assert filtered(latin, target) == b"SET client_encoding = 'LATIN1';\n"
    assert filtered(latin.replace(b"LATIN1", b"UTF8"), target) == latin.replace(b"LATIN1", b"UTF8")


def test_from_the_first_database_on_all_passes():
    rest = b"\\connect template1\n" + SPOOF + b"COPY t FROM stdin;\nCREATE ROLE postgres;\n\\.\nCREATE ROLE postgres;\nSELECT '"
    for size in (1, 30, None):
        assert filtered(b"CREATE ROLE postgres;\n" + rest, size=size) == rest


def test_an_unknown_form_of_a_known_statement_stays():
    sql = b'CREATE ROLE postgres WITH LOGIN;\nCREATE ROLE U&"\\0041";\nCREATE ROLE ;\nALTER ROLE ALL SET x TO 1;\n'
    assert filtered(sql) == sql


def test_where_what_exists_is_kept_only_what_is_missing_is_added():
    target = TargetGlobals("postgres", frozenset({"postgres", "old"}), frozenset({"here"}), keep_existing=True)
    kept = (
        b"CREATE ROLE new;\nALTER ROLE new WITH LOGIN;\nCOMMENT ON ROLE new IS 'x';\nALTER ROLE new SET a TO 'b';\nGRANT old TO new;\n"
        b"CREATE TABLESPACE there OWNER old LOCATION '/there';\nGRANT CREATE ON TABLESPACE there TO old;\n"
    )
    dropped = (
        b"CREATE ROLE old;\nALTER ROLE old WITH LOGIN;\nCOMMENT ON ROLE old IS 'x';\nALTER ROLE old SET a TO 'b';\nGRANT new TO old;\n"
        b"ALTER ROLE postgres SET a TO 'b';\nCREATE TABLESPACE here OWNER new LOCATION '/here';\nGRANT CREATE ON TABLESPACE here TO new;\n"
        b"ALTER TABLESPACE here SET (random_page_cost=1);\nCOMMENT ON TABLESPACE here IS 'x';\nGRANT SET ON PARAMETER work_mem TO new;\n"
    )
    for size in (1, None):
        assert filtered(kept + dropped + kept, target, size) == kept + kept


@pytest.mark.parametrize("size", [1, 9, None])
def test_a_tablespace_gets_the_folder_that_the_target_has_for_it(size):
    sql = (
        b"CREATE TABLESPACE fast OWNER app LOCATION '/srv/fa''st';\n"
        b'CREATE TABLESPACE "odd ""one" OWNER "LOCATION \'x\'" LOCATION E\'/srv\\\\odd\';\n'
        b"CREATE TABLESPACE other OWNER app LOCATION '/srv/other';\n"
    )
    target = TargetGlobals("postgres", frozenset(), frozenset(), folders={"fast": "/scratch/0", 'odd "one': "/scr'atch/1"})
    assert filtered(sql, target, size) == (
        b"CREATE TABLESPACE fast OWNER app LOCATION '/scratch/0';\n"
        b"CREATE TABLESPACE \"odd \"\"one\" OWNER \"LOCATION 'x'\" LOCATION '/scr''atch/1';\n"
        b"CREATE TABLESPACE other OWNER app LOCATION '/srv/other';\n"
    )
