# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server a drill makes, how much room it needs, and what its comparison says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import DATABASE, DatabaseFacts, Manifest, Section
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.drill import (
    DIFFERENT,
    EQUAL,
    NOT_COMPARED,
    OVERHEAD,
    ROWS_EQUAL,
    ServerWish,
    initdb_options,
    judge,
    least_room,
    parse_size,
    usual_room,
    why_not_comparable,
    wish_for,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)
TEMPLATE = DatabaseFacts("template1", "postgres", "UTF8", "de_DE.UTF-8", "de_DE.UTF-8", "libc", None, "pg_default", 0, 7_000_000)
MANIFEST = Manifest(
    file_name="backup-2026-11-22T12:00:00Z-dumpall.sql.zst",
    codec="zstd",
    stored_size=1,
    stored_sha256="",
    modified_ns=0,
    plain_size=1000,
    started=NOON,
    finished=NOON,
    sequence=1,
    sections=(Section(DATABASE, "template1", 0, 1000, ""),),
    server_version="17.10",
    server_version_number=170010,
    client_version="17.10",
    databases=(TEMPLATE,),
    roles=("app", "postgres"),
)


def test_the_server_resembles_the_one_that_was_dumped() -> None:
    assert wish_for(MANIFEST) == ServerWish("postgres", "UTF8", "de_DE.UTF-8", "de_DE.UTF-8", "libc", None)


def test_the_superuser_is_the_one_that_the_dumped_server_was_made_with() -> None:
    other = replace(MANIFEST, roles=("admin", "app"), databases=(replace(TEMPLATE, owner="admin"),))
    assert wish_for(other).superuser == "admin"
    assert wish_for(replace(other, databases=(replace(TEMPLATE, owner="gone"),))).superuser == "postgres"
    assert wish_for(replace(MANIFEST, databases=(replace(TEMPLATE, owner="app"),))).superuser == "postgres"


def test_a_dump_that_tells_nothing_gets_a_usual_server() -> None:
    assert wish_for(replace(MANIFEST, databases=None, roles=None)) == ServerWish()
    assert initdb_options(ServerWish()) == ["--username=postgres", "--encoding=UTF8", "--auth=trust", "--no-sync", "--locale=C"]


@pytest.mark.parametrize(
    ("provider", "locale", "expected"),
    [
        ("libc", None, set()),
        ("icu", "de-DE", {"--locale-provider=icu", "--icu-locale=de-DE"}),
        ("builtin", "C.UTF-8", {"--locale-provider=builtin", "--builtin-locale=C.UTF-8"}),
    ],
)
def test_initdb_is_told_the_locale_of_its_provider(provider: str, locale: str | None, expected: set[str]) -> None:
    options = initdb_options(ServerWish("postgres", "UTF8", "de_DE.UTF-8", "de_DE.UTF-8", provider, locale))
    assert {one for one in options if "locale" in one and not one.startswith("--lc")} == expected
    assert {"--lc-collate=de_DE.UTF-8", "--lc-ctype=de_DE.UTF-8", "--lc-monetary=de_DE.UTF-8", "--lc-messages=C"} <= set(options)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512Mi", 512 << 20), ("10GiB", 10 << 30), ("2G", 2 * 10**9), (" 1.5 Ki ", 1536), ("3tb", 3 * 10**12)]
)
def test_sizes_are_read_as_kubernetes_writes_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "1 Xi", "1Gi 2"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parse_size(text)


def test_room_is_for_the_sql_at_least_and_for_the_databases_as_they_were() -> None:
    assert least_room(MANIFEST) == OVERHEAD + 1000
    assert usual_room(MANIFEST) == OVERHEAD + 7_000_000
    assert usual_room(replace(MANIFEST, databases=None)) == OVERHEAD + 1000


def test_what_was_made_alike_is_comparable() -> None:
    assert why_not_comparable(MANIFEST, "17.2", "17.10") is None


@pytest.mark.parametrize(
    ("changed", "client", "server", "why"),
    [
        ({}, "18.6", "17.10", "made by pg_dump 17.10, and the drill has 18.6"),
        ({}, "17.10", "18.6", "made from PostgreSQL 17.10, and the drill has 18.6"),
        ({"client_version": None}, "17.10", "17.10", "version of pg_dump that made the dump is not known"),
        ({"origin": "predecessor"}, "17.10", "17.10", "made by another program"),
    ],
)
def test_why_something_is_not_comparable_is_told(changed: dict, client: str, server: str, why: str) -> None:
    assert why in str(why_not_comparable(replace(MANIFEST, **changed), client, server))


@pytest.mark.parametrize(
    ("definitions_equal", "tables", "why_not", "word"),
    [
        (True, [], None, EQUAL),
        (True, [], "old", EQUAL),
        (False, [], None, DIFFERENT),
        (False, [], "old", ROWS_EQUAL),
        (True, ["goods"], None, DIFFERENT),
        (True, ["goods"], "old", NOT_COMPARED),
    ],
)
def test_nothing_is_called_different_that_may_only_read_otherwise(
    definitions_equal: bool, tables: list[str], why_not: str | None, word: str
) -> None:
    found, why = judge(definitions_equal, tables, why_not)
    assert found == word
    assert (why == "") == (word == EQUAL)


def test_of_many_tables_some_are_named() -> None:
    assert (
        judge(True, ["t%d" % number for number in range(8)], None)[1]
        == "the rows of t0, t1, t2, t3, t4 and 3 more are not those of the backup"
    )
