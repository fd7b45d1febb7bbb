# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backup fits a target: each problem, each warning, and that nothing else is complained of."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import DatabaseFacts, Extension, Manifest, Section, Tablespace
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.preflight import (
    Wish,
    examine,
    folders_to_probe,
    locale_need,
    locales_to_probe,
    tablespaces_to_skip,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.targets import (
    AsideNote,
    Target,
    TargetDatabase,
    UnfinishedNote,
    read_aside_note,
    read_unfinished,
    write_unfinished,
)

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
POSTGRES = DatabaseFacts("postgres", "postgres", "UTF8", "C.UTF-8", "C.UTF-8", "libc", None, "pg_default", 0, 1)
TEMPLATE = replace(POSTGRES, name="template1")
ORDERS = replace(POSTGRES, name="orders", owner="app", objects=3, extensions=(Extension("plpgsql", "1.0"),))
STOCK = replace(ORDERS, name="stock")
MANIFEST = Manifest(
    file_name="f",
    codec="zstd",
    stored_size=0,
    stored_sha256="",
    modified_ns=0,
    plain_size=0,
    started=NOW,
    finished=NOW,
    sequence=1,
    sections=(Section("globals", None, 0, 0, ""),),
    server_version="17.10",
    server_version_number=170010,
    databases=(TEMPLATE, ORDERS, POSTGRES, STOCK),
    roles=("postgres", "app"),
    tablespaces=(),
)
TARGET = Target(
    version="17.10",
    version_number=170010,
    user="postgres",
    superuser=True,
    in_recovery=False,
    free_connections=50,
    databases=(TargetDatabase(5, POSTGRES, objects=0), TargetDatabase(1, TEMPLATE, is_template=True, objects=0)),
    roles=frozenset({"postgres"}),
    tablespaces=(),
    extensions={"plpgsql": "1.0"},
)
WISH = Wish(("template1", "orders", "postgres", "stock"), restricted=True)


def with_facts(**changes):
    return replace(MANIFEST, databases=(TEMPLATE, replace(ORDERS, **changes), POSTGRES, STOCK))


def with_database(*databases):
    return replace(TARGET, databases=TARGET.databases + databases)


def problems(manifest=MANIFEST, target=TARGET, wish=WISH):
    return examine(manifest, target, wish).problems


def only_problem(*arguments, **named):
    (problem,) = problems(*arguments, **named)
    return problem


def test_a_fresh_server_of_the_same_kind_is_fine():
    verdict = examine(MANIFEST, TARGET, WISH)
    assert verdict.problems == verdict.warnings == verdict.replaced == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"superuser": False}, "no superuser"),
        ({"in_recovery": True}, "standby"),
        ({"version": "16.14", "version_number": 160014}, "the older 16.14; restore into version 17"),
        ({"psql_knows_restrict": False, "psql_version": "16.2"}, "psql 16.2 does not know \\restrict"),
        ({"free_connections": 2}, "2 free connections and a restore needs 3; end sessions or raise max_connections."),
        ({"extensions": {}}, "extension plpgsql, which databases orders and stock use"),
    ],
)
def test_what_is_wrong_with_a_server(change, words):
    assert words in only_problem(target=replace(TARGET, **change))


def test_all_problems_come_at_once():
    target = replace(
        TARGET, superuser=False, in_recovery=True, version_number=150000, psql_knows_restrict=False, free_connections=0, extensions={}
    )
    assert len(problems(target=target)) == 6


def test_a_newer_server_and_a_dump_without_restrict_lines_are_fine():
    assert not problems(target=replace(TARGET, version_number=180000))
    assert not problems(target=replace(TARGET, psql_knows_restrict=False), wish=replace(WISH, restricted=False))
    assert not problems(target=replace(TARGET, free_connections=3))
    assert not problems(replace(MANIFEST, server_version_number=None), replace(TARGET, version_number=90600))


def test_a_database_that_exists_is_refused_replaced_or_left_out():
    target = with_database(TargetDatabase(20000, ORDERS, objects=2))
    assert "orders exists on the target and holds 2 objects" in only_problem(target=target)
    verdict = examine(MANIFEST, target, replace(WISH, replace=True))
    assert not verdict.problems and verdict.replaced == ("orders",)
    assert not problems(target=target, wish=replace(WISH, names=("stock",), chosen=True))


def test_a_database_that_a_killed_restore_left_is_called_so() -> None:
    notes = {"orders": UnfinishedNote("2026-11-22T10:07:00Z", "2026-11-23T03:00:00Z")}
    target = replace(with_database(TargetDatabase(7, ORDERS, objects=2)), unfinished=read_unfinished(write_unfinished(notes)))
    said = only_problem(target=target)
    assert "orders is left over from a restore of backup 2026-11-22T10:07:00Z that began at 2026-11-23T03:00:00Z" in said
    assert problems(target=target, wish=replace(WISH, replace=True)) == ()
    assert read_unfinished("") == read_unfinished("[1]") == read_unfinished('{"x": 1}') == {}


def test_a_database_that_is_held_cannot_be_replaced():
    target = with_database(TargetDatabase(20000, ORDERS, busy="it has subscriptions"))
    assert "orders cannot be replaced: it has subscriptions" in only_problem(target=target, wish=replace(WISH, replace=True))


@pytest.mark.parametrize(("filled", "objects", "refused"), [(True, 1, True), (True, None, True), (True, 0, False), (False, 1, False)])
def test_maintenance_databases_collide_only_where_both_sides_hold_something(filled, objects, refused):
    target = replace(TARGET, databases=(TargetDatabase(5, POSTGRES, objects=objects), TARGET.databases[1]))
    wish = replace(WISH, filled=frozenset({"postgres"} if filled else ()))
    verdict = examine(MANIFEST, target, wish)
    assert bool(verdict.problems) is refused
    assert verdict.replaced == (("postgres",) if refused else ())
    assert not problems(target=target, wish=replace(wish, replace=True))


def test_a_maintenance_database_that_takes_no_connections_is_told():
    target = replace(TARGET, databases=(TargetDatabase(5, POSTGRES, allows_connections=False, objects=0), TARGET.databases[1]))
    assert "ALLOW_CONNECTIONS true" in only_problem(target=target)


def test_a_maintenance_database_that_is_not_there_is_told_with_the_cure() -> None:
    bare = replace(TARGET, databases=TARGET.databases[1:])
    problem = only_problem(target=bare)
    assert problem.startswith("The target has no database postgres") and "CREATE DATABASE postgres" in problem
    assert problems(target=bare, wish=replace(WISH, names=("template1", "orders"))) == ()


def test_names_that_are_no_text_are_told_where_the_target_takes_none() -> None:
    odd = replace(MANIFEST, roles=("postgres", "app", "caf\udce9"), databases=(TEMPLATE, replace(ORDERS, name="l\udcff"), POSTGRES, STOCK))
    wish = replace(WISH, names=("template1", "l\udcff", "postgres", "stock"))
    problem = only_problem(odd, wish=wish)
    assert "database l\\xff and role caf\\xe9" in problem and "UTF8" in problem
    ascii_only = tuple(replace(each, facts=replace(each.facts, encoding="SQL_ASCII")) for each in TARGET.databases)
    assert problems(odd, replace(TARGET, databases=ascii_only), wish) == ()
    there = replace(TARGET, roles=TARGET.roles | {"caf\udce9"})
    assert problems(odd, there, replace(wish, names=("stock",), chosen=True)) == ()


def test_what_a_cut_off_restore_set_aside_is_told_with_the_cure():
    note = AsideNote('we ird"db', True, "a 'comment'", "2026-11-22T10:07:00Z")
    aside = TargetDatabase(20000, replace(ORDERS, name="bandr_aside_20000"), comment=note.write())
    problem = only_problem(target=with_database(aside))
    assert 'ALTER DATABASE bandr_aside_20000 RENAME TO "we ird""db"; ALTER DATABASE "we ird""db" ALLOW_CONNECTIONS true' in problem
    assert read_aside_note(note.write()) == note
    assert "rename or drop it" in only_problem(target=with_database(replace(aside, comment="mine")))


@pytest.mark.parametrize(
    "comment", [None, "", "mine", AsideNote("x", True, None, "t").write()[:-1], AsideNote("x", True, None, "t").write() + "1"]
)
def test_other_comments_are_no_notes(comment):
    assert read_aside_note(comment) is None


def test_a_locale_is_asked_for_only_where_no_database_of_the_target_has_it():
    manifest = with_facts(collate="de_DE.UTF-8")
    assert locales_to_probe(MANIFEST, TARGET, WISH) == []
    (need,) = locales_to_probe(manifest, TARGET, WISH)
    assert need == locale_need(manifest.databases[1]) and not problems(manifest)
    refused = replace(TARGET, locale_refusals={need: "it is not installed there"})
    assert "Database orders cannot be created on the target: it is not installed there" in only_problem(manifest, refused)
    assert locales_to_probe(manifest, TARGET, replace(WISH, names=("stock",))) == []


def test_maintenance_databases_keep_the_targets_locale_and_a_warning_says_so():
    manifest = replace(MANIFEST, databases=(replace(TEMPLATE, collate="de_DE.UTF-8"), ORDERS, POSTGRES, STOCK))
    assert locales_to_probe(manifest, TARGET, WISH) == []
    assert not examine(manifest, TARGET, WISH).warnings
    (warning,) = examine(manifest, TARGET, replace(WISH, filled=frozenset({"template1"}))).warnings
    assert "template1 keeps the target's encoding and locale" in warning


def test_tablespaces_are_there_or_can_be_made():
    manifest = replace(
        with_facts(tablespace="fast"),
        tablespaces=(Tablespace("fast", "/fast"), Tablespace("slow", "/slow"), Tablespace("in", "pg_tblspc/1")),
    )
    assert folders_to_probe(manifest, TARGET) == ["/fast", "/slow"]
    assert not problems(manifest)
    refused = replace(TARGET, folder_refusals={"/fast": "it does not exist there", "/slow": "it does not exist there"})
    assert ["fast" in problem or "slow" in problem for problem in problems(manifest, refused)] == [True, True]
    present = replace(refused, tablespaces=manifest.tablespaces)
    assert folders_to_probe(manifest, present) == [] and not problems(manifest, present)


def test_chosen_databases_need_their_own_tablespaces_only():
    manifest = replace(with_facts(tablespace="fast"), tablespaces=(Tablespace("fast", "/fast"), Tablespace("slow", "/slow")))
    refused = replace(TARGET, folder_refusals={"/fast": "it does not exist there", "/slow": "it does not exist there"})
    chosen = replace(WISH, names=("orders",), chosen=True)
    assert tablespaces_to_skip(manifest, refused, chosen) == {"slow"}
    verdict = examine(manifest, refused, chosen)
    assert len(verdict.problems) == 1 and "fast" in verdict.problems[0]
    assert len(verdict.warnings) == 1 and "slow" in verdict.warnings[0]


def test_a_tablespace_or_an_owner_that_nobody_knows_is_told():
    assert "tablespace lost of database orders" in only_problem(with_facts(tablespace="lost"))
    assert "role nobody, which owns database orders" in only_problem(with_facts(owner="nobody"))
    assert not problems(with_facts(owner="nobody"), replace(TARGET, roles=frozenset({"postgres", "nobody"})))
    assert not problems(replace(with_facts(owner="nobody"), roles=None))


@pytest.mark.parametrize(("offered", "warned"), [("1.9", True), ("1.10", False), ("1.10.1", False), ("2", False)])
def test_an_older_extension_is_a_warning(offered, warned):
    manifest = with_facts(extensions=(Extension("hstore", "1.10"),))
    verdict = examine(manifest, replace(TARGET, extensions={"plpgsql": "1.0", "hstore": offered}), WISH)
    assert not verdict.problems
    assert [("the older %s" % offered) in warning for warning in verdict.warnings] == ([True] if warned else [])


def test_expectations_count_what_would_be_there():
    assert not problems(wish=replace(WISH, expected_databases=("orders", "postgres"), expected_count=4))
    assert "Expected databases lost and gone" in only_problem(wish=replace(WISH, expected_databases=("lost", "orders", "gone")))
    assert "5 databases are expected" in only_problem(wish=replace(WISH, expected_count=5))


def test_a_dump_that_does_not_tell_its_databases_is_not_held_to_them():
    assert not problems(replace(MANIFEST, databases=None, roles=None, tablespaces=None), wish=Wish((), expected_count=17))


def test_what_a_standby_could_not_read_is_told_before_it_comes_back_empty():
    (warning,) = examine(with_facts(without_contents=("public.cache", "public.numbers")), TARGET, WISH).warnings
    assert warning == (
        "The unlogged public.cache and public.numbers of database orders come back without contents, since the backup was made from a standby."
    )
    assert examine(with_facts(without_contents=("public.cache",)), TARGET, replace(WISH, names=("stock",), chosen=True)).warnings == ()


def test_no_locale_is_tried_on_a_standby():
    manifest = with_facts(locale_provider="icu", locale="de")
    assert locales_to_probe(manifest, TARGET, WISH) != []
    assert locales_to_probe(manifest, replace(TARGET, in_recovery=True), WISH) == []
