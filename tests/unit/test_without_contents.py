# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a standby could not read: how it is told, and that its manifest remembers it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import (
    DatabaseFacts,
    Manifest,
    Section,
    read_manifest,
    write_manifest,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.changes import shown_names, told_without_contents

NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)


def database(name: str, *unread: str) -> DatabaseFacts:
    return DatabaseFacts(name, "app", "UTF8", "C", "C", "libc", None, "pg_default", 1, 1, without_contents=unread)


def test_only_databases_with_something_unread_are_told() -> None:
    (sentence,) = told_without_contents([database("fine"), database("shop", "public.a", "public.b")])
    assert "Database shop was dumped from a standby" in sentence and "the dump holds public.a and public.b without the contents" in sentence


@pytest.mark.parametrize(("count", "words"), [(1, "0"), (2, "0 and 1"), (5, "0, 1, 2, 3 and 4"), (7, "0, 1, 2, 3, 4 and 2 more")])
def test_a_sentence_names_some_of_many(count: int, words: str) -> None:
    assert shown_names(tuple(str(number) for number in range(count))) == words


def test_a_manifest_remembers_all_of_them() -> None:
    names = tuple("public.t%d" % number for number in range(9))
    section = Section("globals", None, 0, 0, "")
    manifest = Manifest("x", "zstd", 0, "", 0, 0, NOW, NOW, 1, (section,), databases=(database("shop", *names),), from_standby=True)
    assert read_manifest(write_manifest(manifest)) == manifest
