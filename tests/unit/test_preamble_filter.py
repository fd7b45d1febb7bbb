# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings an older server does not know leave pg_dump's preambles and nothing else."""

from __future__ import annotations

import gzip
import os

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.preamble_filter import drop_unknown_settings

FILES = os.path.join(os.path.dirname(__file__), "files")
LINE = b"SET transaction_timeout = 0;\n"
PREAMBLE = b"SET statement_timeout = 0;\n" + LINE + b"SELECT pg_catalog.set_config('search_path', '', false);\nSET row_security = off;\n\n"
HEADER = b"--\n-- PostgreSQL database dump\n--\n\n"
KEPT = PREAMBLE.replace(LINE, b"")


def read(name):
    with gzip.open(os.path.join(FILES, name + ".sql.gz")) as stream:
        return stream.read()


def filtered(sql, size=None, unknown=frozenset({b"transaction_timeout"})):
    step = size or max(len(sql), 1)
    return b"".join(bytes(part) for part in drop_unknown_settings((sql[at : at + step] for at in range(0, len(sql), step)), unknown))


@pytest.mark.parametrize("version", ["17.10", "18.6"])
def test_every_preamble_of_a_real_dump_loses_the_line_and_data_keeps_it(version):
    sql = read("hostile-" + version)
    before = b"SET idle_in_transaction_session_timeout = 0;\n"
    expected = sql.replace(before + LINE, before)
    assert len(sql) - len(expected) == len(LINE) * 13
    assert expected.count(LINE) > 3
    for size in [*range(1, 60), 4096, None]:
        assert filtered(sql, size) == expected, size


@pytest.mark.parametrize("name", ["hostile-15.18", "hostile-16.14", "hostile-16.2", "one-database-16.2"])
def test_a_dump_without_the_setting_passes_byte_for_byte(name):
    sql = read(name)
    for size in (1, 33, 4096, None):
        assert filtered(sql, size) == sql


@pytest.mark.parametrize("opening", [b"\\restrict key\n", HEADER])
def test_chunks_may_be_views(opening):
    parts = [opening + b"SET a = 1;\n", LINE, b"CREATE TABLE t ();\n", LINE]
    given = drop_unknown_settings((memoryview(part) for part in parts), frozenset({b"transaction_timeout"}))
    assert b"".join(given) == opening + b"SET a = 1;\nCREATE TABLE t ();\n" + LINE


def test_nothing_unknown_changes_nothing():
    sql = read("hostile-18.6")
    assert filtered(sql, 100, frozenset()) == sql


@pytest.mark.parametrize("size", [1, 2, 5, 17, 100, None])
def test_clients_without_restricted_blocks_have_preambles_too(size):
    data = b"SELECT '\n" + LINE + b"';\nCOPY t FROM stdin;\n" + LINE + b"\\connect x\n" + HEADER + LINE + b"\\.\n" + LINE
    sql = b'--\n-- Database "x" dump\n--\n\n' + HEADER + b"%sCREATE DATABASE x;\n\n" + LINE + b"\\connect x\n\n%s" + data
    assert filtered(sql % (PREAMBLE, PREAMBLE), size) == sql % (KEPT, KEPT)


@pytest.mark.parametrize("size", [1, 2, 5, 17, 100, None])
def test_within_a_restricted_block_only_its_first_lines_are_looked_at(size):
    data = b"CREATE TABLE t ();\n" + LINE + b"\\restrict other\n" + LINE + HEADER + LINE + b"\\connect x\n" + LINE
    sql = (
        b"\\connect x\n\n"
        + HEADER
        + b"\\restrict key\n\n-- Dumped from x\n\n%s"
        + data
        + b"\\unrestrict key\n\\restrict key\n%s\\unrestrict key\n"
    )
    assert filtered(sql % (PREAMBLE, PREAMBLE), size) == sql % (KEPT, KEPT)


@pytest.mark.parametrize("opening", [b"\\restrict key\n", HEADER])
def test_only_the_exact_line_of_the_exact_setting_goes(opening):
    sql = opening + b"SET transaction_timeout2 = 0;\nSET my.transaction_timeout = 0;\nSET x = 'SET transaction_timeout = 0;';\n"
    assert filtered(sql) == sql
    assert filtered(opening + b"SET transaction_timeout = '5s';\n") == opening


@pytest.mark.parametrize("opening", [b"\\restrict key\n", HEADER, b"", b"junk\n"])
@pytest.mark.parametrize("rest", [b"", b"SET transaction_timeout = 0", b"SET ", b"\\unrestrict key", b"x" * 20000, b"\n" * 20000])
def test_whatever_is_cut_passes(opening, rest):
    for size in (1000, None):
        assert filtered(opening + rest, size) == opening + rest


def test_a_long_first_line_is_not_held():
    given = 0

    def chunks():
        yield b"\\restrict key\n"
        for number in range(100):
            assert number * 1000 - given < 20000
            yield b"x" * 1000

    for part in drop_unknown_settings(chunks(), frozenset({b"transaction_timeout"})):
        given += len(part)
    assert given == 100014
