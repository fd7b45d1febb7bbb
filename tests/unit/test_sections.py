# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of real and of hostile dumps, in chunks of every size."""

from __future__ import annotations

import gzip
import os
import time

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.restrict import new_restrict_key
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.sections import SectionScanner, SectionStart
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import DumpFailed

FILES = os.path.join(os.path.dirname(__file__), "files")
KEY = "abcDEF124"
RESTRICTED = ("15.18", "16.14", "17.10", "18.6")
VERSIONS = (*RESTRICTED, "16.2")
DATABASES = ["template1", 'a\\b "q', "latin", "loose", "müller", "postgres", 'x" dump']
CLUSTER_END = b"--\n-- PostgreSQL database cluster dump complete\n--\n\n"
DUMP_END = b"--\n-- PostgreSQL database dump complete\n--\n\n"
SPOOF = b'x\n--\n-- Database "zz" dump\n--\n\n\\connect zz\n\\unrestrict other\n' + CLUSTER_END


def read(name):
    with gzip.open(os.path.join(FILES, name + ".sql.gz")) as stream:
        return stream.read()


def scan(data, size=None, key=None):
    """Sections as (kind, database, bytes), and the scanner."""
    scanner = SectionScanner(key)
    sections = []

    def take(parts):
        for part in parts:
            if isinstance(part, SectionStart):
                sections.append((part.kind, part.database, bytearray()))
            else:
                sections[-1][2].extend(part)

    step = size or max(len(data), 1)
    for start in range(0, len(data), step):
        take(scanner.feed(data[start : start + step]))
    take(scanner.finish())
    return [(kind, database, bytes(content)) for kind, database, content in sections], scanner


def unrestricted(body, globals_sql=b"", database=b"app"):
    return (
        b"--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n\n"
        b"SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\n" + globals_sql + b"--\n-- Databases\n--\n\n"
        b'--\n-- Database "' + database + b'" dump\n--\n\n--\n-- PostgreSQL database dump\n--\n\n' + body + b"\n"
        b"--\n-- PostgreSQL database dump complete\n--\n\n" + CLUSTER_END
    )


def restricted(body, key=b"key", globals_sql=b"", encoding=b"UTF8", database=b"app"):
    return (
        b"--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict " + key + b"\n\nSET default_transaction_read_only = off;\n\n"
        b"SET client_encoding = '" + encoding + b"';\n" + globals_sql + b"\\unrestrict " + key + b"\n\n--\n-- Databases\n--\n\n"
        b'--\n-- Database "' + database + b'" dump\n--\n\n--\n-- PostgreSQL database dump\n--\n\n\\restrict ' + key + b"\n" + body + b"\n"
        b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict " + key + b"\n\n" + CLUSTER_END
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_hostile_data_does_not_move_a_section(version):
    data = read("hostile-" + version)
    sections, scanner = scan(data, key=KEY if version in RESTRICTED else None)
    assert [(kind, database) for kind, database, _dummy in sections] == (
        [("globals", None)] + [("database", name) for name in DATABASES] + [("end", None)]
    )
    assert scanner.databases == DATABASES
    assert scanner.complete
    assert b"".join(content for _dummy, _dummy2, content in sections) == data
    for _dummy, database, content in sections[1:-1]:
        assert content.startswith(b'--\n-- Database "%s" dump\n--\n\n' % database.encode())
        assert content.endswith(b"\n\n")
    assert sections[-1][2] == CLUSTER_END


@pytest.mark.parametrize("version", VERSIONS)
def test_every_chunk_size_gives_the_same_sections(version):
    data = read("hostile-" + version)
    wanted, _dummy = scan(data)
    for size in range(1, 201):
        sections, scanner = scan(data, size)
        assert sections == wanted, size
        assert scanner.complete, size


@pytest.mark.parametrize("version", VERSIONS)
def test_a_dump_cut_anywhere_is_not_complete(version):
    data = read("hostile-" + version)
    for end in list(range(0, len(data), 37)) + list(range(len(data) - 120, len(data))):
        sections, scanner = scan(data[:end], 4096)
        assert not scanner.complete, end
        assert b"".join(content for _dummy, _dummy2, content in sections) == data[:end]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("more", [b"\n", b"--\n", CLUSTER_END, b"\\connect zz\n", b"SELECT 1;\n", SPOOF])
def test_a_dump_with_more_after_its_end_is_not_complete(version, more):
    data = read("hostile-" + version) + more
    sections, scanner = scan(data, 1000)
    assert not scanner.complete
    assert scanner.databases == DATABASES
    assert b"".join(content for _dummy, _dummy2, content in sections) == data


@pytest.mark.parametrize("version", ["16.2", "18.6"])
def test_a_dump_of_one_database_is_one_whole_with_its_own_end(version):
    data = read("one-database-" + version)
    for size in (1, 7, 4096, None):
        sections, scanner = scan(data, size)
        assert sections == [("whole", None, data)]
        assert scanner.complete
        assert scanner.databases == []
    for end in [*range(0, len(data) - 100, 13), *range(len(data) - 100, len(data))]:
        assert not scan(data[:end])[1].complete, end
    for more in (b"\n", b"SELECT 1;", b"\\connect x\n", b"\\restrict x\n", DUMP_END[:-1], CLUSTER_END):
        assert not scan(data + more)[1].complete, more
    assert not scan(data.replace(b"\n" + DUMP_END, b"\n"))[1].complete


def test_a_dump_of_globals_only_has_globals_and_end():
    data = read("hostile-18.6")
    data = data[: data.index(b"--\n-- Databases\n--\n")] + CLUSTER_END
    sections, scanner = scan(data, key=KEY)
    assert [kind for kind, _dummy, _dummy2 in sections] == ["globals", "end"]
    assert scanner.complete
    assert scanner.databases == []


@pytest.mark.parametrize("data", [b"", b"-", b"--\n", b"junk", b"SELECT 1;\n" + CLUSTER_END, CLUSTER_END, b"\0" * 10000])
def test_what_is_no_dump_is_one_whole_that_is_never_complete(data):
    sections, scanner = scan(data, 3)
    assert sections == [("whole", None, data)]
    assert not scanner.complete


def test_clients_before_twelve_do_not_tell_databases_apart():
    data = (
        b"--\n-- PostgreSQL database cluster dump\n--\n\nSET default_transaction_read_only = off;\n\n"
        b"SET client_encoding = 'UTF8';\n\nCREATE ROLE a;\nCOMMENT ON ROLE a IS '\n\\connect x\n';\n\n"
        b"\\connect template1\n\n--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n"
        b"--\n-- PostgreSQL database dump complete\n--\n\n" + CLUSTER_END
    )
    sections, scanner = scan(data, 11)
    assert [kind for kind, _dummy, _dummy2 in sections] == ["globals", "whole"]
    assert sections[1][2].startswith(b"\\connect template1\n")
    assert scanner.complete
    assert not scan(data[:-1])[1].complete


@pytest.mark.parametrize(
    "body",
    [
        b"COPY t (a) FROM stdin;\n" + SPOOF + b"\\.\n",
        b"COPY t (a) FROM stdin;\n\\.\nCOPY u FROM stdin;\n" + SPOOF + b"\\.\n",
        b'COPY "t;" ("a\'") FROM stdin;\nit\'s $$ /* "\n\\\\.\n' + SPOOF + b"\\.\n",
        b"SELECT '" + SPOOF + b"';\n",
        b"SELECT E'\\'" + SPOOF + b"''\\\\';\n",
        b"SELECT e'" + SPOOF + b"it''s \\' " + SPOOF + b"';\n",
        b"SELECT nome'" + b"\\';\n",
        b"SELECT U&'\\0041' || '\\';\nSELECT '" + SPOOF + b"';\n",
        b"SELECT $$" + SPOOF + b"' $x$ $$;\n",
        b"SELECT $a_1$" + SPOOF + b"$$ $a_$ $a_1$;\n",
        b"SELECT a$b$c, '" + SPOOF + b"$b$', $1;\n",
        b'SELECT 1 AS "' + SPOOF + b'""\';$$";\n',
        b"SELECT 1 -- it's $$ /*\n;\nSELECT 2 /* ' /* nested \" */ " + SPOOF + b"*/;\n",
        b"SELECT 1 - -1, 2 / 3, a / * b;\n",
        b"SET standard_conforming_strings = off;\nSELECT '\\'" + SPOOF + b"';\nSET standard_conforming_strings = on;\nSELECT '\\';\n",
        b"SELECT '" + b"x" * 20000 + SPOOF + b"';\n",
        b"SELECT " + b"1, " * 5000 + b"'" + SPOOF + b"';\n",
        b"-- " + b"x" * 20000 + b"\nSELECT 1;\n",
        b"SELECT 1;COPY t FROM stdin;\n" + SPOOF + b"\\.\n",
    ],
)
def test_no_literal_comment_or_row_opens_a_section(body):
    data = unrestricted(body, globals_sql=b"COMMENT ON ROLE a IS '" + SPOOF + b"';\n")
    for size in [*range(1, 40), 255, 256, 257, 4096, None]:
        sections, scanner = scan(data, size)
        assert [(kind, database) for kind, database, _dummy in sections] == [("globals", None), ("database", "app"), ("end", None)], size
        assert scanner.complete
        assert b"".join(content for _dummy, _dummy2, content in sections) == data


def test_no_part_of_a_long_comment_is_taken_for_a_line():
    data = unrestricted(b"-- " + b"x" * 9000 + b'--\n-- Database "zz" dump\n')
    cut = data.index(b"x--\n") + 1
    scanner = SectionScanner()
    for chunk in (data[:cut], data[cut:]):
        list(scanner.feed(chunk))
    assert scanner.databases == ["app"]


def test_an_end_mark_as_the_last_rows_of_a_cut_dump_does_not_complete_it():
    rows = b"COPY t FROM stdin;\n\n" + CLUSTER_END
    data = unrestricted(rows)
    assert not scan(data[: data.index(rows) + len(rows)])[1].complete


def test_restricted_data_may_hold_everything_but_the_key():
    body = b"\\restrict other\n\\unrestrict other\n\\unrestrict keys\n \\unrestrict key\n\\unrestrict key \n\\unrestrict ke\n" + SPOOF
    data = restricted(body, globals_sql=SPOOF)
    for size in [*range(1, 80), None]:
        sections, scanner = scan(data, size, key="key")
        assert [(kind, database) for kind, database, _dummy in sections] == [("globals", None), ("database", "app"), ("end", None)]
        assert scanner.complete


def test_an_empty_restricted_block_ends():
    data = restricted(b"\\unrestrict key\n\\connect x\n\\restrict key\n\\unrestrict key\n\\restrict key\n")
    for size in (1, 5, None):
        assert scan(data, size, key="key")[1].complete


def test_keys_are_new_each_time_and_fit_the_client():
    keys = {new_restrict_key() for _number in range(100)}
    assert len(keys) == 100
    assert all(len(key) == 63 and key.isalnum() and key.isascii() for key in keys)


def test_another_key_than_ours_is_refused():
    with pytest.raises(DumpFailed, match="another key"):
        scan(restricted(b""), key="ours")


def test_a_second_key_is_refused_too():
    data = restricted(b"\\unrestrict key\n\\restrict other\n")
    with pytest.raises(DumpFailed, match="another key"):
        scan(data, 5, key="key")


def test_a_dump_without_our_key_is_refused():
    with pytest.raises(DumpFailed, match="does not begin with"):
        scan(unrestricted(b""), key="ours")


def test_an_open_restricted_block_is_not_complete():
    data = restricted(b"")
    data = data[: data.rindex(b"\\unrestrict key")] + CLUSTER_END
    assert not scan(data, key="key")[1].complete


def test_names_are_read_in_the_dumps_own_encoding():
    data = restricted(b"", encoding=b"LATIN1", database="café".encode("latin-1"))
    assert scan(data)[1].databases == ["café"]
    assert scan(data, 1)[1].databases == ["café"]
    assert scan(unrestricted(b"", database=b"caf\xe9"))[1].databases == ["caf\udce9"]


def test_complete_is_told_only_after_the_end():
    scanner = SectionScanner()
    for _dummy in scanner.feed(read("hostile-18.6")):
        assert not scanner.complete


@pytest.mark.parametrize(
    "data",
    [
        restricted(b"x" * 300000),
        restricted(b"").replace(b"-- Databases\n", b"-- " + b"x" * 300000 + b"\n"),
        unrestricted(b"SELECT '" + b"x" * 300000 + b"';\n"),
        unrestricted(b"SELECT 1" + b", 1" * 100000 + b";\n"),
        unrestricted(b"-- " + b"x" * 300000 + b"\n"),
        unrestricted(b"COPY t FROM stdin;\n" + b"x" * 300000 + b"\n\\.\n"),
        b"x" * 300000,
    ],
)
def test_little_is_held_back(data):
    scanner = SectionScanner()
    fed = given = 0
    for start in range(0, len(data), 1000):
        fed += len(data[start : start + 1000])
        given += sum(len(part) for part in scanner.feed(data[start : start + 1000]) if not isinstance(part, SectionStart))
        assert fed - given <= 10000


def test_restricted_data_is_read_fast_enough_for_the_hot_path():
    row = b"4711\tsome words of a row\t2026-01-01 10:00:00\t\\N\t3.14\n"
    chunk = (row * 20000)[: 1 << 20]
    head, tail = restricted(b"BODY\n", key=b"q" * 63).split(b"BODY")
    scanner = SectionScanner("q" * 63)
    list(scanner.feed(head))
    began = time.process_time()
    for _dummy in range(256):
        for part in scanner.feed(chunk):
            assert len(part) == len(chunk)
    seconds = time.process_time() - began
    list(scanner.feed(tail))
    list(scanner.finish())
    assert scanner.complete
    # Ten times what is seen on two slow cores: a whole other way of reading shows, a busy machine does not.
    assert seconds / (256 * len(chunk)) * 1e9 < 1.5
