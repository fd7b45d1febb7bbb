# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What SQL holds is told alike whatever its chunks and the order of its rows, and otherwise for other contents."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.contents import Contents, Rows, contents_of

ROWS = [b"%d\titem %d\t\\N\n" % (number, number * 7) for number in range(400)]
HEAD = b"""--
-- Dumped from database version 17.10
-- Dumped by pg_dump version 17.10

\\restrict TOKEN

SET client_encoding = 'LATIN1';
SET standard_conforming_strings = on;

CREATE TABLE public.goods (id bigint, name text, note text);
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$COPY goods FROM stdin; SELECT 1$$;
"""
TAIL = b"""
COPY public.empty (id) FROM stdin;
\\.


ALTER TABLE ONLY public.goods ADD CONSTRAINT goods_pkey PRIMARY KEY (id);
\\unrestrict TOKEN
"""
COPY = b"COPY public.goods (id, name, note) FROM stdin;"


def dump(rows: list[bytes], head: bytes = HEAD, tail: bytes = TAIL) -> bytes:
    return head + COPY + b"\n" + b"".join(rows) + b"\\.\n\n" + tail


def chunked(text: bytes, size: int) -> list[bytes]:
    return [text[start : start + size] for start in range(0, len(text), size)]


WHOLE = contents_of([dump(ROWS)])


def test_rows_are_counted_by_table() -> None:
    assert {statement: rows.count for statement, rows in WHOLE.rows.items()} == {COPY: 400, b"COPY public.empty (id) FROM stdin;": 0}


@pytest.mark.parametrize("size", [1, 2, 7, 64, 4096])
def test_chunks_make_no_difference(size: int) -> None:
    assert contents_of(chunked(dump(ROWS), size)) == WHOLE


@pytest.mark.parametrize("size", [4096, 65537, 100000])
def test_a_long_row_is_never_held_whole(size: int) -> None:
    rows = [*ROWS, b"x" * 1_000_000 + b"\n", b"y" * 70_000 + b"\n", b"last\n"]
    assert contents_of(chunked(dump(rows), size)) == contents_of([dump(rows)])
    assert contents_of(chunked(dump([*rows[:-3], b"x" * 999_999 + b"z\n", *rows[-2:]]), size)) != contents_of([dump(rows)])
    chunks = [dump([])[: -len(b"\\.\n\n" + TAIL)]] + [b"x" * size] * (8_000_000 // size)
    tracemalloc.start()
    try:
        contents_of(iter([*chunks, b"\n\\.\n"]))
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_the_order_of_rows_makes_no_difference() -> None:
    shuffled = ROWS[:]
    random.Random(1).shuffle(shuffled)
    assert contents_of(chunked(dump(shuffled), 1000)) == WHOLE


def test_versions_comments_and_keys_make_no_difference() -> None:
    other = dump(ROWS, HEAD.replace(b"17.10", b"17.9").replace(b"TOKEN", b"OTHER"), TAIL.replace(b"TOKEN", b"OTHER"))
    assert contents_of([other]) == WHOLE


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[1:],
        [*ROWS, ROWS[0]],
        [ROWS[0].replace(b"item 0", b"item 1"), *ROWS[1:]],
        [ROWS[0], ROWS[0], *ROWS[2:]],
        [*ROWS, b"\n"],
    ],
    ids=["lost", "twice", "changed", "replaced", "empty"],
)
def test_other_rows_are_noticed_and_named(rows: list[bytes]) -> None:
    other = contents_of([dump(rows)])
    assert other.definitions == WHOLE.definitions
    (phrase,) = WHOLE.differing_tables(other)
    assert phrase == "public.goods" + ("" if len(rows) == 400 else " (400 and %d)" % len(rows))


def test_a_table_that_is_missing_is_named() -> None:
    without = Contents(WHOLE.definitions, {COPY: WHOLE.rows[COPY]})
    assert without.differing_tables(WHOLE) == []
    filled = Contents(WHOLE.definitions, {**without.rows, b'COPY "odd ""name""".t (id) FROM stdin;': Rows(1, 5)})
    assert without.differing_tables(filled) == ['odd "name".t (0 and 1)']


@pytest.mark.parametrize(
    ("old", "new"), [(b"PRIMARY KEY", b"UNIQUE"), (b"SELECT 1", b"SELECT 2"), (b"bigint", b"integer"), (b"$$COPY", b"$$ COPY")]
)
def test_other_definitions_are_noticed(old: bytes, new: bytes) -> None:
    text = dump(ROWS)
    assert old in text
    other = contents_of([text.replace(old, new)])
    assert other.definitions != WHOLE.definitions
    assert WHOLE.differing_tables(other) == []


def test_names_are_read_in_the_encoding_of_the_dump() -> None:
    one = contents_of([HEAD + b"COPY public.gr\xf6\xdfe (id) FROM stdin;\n1\n\\.\n"])
    assert one.differing_tables(Contents()) == ["public.größe (1 and 0)"]
