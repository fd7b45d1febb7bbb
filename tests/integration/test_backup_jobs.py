# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups that dump several databases at a time: the same file as ever, and the same promises when something fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import read_manifest
from ansible_collections.bandr.postgres.tests.servers.commands import (
    Clients,
    children_of,
    good_names,
    left_over,
    listed,
    run,
    sql_by_shell,
    start,
    unfinished,
    verify_all,
    wait_for,
)
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of

BIG = "CREATE TABLE big AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, 60000) g"
TWO = ("--jobs", "2")
KEY = re.compile(rb"(?m)^(\\(?:un)?restrict) \w+$")
# The frames in the order in which they are begun: the globals, the two big databases at once, the small ones, the end.
FIRST_OF_DATABASES, END = 2, 6


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    """Two databases that are bigger than all pipes together, so that everything stands still where zstd does."""
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE DATABASE a_big; CREATE DATABASE z_big;")
    for name in ("a_big", "z_big"):
        server.psql(BIG, name)
    return server


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def clients(tmp_path, newest_installation):
    return Clients(tmp_path / "clients", newest_installation)


@pytest.fixture
def mark():
    """A word that every process of a run carries in its environment."""
    return "run-%s" % uuid.uuid4().hex


def newest(root):
    """SQL and manifest of the newest backup."""
    path = max(path for path in Path(root, "hourly").iterdir() if path.suffix != ".json")
    sql = subprocess.run(["zstd" if path.suffix == ".zst" else "gzip", "-dc", str(path)], check=True, stdout=subprocess.PIPE).stdout
    return sql, read_manifest(Path(str(path) + ".json").read_text())


def without_key(sql):
    return KEY.sub(rb"\1 KEY", sql)


def shape(manifest):
    return [(section.kind, section.database, section.offset, section.length) for section in manifest.sections]


def nothing_is_left(root, mark):
    wait_for(lambda: not left_over(mark), "left over: %s" % left_over(mark))
    assert listed(root) == {} and unfinished(root) == []


def next_run_succeeds(root, source):
    ended = run(root, source, "backup", *TWO)
    assert ended.code == 0, ended.said
    assert unfinished(root) == [] and len(good_names(root)) == 1
    verify_all(root)


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1"])
def test_the_file_is_that_of_one_stream(fresh_server, every_installation, root, encoding):
    server = fresh_server(every_installation, encoding=encoding, locale="C")
    server.psql('CREATE ROLE app LOGIN; CREATE ROLE "Admin User"; GRANT app TO "Admin User"')
    names = ["shop", 'we ird"db', "back\\slash' quote", "$(touch x)", "Zed", "template", "grüße"]
    for name in names:
        quoted = name.replace('"', '""')
        server.psql('CREATE DATABASE "%s" OWNER app; ALTER DATABASE "%s" SET work_mem = \'5MB\'' % (quoted, quoted))
    server.psql("CREATE TABLE t AS SELECT g FROM generate_series(1, 5000) g", "shop")
    server.psql("CREATE TABLE here (x int)", "postgres")
    server.psql("CREATE TABLE there (x int)", "template1")
    server.psql(
        "ALTER ROLE ALL SET application_name TO 'all'; COMMENT ON DATABASE postgres IS 'ours'; GRANT CREATE ON DATABASE template1 TO app"
    )
    sqls, manifests = [], []
    for jobs in ("1", "2", "20"):
        ended = run(root, server, "backup", "--jobs", jobs, "--exclude-database", "template")
        assert ended.code == 0, ended.said
        sql, manifest = newest(root)
        sqls.append(without_key(sql))
        manifests.append(manifest)
    assert sqls[0] == sqls[1] == sqls[2]
    assert shape(manifests[0]) == shape(manifests[1]) == shape(manifests[2])
    assert manifests[1].database_names == manifests[0].database_names and set(names) - {"template"} < set(manifests[1].database_names)
    assert [entry.name for entry in manifests[1].left_out] == ["template"]
    assert all(section.stored_offset is not None for section in manifests[1].sections)
    verify_all(root)


def test_a_restore_gives_the_server_back(source, fresh_server, newest_installation, root):
    assert run(root, source, "backup", *TWO).code == 0
    target = fresh_server(newest_installation)
    ended = run(root, target, "recover")
    assert ended.code == 0, ended.said
    assert dump_of(target) == dump_of(source)


@pytest.mark.parametrize("first", ["a_big", "z_big", "postgres"])
def test_whichever_database_is_slowest_the_order_stays(source, root, clients, first):
    clients.hook("pg_dump", before='case "$*" in *%s*) sleep 1;; esac' % first)
    ended = run(root, source, "backup", "--jobs", "4", clients=clients.path)
    assert ended.code == 0, ended.said
    assert ended.result["backup"]["databases"] == ["template1", "a_big", "postgres", "z_big"]
    verify_all(root)


def test_two_databases_are_dumped_at_a_time_the_largest_first(source, root, clients):
    log = clients.folder / "log"
    clients.hook("pg_dump", before='echo "$*" >> %s; sleep 0.3' % log, after="echo done >> %s" % log)
    assert run(root, source, "backup", *TWO, clients=clients.path).code == 0
    lines = ["done" if line == "done" else re.search(r"dbname='(\w+)'", line).group(1) for line in log.read_text().splitlines()]
    assert set(lines[:2]) == {"a_big", "z_big"}
    assert sorted(set(lines)) == ["a_big", "done", "postgres", "template1", "z_big"] and lines.count("done") == 4


@pytest.mark.parametrize(
    ("victim", "number"),
    [
        *((victim, number) for victim in ("engine", "zstd") for number in (1, FIRST_OF_DATABASES, FIRST_OF_DATABASES + 1, END)),
        ("pg_dump", FIRST_OF_DATABASES),
        ("pg_dump", FIRST_OF_DATABASES + 1),
    ],
)
def test_a_killed_process_leaves_no_backup(source, root, clients, mark, victim, number):
    held = clients.hold("zstd", number)
    running = start(root, source, "backup", *TWO, clients=clients.path, MARK=mark)
    compressor = held.wait()
    if victim == "engine":
        running.kill()
    elif victim == "zstd":
        os.kill(compressor, signal.SIGKILL)
    else:
        found = [process for process, command in children_of(running).items() if os.path.basename(command[0]) == victim]
        os.kill(found[-1], signal.SIGKILL)
    held.let_go()
    ended = running.wait()
    if victim == "engine":
        assert ended.code == -signal.SIGKILL
        wait_for(lambda: not left_over(mark), "left over: %s" % left_over(mark))
        assert listed(root) == {}
        ended = run(root, source, "backup", *TWO)
        assert ended.code == 0 and len(ended.result["swept"]) == 1, ended.result
        verify_all(root)
        return
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    assert "No backup was made and no older one was touched" in ended.message
    assert "killed by signal 9" in ended.message or "status -9" in ended.message, ended.message
    nothing_is_left(root, mark)
    next_run_succeeds(root, source)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("call", [1, FIRST_OF_DATABASES, FIRST_OF_DATABASES + 1, END])
def test_a_signal_ends_everything_within_seconds(source, root, clients, mark, number, call):
    held = clients.hold("zstd", call)
    running = start(root, source, "backup", *TWO, clients=clients.path, MARK=mark)
    held.wait()
    begun = time.monotonic()
    running.kill(number)
    running.kill(number)
    ended = running.wait()
    assert time.monotonic() - begun < 8
    assert (ended.code, ended.result["reason"]) == (128 + number, "interrupted"), ended.said
    nothing_is_left(root, mark)
    next_run_succeeds(root, source)


def test_a_signal_ends_children_that_stand_still(source, root, clients, mark):
    held = clients.hold("zstd", FIRST_OF_DATABASES)
    running = start(root, source, "backup", *TWO, clients=clients.path, MARK=mark)
    held.wait()
    for process, command in children_of(running).items():
        if os.path.basename(command[0]) == "pg_dump":
            os.kill(process, signal.SIGSTOP)
    begun = time.monotonic()
    running.kill(signal.SIGTERM)
    assert running.wait().code == 143
    assert time.monotonic() - begun < 15
    nothing_is_left(root, mark)


@pytest.mark.parametrize("step", range(6))
def test_a_signal_at_any_moment_leaves_whole_backups_and_no_process(source, root, clients, mark, step):
    running = start(root, source, "backup", *TWO, clients=clients.path, MARK=mark)
    time.sleep(0.2 + step * 0.15)
    running.kill(signal.SIGTERM)
    ended = running.wait()
    assert ended.code in (0, 143, -signal.SIGTERM), ended.said
    wait_for(lambda: not left_over(mark), "left over: %s" % left_over(mark))
    assert unfinished(root) == [] and set(listed(root).values()) <= {"proven"}
    # What was published before the signal stays; without a word of its own the run had not begun.
    assert len(listed(root)) in {0: (1,), 143: (0, 1), -signal.SIGTERM: (0,)}[ended.code], ended.said
    verify_all(root)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ("exit 1", "pg_dump ended with status 1"),
        ("echo '-- more'", "database z_big does not end as a whole one ends"),
        ("kill -9 $$", "killed by signal 9"),
    ],
)
def test_only_a_database_that_ends_well_in_every_way_is_kept(source, root, clients, after, told):
    clients.hook("pg_dump", after='case "$*" in *z_big*) %s;; esac' % after)
    ended = run(root, source, "backup", *TWO, clients=clients.path)
    assert ended.code == 4 and told in ended.message, ended.said
    assert listed(root) == {} and unfinished(root) == []


def test_roles_count_only_where_their_program_ends_well(source, root, clients):
    clients.hook("pg_dumpall", after="kill -9 $$")
    ended = run(root, source, "backup", *TWO, clients=clients.path)
    assert (ended.code, ended.result["reason"]) == (4, "dump") and "killed by signal 9" in ended.message, ended.said
    assert listed(root) == {} and unfinished(root) == []


def test_a_dump_that_is_cut_short_with_status_0_is_not_kept(source, root, clients):
    real = source.installation.program("pg_dump")
    program = clients.folder / "pg_dump"
    program.unlink()
    program.write_text('#!/bin/sh\ncase "$1" in --version|--help) exec %s "$@";; esac\n%s "$@" | head -c -10\nexit 0\n' % (real, real))
    program.chmod(0o755)
    ended = run(root, source, "backup", *TWO, clients=clients.path)
    assert ended.code == 4 and "does not end as a whole one ends" in ended.message, ended.said
    assert listed(root) == {}


def test_a_program_that_does_not_take_our_key_is_not_believed(source, root, clients):
    real = source.installation.program("pg_dump")
    program = clients.folder / "pg_dump"
    program.unlink()
    program.write_text('#!/bin/sh\ncase "$1" in --version|--help) exec %s "$@";; esac\nexec %s "$@" --restrict-key=other\n' % (real, real))
    program.chmod(0o755)
    ended = run(root, source, "backup", *TWO, clients=clients.path)
    assert ended.code == 4 and "another key" in ended.message, ended.said
    assert listed(root) == {}


def test_a_locked_table_ends_the_run_in_time(source, root):
    holder = subprocess.Popen(
        [source.installation.program("psql"), "-X", "-q", "-c", "BEGIN; LOCK TABLE big; SELECT pg_sleep(60)"],
        env=dict(source.environment, PGDATABASE="a_big"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        ask = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IS NOT NULL"
        wait_for(lambda: source.psql(ask) != "0", "never locked")
        ended = run(root, source, "backup", *TWO, "--lock-wait-seconds", "1")
    finally:
        holder.kill()
        holder.wait()
        source.psql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        )
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    assert "stayed locked for longer than lock_wait_seconds" in ended.message
    assert listed(root) == {} and unfinished(root) == []
    next_run_succeeds(root, source)


@pytest.fixture
def changing(fresh_server, newest_installation):
    server = fresh_server(newest_installation)
    server.psql("CREATE DATABASE shop; CREATE DATABASE other; CREATE ROLE worker")
    return server


@pytest.mark.parametrize("program", ["pg_dumpall", "pg_dump"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_role_that_comes_meanwhile_and_matters_fails_the_run(root, changing, clients, program, when):
    statements = "CREATE ROLE newcomer; CREATE TABLE hers (x int); ALTER TABLE hers OWNER TO newcomer"
    clients.hook(program, **{when: sql_by_shell(changing, statements, "shop", once=True)})
    ended = run(root, changing, "backup", *TWO, clients=clients.path)
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    assert "newcomer" in ended.message and "run the backup again" in ended.message
    assert good_names(root) == [] and unfinished(root) == []
    assert run(root, changing, "backup", *TWO).code == 0


@pytest.mark.parametrize(
    ("program", "statements", "told", "held"),
    [
        # The databases are listed behind the globals, as pg_dumpall does it.
        ("pg_dumpall", "CREATE DATABASE fresh", {}, {"fresh", "other"}),
        ("pg_dumpall", "DROP DATABASE other", {"other": "it was dropped while the dump ran"}, set()),
        ("pg_dumpall", "ALTER DATABASE other RENAME TO another", {}, {"another"}),
        ("pg_dump", "CREATE DATABASE fresh", {"fresh": "it was created while the dump ran"}, {"other"}),
    ],
)
def test_databases_that_come_and_go_meanwhile_are_told(root, changing, clients, program, statements, told, held):
    clients.hook(program, after=sql_by_shell(changing, statements, once=True))
    ended = run(root, changing, "backup", *TWO, clients=clients.path)
    assert ended.code == 0, ended.said
    reasons = {entry["name"]: entry["reason"] for entry in ended.result["left_out"]}
    assert set(reasons) == set(told) and all(words in reasons[name] for name, words in told.items()), reasons
    assert {"template1", "postgres", "shop"} | held == set(ended.result["backup"]["databases"])
    verify_all(root)


def test_a_database_that_goes_before_its_turn_fails_the_run(root, changing, clients):
    changing.psql(BIG, "shop")
    changing.psql("CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g", "other")
    held = clients.hold("pg_dump", 2)
    running = start(root, changing, "backup", *TWO, clients=clients.path)
    held.wait()
    changing.psql("DROP DATABASE other WITH (FORCE)")
    held.let_go()
    ended = running.wait()
    assert ended.code == 4 and "other" in ended.message, ended.said
    assert good_names(root) == [] and unfinished(root) == []
    assert run(root, changing, "backup", *TWO).code == 0


def test_one_database_alone_is_dumped_as_ever(root, changing):
    ended = run(root, changing, "backup", *TWO, "--only-database", "shop")
    assert ended.code == 0 and ended.result["backup"]["databases"] == ["shop"], ended.said
    verify_all(root)


def test_no_job_is_no_backup(root, changing):
    ended = run(root, changing, "backup", "--jobs", "0")
    assert (ended.code, ended.result["reason"]) == (2, "usage") and "jobs is 0" in ended.message
