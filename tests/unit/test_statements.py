# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL taken apart into pieces, whatever the chunks."""

from __future__ import annotations

import gzip
import os

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.statements import (
    BLANK,
    COMMENT,
    COPY_DATA,
    META_COMMAND,
    STATEMENT,
    PieceReader,
    gather,
)

FILES = os.path.join(os.path.dirname(__file__), "files")


def pieces(sql, size=None, reader=None):
    reader = reader or PieceReader()
    found = []
    step = size or max(len(sql), 1)
    for start in range(0, len(sql), step):
        found += [piece._replace(data=bytes(piece.data)) for piece in reader.feed(sql[start : start + step])]
    found += [piece._replace(data=bytes(piece.data)) for piece in reader.finish()]
    assert b"".join(piece.data for piece in found) == sql
    return found


def told(sql, size=None):
    """Kinds and texts without blanks, each statement and each table's data joined."""
    result = []
    begun = False
    for piece in pieces(sql, size):
        if piece.kind == BLANK:
            continue
        if begun:
            result[-1] = (piece.kind, result[-1][1] + piece.data)
        else:
            result.append((piece.kind, piece.data))
        begun = not piece.ends
    return result


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 100, None])
def test_pieces_are_what_psql_would_make_of_the_text(size):
    parts = [
        (COMMENT, b"-- it's; a comment\n"),
        (META_COMMAND, b"\\connect 'a;b'\n"),
        (STATEMENT, b"SELECT 'a;''\\';"),
        (STATEMENT, b"SELECT E'\\';' || e'''\\\\';"),
        (STATEMENT, b'CREATE TABLE "a;"";" (b int);'),
        (STATEMENT, b"SELECT $$;'$$, $a$ $$; $b$ $a$, a$b$;"),
        (STATEMENT, b"SELECT 1 -- ;'\n, 2 /* ; /* ' */ ; */, 3 - 4 / 5;"),
        (STATEMENT, b"COPY t (a) FROM stdin;"),
        (COPY_DATA, b"\n1\t';\n\\\\.\n-- no comment\n\\.\n"),
        (STATEMENT, b"COPY t (a) FROM stdin;"),
        (COPY_DATA, b"\n\\.\n"),
        (STATEMENT, b"COPY t TO stdout;"),
        (STATEMENT, b"SELECT ' FROM stdin';"),
        (STATEMENT, b"copied FROM stdin;"),
        (STATEMENT, b";"),
        (META_COMMAND, b"\\unrestrict x\n"),
    ]
    sql = b"\n \t".join(text for _dummy, text in parts).replace(b";\n \t\n", b";\n")
    assert told(sql, size) == parts


@pytest.mark.parametrize("off", [b"= off", b"= 'off'", b"TO off"])
def test_where_strings_are_not_standard_a_backslash_escapes(off):
    sql = b"SET standard_conforming_strings " + off + b";\nSELECT '\\';';\nSET standard_conforming_strings = on;\nSELECT '\\';\nSELECT 1;\n"
    for size in (1, 4, None):
        assert [text for _kind, text in told(sql, size)][1::2] == [b"SELECT '\\';';", b"SELECT '\\';"]


def test_a_short_statement_in_one_chunk_is_whole():
    assert [(piece.whole, piece.ends) for piece in pieces(b"SELECT 1;SELECT 2;")] == [(True, True)] * 2


def test_a_long_statement_comes_in_pieces_of_which_none_is_whole():
    found = pieces(b"SELECT '" + b"x" * 9000 + b"';", 1000)
    assert len(found) > 5
    assert not any(piece.whole for piece in found)
    assert [piece.ends for piece in found] == [False] * (len(found) - 1) + [True]


def test_a_long_comment_comes_in_pieces_and_ends():
    found = pieces(b"-- " + b"x" * 30000 + b"\nSELECT 1;", 1000)
    assert [piece.kind for piece in found][-1] == STATEMENT
    assert found[-1].whole
    assert not any(piece.whole for piece in found[:-1])


@pytest.mark.parametrize(
    "rest", [b"SELECT '", b"COPY t FROM stdin;\n1\n", b"SELECT 1", b"-- x", b"\\connect", b"SELECT E'\\", b"-", b"SELECT /*"]
)
def test_what_is_cut_comes_out_whole_but_unended(rest):
    found = pieces(b"SELECT 1;\n" + rest, 3)
    assert not found[-1].ends
    assert not found[-1].whole


def test_gathered_statements_are_whole_however_they_came():
    statements = [b"SELECT '" + b"x" * length + b"';" for length in (1, 250, 300, 1000, 5000)]
    sql = b"\n".join(statements) + b"\n\\connect x\nCOPY t FROM stdin;\n1\n\\.\n"
    for size in (1, 100, 999, None):
        found = list(gather(pieces(sql, size)))
        assert b"".join(piece.data for piece in found) == sql
        assert [piece.data for piece in found if piece.whole and piece.kind == STATEMENT] == [*statements, b"COPY t FROM stdin;"]


def test_no_part_of_a_statement_too_long_to_gather_is_taken_for_a_whole_one():
    sql = b"SELECT '" + b"x" * 5000 + b"';SELECT 1;"
    for size in (1, 64, 999):
        found = list(gather(pieces(sql, size), longest=1000))
        assert b"".join(piece.data for piece in found) == sql
        assert max(len(piece.data) for piece in found) <= 1000 + 2 * 999
        assert [piece.data for piece in found if piece.whole] == [b"SELECT 1;"]


def test_what_was_not_given_out_can_be_taken_over():
    sql = b"SELECT 1;\n\\connect x\nSELECT 2; SELECT '"
    reader = PieceReader()
    given = []
    for piece in reader.feed(sql):
        given.append(bytes(piece.data))
        if piece.kind == META_COMMAND:
            break
    assert b"".join(given) == b"SELECT 1;\n\\connect x\n"
    assert reader.take_rest() == b"SELECT 2; SELECT '"
    assert list(reader.finish()) == []


@pytest.mark.parametrize("version", ["15.18", "16.2", "16.14", "17.10", "18.6"])
def test_real_dumps_end_between_statements_in_every_chunk_size(version):
    with gzip.open(os.path.join(FILES, "hostile-%s.sql.gz" % version)) as stream:
        sql = stream.read()
    wanted = told(sql)
    assert sum(kind == COPY_DATA for kind, _dummy in wanted) == 10
    assert [text for kind, text in wanted if kind == META_COMMAND and text.startswith(b"\\connect")] == [
        b"\\connect template1\n",
        b'\\connect -reuse-previous=on "dbname=\'a\\\\b ""q\'"\n',
        b"\\connect latin\n",
        b"\\connect loose\n",
        b"\\connect loose\n",
        "\\connect -reuse-previous=on \"dbname='müller'\"\n".encode(),
        b"\\connect postgres\n",
        b'\\connect -reuse-previous=on "dbname=\'x"" dump\'"\n',
    ]
    for size in (1, 2, 3, 7, 64, 255, 1000):
        reader = PieceReader()
        pieces(sql, size, reader)
        assert reader.between_statements
        assert told(sql, size) == wanted
