# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups from a hot standby: the same as the primary's, but for what no standby can read, which is told."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import Manifest, read_manifest
from ansible_collections.bandr.postgres.tests.servers.commands import (
    Clients,
    Ended,
    good_names,
    run,
    start,
    unfinished,
    verify_all,
    wait_for,
)
from ansible_collections.bandr.postgres.tests.servers.drills import Drills
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of
from ansible_collections.bandr.postgres.tests.servers.installations import Installation
from ansible_collections.bandr.postgres.tests.servers.server import Server
from ansible_collections.bandr.postgres.tests.servers.standby import Standby

KEY = re.compile(rb"(?m)^(\\(?:un)?restrict) \w+$")
WITHOUT = "--no-unlogged-table-data"
# More than all pipes hold, so that everything stands still where zstd does.
BIG = "CREATE TABLE big AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, 100000) g"
SHOP = """
CREATE TABLE orders (id serial PRIMARY KEY, item text); INSERT INTO orders (item) SELECT 'item ' || g FROM generate_series(1, 1000) g;
CREATE UNLOGGED TABLE "the cache" (id serial, x int); INSERT INTO "the cache" (x) SELECT generate_series(1, 50);
CREATE UNLOGGED TABLE "empty ""c""ache" ();
CREATE UNLOGGED SEQUENCE numbers START 5; SELECT nextval('numbers');
SELECT lo_from_bytea(0, 'a large object')"""
UNREAD = ('public.empty "c"ache', "public.numbers", "public.the cache", "public.the cache_id_seq")
IMPATIENT = {"max_standby_streaming_delay": "0", "log_recovery_conflict_waits": "on", "deadlock_timeout": "10ms"}
# The sections of a dump as calls of zstd: globals, template1, a_big, postgres, …
A_BIG = 3


@pytest.fixture(scope="module")
def primary(fresh_server_of_module: Callable[..., Server], newest_installation: Installation) -> Server:
    """Two databases that are bigger than all pipes together, and one with unlogged tables."""
    # The buffers of TCP would hold whole tables.
    server = fresh_server_of_module(newest_installation, tcp=False)
    server.psql("CREATE ROLE app; CREATE DATABASE a_big; CREATE DATABASE z_shop OWNER app")
    server.psql(BIG, "a_big")
    server.psql(SHOP, "z_shop")
    return server


@pytest.fixture
def standby(primary: Server) -> Iterator[Standby]:
    """A standby of ``primary`` that cancels at once whatever holds up its replay."""
    with Standby(primary, settings=IMPATIENT) as server:
        assert isinstance(server, Standby)
        yield server.catch_up()


@pytest.fixture
def clients(tmp_path: Path, newest_installation: Installation) -> Clients:
    return Clients(tmp_path / "clients", newest_installation)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def newest(root: Path) -> tuple[bytes, Manifest]:
    """SQL, without the keys, and manifest of the newest backup."""
    path = max(path for path in (root / "hourly").iterdir() if path.suffix != ".json")
    sql = subprocess.run(["zstd" if path.suffix == ".zst" else "gzip", "-dc", str(path)], check=True, stdout=subprocess.PIPE).stdout
    return without_key(sql), read_manifest(Path(str(path) + ".json").read_text(encoding="utf-8"))


def without_key(sql: bytes) -> bytes:
    return KEY.sub(rb"\1 KEY", sql)


def well(ended: Ended) -> Ended:
    assert ended.code == 0, ended.said
    return ended


def names_unread(ended: Ended) -> None:
    """The one warning names the database and all that is without contents, and what is to be done."""
    (warning,) = ended.result["warnings"]
    assert "Database z_shop was dumped from a standby" in warning and "back up from the primary" in warning
    assert all(name in warning for name in UNREAD) and warning in ended.said


def test_a_standby_gives_what_its_primary_gives(
    installation: Installation, fresh_server: Callable[..., Server], root: Path, tmp_path: Path
) -> None:
    source, target = fresh_server(installation), fresh_server(installation)
    source.psql("CREATE ROLE app LOGIN PASSWORD 'app'; CREATE DATABASE z_shop OWNER app; GRANT pg_monitor TO app")
    source.psql(SHOP, "z_shop")
    # No transaction of a standby can be serializable.
    for whose in ("DATABASE z_shop", "ROLE postgres"):
        source.psql("ALTER %s SET default_transaction_isolation TO serializable" % whose)
    wanted = without_key(dump_of(source, WITHOUT))
    with Standby(source) as standby:
        assert isinstance(standby, Standby)
        standby.catch_up()
        for jobs in ("2", "1"):
            names_unread(well(run(root, standby, "backup", "--jobs", jobs)))
            sql, manifest = newest(root)
            assert sql == wanted, difference(wanted, sql)
            assert manifest.from_standby and manifest.database_names == ("template1", "postgres", "z_shop")
            assert {facts.name: facts.without_contents for facts in manifest.databases or ()}["z_shop"] == UNREAD
    verify_all(root)
    restored = well(run(root, target, "recover", "--from", "latest"))
    (warning,) = restored.result["warnings"]
    assert "come back without contents" in warning and all(name in warning for name in UNREAD)
    unlike = difference(dump_of(source, WITHOUT), dump_of(target, WITHOUT))
    assert not unlike, unlike
    assert target.psql('SELECT count(*), (SELECT count(*) FROM orders) FROM "the cache"', "z_shop") == "0|1000"


def test_a_primary_keeps_what_is_unlogged(primary: Server, fresh_server: Callable[..., Server], root: Path) -> None:
    assert well(run(root, primary, "backup", "--jobs", "2")).result["warnings"] == []
    assert not newest(root)[1].from_standby
    target = fresh_server(primary.installation)
    assert well(run(root, target, "recover", "--from", "latest")).result["warnings"] == []
    unlike = difference(dump_of(primary), dump_of(target))
    assert not unlike, unlike
    query = "SELECT relpersistence, (SELECT count(*) FROM \"the cache\"), nextval('numbers') FROM pg_class WHERE relname = 'the cache'"
    assert target.psql(query, "z_shop") == "u|50|6"


def test_a_drill_holds_the_backup_of_a_standby_for_equal(standby: Standby) -> None:
    drills = Drills()
    try:
        well(run(drills.root, standby, "backup"))
        ended = well(drills.start(standby.installation.bin_folder).wait())
        assert {entry["comparison"] for entry in [*ended.result["databases"], ended.result["globals"]]} == {"equal"}
    finally:
        drills.remove()


def test_a_dump_that_the_standby_cancels_is_none(standby: Standby, primary: Server, root: Path, clients: Clients) -> None:
    well(run(root, standby, "backup"))
    before = good_names(root)
    held = clients.hold("zstd", A_BIG)
    running = start(root, standby, "backup", clients=clients.path)
    held.wait()
    reading = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'a_big' AND wait_event = 'ClientWrite'"
    standby.wait_until(reading, "did not stand still")
    primary.psql("UPDATE big SET g = g; VACUUM big", "a_big")
    wait_for(lambda: re.search("recovery conflict on snapshot|due to conflict with recovery", standby.log), "no conflict")
    held.let_go()
    ended = running.wait()
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    for words in ("conflict with recovery", "hot_standby_feedback", "max_standby_streaming_delay", "no older one was touched"):
        assert words in ended.message, ended.message
    assert good_names(root) == before and unfinished(root) == []
    verify_all(root)
    well(run(root, standby.catch_up(), "backup"))


def test_a_standby_that_is_promoted_meanwhile_gives_what_was_told(
    standby: Standby, primary: Server, root: Path, clients: Clients, fresh_server: Callable[..., Server]
) -> None:
    held = clients.hold("zstd", A_BIG)
    running = start(root, standby, "backup", clients=clients.path)
    held.wait()
    standby.promote()
    standby.psql('INSERT INTO "the cache" (x) VALUES (1)', "z_shop")
    held.let_go()
    names_unread(well(running.wait()))
    sql, manifest = newest(root)
    assert manifest.from_standby and sql == without_key(dump_of(standby, WITHOUT)) == without_key(dump_of(primary, WITHOUT))
    target = fresh_server(standby.installation)
    well(run(root, target, "recover", "--from", "latest"))
    assert dump_of(target, WITHOUT) == dump_of(standby, WITHOUT)


def test_nothing_is_restored_into_a_standby(standby: Standby, primary: Server, root: Path, tmp_path: Path) -> None:
    well(run(root, primary, "backup"))
    before = dump_of(primary)
    for options in ((), ("--replace",)):
        ended = run(root, standby, "recover", "--from", "latest", *options)
        assert (ended.code, ended.result["reason"]) == (9, "preflight"), ended.said
        assert "nothing was touched. The target is a standby (in recovery) and takes no writes; restore into its primary." in ended.message
    assert ended.result["problems"] == ["The target is a standby (in recovery) and takes no writes; restore into its primary."]
    assert dump_of(primary) == before and dump_of(standby.catch_up(), WITHOUT) == dump_of(primary, WITHOUT)


@pytest.mark.parametrize("program", ["pg_dumpall", "psql"])
def test_a_name_that_leads_to_a_primary_and_then_to_a_standby_loses_nothing_in_silence(
    standby: Standby, primary: Server, root: Path, clients: Clients, program: str
) -> None:
    clients.hook(
        program, before="mkdir $0.once 2>/dev/null && [ %s = psql ] || export PGHOST=%s PGPORT=%d" % (program, standby.host, standby.port)
    )
    ended = run(root, primary, "backup", clients=clients.path)
    assert ended.code == {"pg_dumpall": 4, "psql": 3}[program], ended.said
    assert re.search("server is in hot standby mode|could not connect", ended.message), ended.message
    assert re.search("let (them|host and port) lead to one of them alone", ended.message), ended.message
    assert good_names(root) == [] and unfinished(root) == []


def test_a_name_that_leads_to_several_servers_is_told(standby: Standby, primary: Server, root: Path, clients: Clients) -> None:
    clients.hook("psql", before="mkdir $0.once 2>/dev/null || export PGHOST=%s PGPORT=%d" % (primary.host, primary.port))
    ended = well(run(root, standby, "backup", clients=clients.path))
    assert [warning.partition(" or ")[0] for warning in ended.result["warnings"]][1:] == [
        "Another server answered at the end of the dump than at its beginning,"
    ]
