# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in the middle of a backup: nothing incomplete is listed as good, and the next run succeeds."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
import uuid
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
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

BIG = "CREATE TABLE big AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, 100000) g"
# The sections in the dump's order, as calls of zstd: a frame each.
SECTIONS = {"globals": 1, "a_big": 3, "z_big": 5, "end": 6}
SWEPT = "unfinished work"


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    """Two databases that are bigger than all pipes together, so that everything stands still where zstd does."""
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE DATABASE a_big; CREATE DATABASE z_big;")
    for name in ("a_big", "z_big"):
        server.psql(BIG, name)
    return server


@pytest.fixture(scope="module")
def first_backup(source, tmp_path_factory):
    """A volume with one good backup, to be copied."""
    root = tmp_path_factory.mktemp("first")
    assert run(root, source, "backup").code == 0
    return root


@pytest.fixture
def root(tmp_path, first_backup):
    """A volume of one's own that holds one good backup."""
    folder = tmp_path / "root"
    (folder / "hourly").mkdir(parents=True)
    for path in (first_backup / "hourly").iterdir():
        os.link(path, folder / "hourly" / path.name)
    return folder


@pytest.fixture
def clients(tmp_path, newest_installation):
    return Clients(tmp_path / "clients", newest_installation)


@pytest.fixture
def mark():
    """A word that every process of a run carries in its environment."""
    return "run-%s" % uuid.uuid4().hex


def volume_is_as_before(root, first_backup):
    assert listed(root) == listed(first_backup) and len(listed(root)) == 1
    plan = run_backup(Context(), BackupRequest(str(root), TierPolicy("daily", 7, "hourly", 2), dry_run=True))
    assert plan["missing"] == 1


def nothing_runs(mark):
    wait_for(lambda: not left_over(mark), "left over: %s" % left_over(mark))


def next_run_succeeds(root, source, swept):
    ended = run(root, source, "backup")
    assert ended.code == 0, ended.said
    assert bool(ended.result["swept"]) == swept, ended.result["swept"]
    assert all(SWEPT in sentence for sentence in ended.result["swept"])
    assert len(good_names(root)) == 2 and unfinished(root) == []
    verify_all(root)


def process_named(running, name):
    """The one process below ``running`` that runs ``name``."""
    found = [process for process, command in children_of(running).items() if any(os.path.basename(word) == name for word in command[:2])]
    assert len(found) == 1, children_of(running)
    return found[0]


KILL_POINTS = [
    pytest.param(number, victim, id="%s-in-%s" % (victim, section))
    for (section, number), victim in itertools.product(SECTIONS.items(), ("engine", "pg_dumpall", "pg_dump", "zstd"))
    # At the end of the dump its programs have ended.
    if section != "end" or victim in ("engine", "zstd")
]


@pytest.mark.parametrize(("number", "victim"), KILL_POINTS)
def test_a_killed_process_leaves_no_backup(root, source, clients, mark, first_backup, number, victim):
    held = clients.hold("zstd", number)
    running = start(root, source, "backup", clients=clients.path, MARK=mark)
    compressor = held.wait()
    if victim == "engine":
        running.kill()
    else:
        os.kill(compressor if victim == "zstd" else process_named(running, victim), signal.SIGKILL)
        held.let_go()
    ended = running.wait()
    if victim == "engine":
        assert ended.code == -signal.SIGKILL
    else:
        assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
        assert "No backup was made and no older one was touched" in ended.message
        assert victim == "pg_dump" or "killed by signal 9" in ended.message or "status -9" in ended.message, ended.message
        assert unfinished(root) == []
    nothing_runs(mark)
    volume_is_as_before(root, first_backup)
    next_run_succeeds(root, source, swept=victim == "engine")


@pytest.mark.parametrize("call", [1, 2, 5, 6, 8, 9])
@pytest.mark.parametrize("victim", ["engine", "psql"])
def test_a_kill_while_the_server_is_looked_at_leaves_no_backup(root, source, clients, mark, first_backup, call, victim):
    held = clients.hold("psql", call)
    running = start(root, source, "backup", clients=clients.path, MARK=mark)
    process = held.wait()
    if victim == "engine":
        running.kill()
    else:
        os.kill(process, signal.SIGKILL)
    ended = running.wait()
    assert ended.code == (-signal.SIGKILL if victim == "engine" else 4), ended.said
    if victim == "psql":
        assert "psql was killed by signal 9" in ended.message and unfinished(root) == []
    nothing_runs(mark)
    volume_is_as_before(root, first_backup)
    next_run_succeeds(root, source, swept=victim == "engine")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything_within_seconds(root, source, clients, mark, first_backup, number):
    held = clients.hold("zstd", SECTIONS["a_big"])
    running = start(root, source, "backup", clients=clients.path, MARK=mark)
    held.wait()
    begun = time.monotonic()
    running.kill(number)
    running.kill(number)
    ended = running.wait()
    assert time.monotonic() - begun < 5
    assert (ended.code, ended.result["reason"]) == (128 + number, "interrupted"), ended.said
    assert not left_over(mark), left_over(mark)
    assert unfinished(root) == []
    volume_is_as_before(root, first_backup)
    next_run_succeeds(root, source, swept=False)


def test_a_signal_ends_children_that_stand_still(root, source, clients, mark, first_backup):
    held = clients.hold("zstd", SECTIONS["a_big"])
    running = start(root, source, "backup", clients=clients.path, MARK=mark)
    held.wait()
    os.kill(process_named(running, "pg_dump"), signal.SIGSTOP)
    begun = time.monotonic()
    running.kill(signal.SIGTERM)
    assert running.wait().code == 143
    assert time.monotonic() - begun < 8
    nothing_runs(mark)
    volume_is_as_before(root, first_backup)


@pytest.mark.parametrize("step", range(8))
def test_a_signal_at_any_moment_leaves_whole_backups_and_no_process(root, source, clients, mark, step):
    running = start(root, source, "backup", clients=clients.path, MARK=mark)
    time.sleep(0.06 + step * 0.1)
    running.kill(signal.SIGTERM)
    ended = running.wait()
    # Before the engine has begun, the signal kills it as it kills every program.
    assert ended.code in (0, 143, -signal.SIGTERM), ended.said
    nothing_runs(mark)
    assert unfinished(root) == []
    assert set(listed(root).values()) == {"proven"}
    assert len(listed(root)) == 2 or (ended.code != 0 and len(listed(root)) == 1)
    verify_all(root)


def test_what_was_ignored_stays_ignored(root, source, clients):
    held = clients.hold("zstd", SECTIONS["a_big"])
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = start(root, source, "backup", clients=clients.path)
    finally:
        signal.signal(signal.SIGHUP, before)
    held.wait()
    running.kill(signal.SIGHUP)
    held.let_go()
    assert running.wait().code == 0


# Two at once


def test_a_second_run_at_once_is_refused_and_both_volumes_stay_whole(root, source, clients):
    held = clients.hold("zstd", SECTIONS["a_big"])
    first = start(root, source, "backup", clients=clients.path)
    held.wait()
    second = run(root, source, "backup")
    assert (second.code, second.result["reason"]) == (6, "busy"), second.said
    assert "process %d on" % first.process.pid in second.message and "run again when that one has ended" in second.message
    third = start(root, source, "backup", "--wait-seconds", "50")
    # Other tiers and listings do not wait for a dump.
    assert run(root, None, "backup", "--tier", "daily", "--prior-count", "1").result["method"] == "link"
    held.let_go()
    results = [first.wait(), third.wait()]
    assert [ended.code for ended in results] == [0, 0]
    assert "Waiting for process %d" % first.process.pid in results[1].said
    assert len(good_names(root)) == 4
    verify_all(root)


def test_a_run_whose_holder_was_killed_need_not_wait(root, source, clients):
    held = clients.hold("zstd", SECTIONS["a_big"])
    first = start(root, source, "backup", clients=clients.path)
    process = held.wait()
    first.kill()
    first.wait()
    os.kill(process, signal.SIGKILL)
    begun = time.monotonic()
    assert run(root, source, "backup").code == 0
    assert time.monotonic() - begun < 10


def test_a_backup_that_is_being_read_is_not_pruned(root, source, clients, first_backup):
    (name,) = good_names(first_backup)
    held = clients.hold("zstd", 1)
    reading = start(root, source, "verify", clients=clients.path)
    held.wait()
    ended = run(root, source, "backup", "--count", "1")
    assert ended.code == 0 and ended.result["removed"] == []
    assert any("is reading it" in entry["reason"] for entry in ended.result["plan"])
    held.let_go()
    assert reading.wait().code == 0
    ended = run(root, source, "backup", "--count", "1")
    assert len(ended.result["removed"]) == 2 and name.split()[1] in ended.result["removed"]


# The server


def test_a_server_that_stops_in_the_middle(root, source, clients, first_backup):
    held = clients.hold("zstd", SECTIONS["a_big"])
    running = start(root, source, "backup", clients=clients.path)
    held.wait()
    source.stop("immediate")
    try:
        held.let_go()
        ended = running.wait()
        assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
        volume_is_as_before(root, first_backup)
        ended = run(root, source, "backup")
        assert (ended.code, ended.result["reason"]) == (3, "connection")
        assert len(good_names(root)) == 1
    finally:
        source.start()
    next_run_succeeds(root, source, swept=False)


def test_a_connection_that_is_ended(root, source, clients, first_backup):
    held = clients.hold("zstd", SECTIONS["a_big"])
    running = start(root, source, "backup", clients=clients.path)
    held.wait()
    ask = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = 'a_big' AND pid <> pg_backend_pid()"
    wait_for(lambda: source.psql(ask) != "0", "pg_dump never came to a_big")
    held.let_go()
    ended = running.wait()
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    # libpq tells what the server said, unless the connection was gone before it could be read.
    assert "terminat" in ended.message or "closed the connection" in ended.message, ended.said
    volume_is_as_before(root, first_backup)
    next_run_succeeds(root, source, swept=False)


def test_a_connection_that_is_ended_during_the_look(root, source, clients, first_backup):
    clients.hook("psql", before='case "$PGDATABASE" in z_big) kill -9 $$;; esac')
    ended = run(root, source, "backup", clients=clients.path)
    assert ended.code == 4 and "Database z_big cannot be looked into" in ended.message
    volume_is_as_before(root, first_backup)


class Locked:
    """A table that another session holds."""

    def __init__(self, server, database):
        self._thread = threading.Thread(target=self._hold, args=(server, database))
        self._server = server

    def _hold(self, server, database):
        try:
            server.psql("BEGIN; LOCK TABLE big; SELECT pg_sleep(60);", database, PGAPPNAME="holder")
        except Exception as error:
            self.ended = error

    def __enter__(self):
        self._thread.start()
        ask = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation IS NOT NULL"
        wait_for(lambda: self._server.psql(ask) != "0", "never locked")
        return self

    def __exit__(self, *ignored):
        self._server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holder'")
        self._thread.join()


def test_a_locked_table_ends_the_run_in_time(root, source, first_backup):
    with Locked(source, "a_big"):
        begun = time.monotonic()
        ended = run(root, source, "backup", "--lock-wait-seconds", "1")
        assert time.monotonic() - begun < 15
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    assert "stayed locked for longer than lock_wait_seconds; look for the session that holds it" in ended.message
    volume_is_as_before(root, first_backup)
    next_run_succeeds(root, source, swept=False)


def test_a_killed_run_leaves_nobody_waiting_for_a_locked_table(root, source, mark):
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with Locked(source, "a_big"):
        running = start(root, source, "backup", "--lock-wait-seconds", "300", MARK=mark)
        wait_for(lambda: source.psql(waiting) != "0", "never waited")
        running.kill()
        assert running.wait().code == -signal.SIGKILL
        nothing_runs(mark)
        # pg_dump gives its place in the queue back, too.
        wait_for(lambda: source.psql(waiting) == "0", "still waits")


def test_a_lock_that_is_given_back_in_time_does_no_harm(root, source):
    with Locked(source, "a_big"):
        running = start(root, source, "backup", "--lock-wait-seconds", "60")
        ask = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_for(lambda: source.psql(ask) != "0", "never waited")
    assert running.wait().code == 0


# What changes on the server meanwhile


@pytest.fixture
def changing(fresh_server, newest_installation):
    server = fresh_server(newest_installation)
    server.psql("CREATE DATABASE shop; CREATE DATABASE other; CREATE ROLE worker")
    return server


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("statements", "database"),
    [
        ("CREATE ROLE newcomer; CREATE TABLE hers (x int); ALTER TABLE hers OWNER TO newcomer", "shop"),
        ("CREATE ROLE newcomer; GRANT USAGE ON SCHEMA public TO newcomer", "other"),
        ("CREATE ROLE newcomer; CREATE DATABASE hers OWNER newcomer", "postgres"),
        ("CREATE TABLE hers (x int); ALTER TABLE hers OWNER TO worker; ALTER ROLE worker RENAME TO renamed", "shop"),
    ],
    ids=["owner", "grantee", "owner-of-database", "renamed"],
)
def test_a_role_that_comes_meanwhile_and_matters_fails_the_run(tmp_path, changing, clients, when, statements, database):
    root = tmp_path / "root"
    root.mkdir()
    clients.hook("pg_dumpall", **{when: sql_by_shell(changing, statements, database)})
    ended = run(root, changing, "backup", clients=clients.path)
    assert (ended.code, ended.result["reason"]) == (4, "dump"), ended.said
    assert ("newcomer" in ended.message or "renamed" in ended.message) and "run the backup again" in ended.message
    assert good_names(root) == [] and unfinished(root) == []
    assert run(root, changing, "backup").code == 0


def test_a_role_that_comes_between_globals_and_databases_fails_the_run(tmp_path, changing, clients):
    root = tmp_path / "root"
    root.mkdir()
    changing.psql(BIG, "shop")
    with Locked(changing, "shop"):
        running = start(root, changing, "backup")
        wait_for(lambda: changing.psql("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0", "never waited")
        changing.psql("CREATE ROLE newcomer; CREATE TABLE hers (x int); ALTER TABLE hers OWNER TO newcomer", "template1")
    ended = running.wait()
    assert ended.code == 4 and "newcomer" in ended.message
    assert good_names(root) == []


def test_a_role_that_comes_meanwhile_and_owns_nothing_does_no_harm(tmp_path, changing, clients):
    root = tmp_path / "root"
    root.mkdir()
    clients.hook("pg_dumpall", before=sql_by_shell(changing, "CREATE ROLE idle LOGIN"))
    assert run(root, changing, "backup", clients=clients.path).code == 0


@pytest.mark.parametrize(
    ("when", "statements", "told"),
    [
        ("before", "CREATE DATABASE fresh", {}),
        ("after", "CREATE DATABASE fresh", {"fresh": "it was created while the dump ran"}),
        ("before", "DROP DATABASE other", {"other": "it was dropped while the dump ran"}),
        ("after", "DROP DATABASE other", {}),
        ("before", "ALTER DATABASE other RENAME TO another", {}),
        ("after", "ALTER DATABASE other RENAME TO another", {"another": "it was renamed from other"}),
        ("before", "DROP DATABASE other; CREATE DATABASE other", {}),
        ("before", "ALTER DATABASE other ALLOW_CONNECTIONS false", {"other": "ALLOW_CONNECTIONS"}),
    ],
)
def test_databases_that_come_and_go_meanwhile_are_told(tmp_path, changing, clients, when, statements, told):
    root = tmp_path / "root"
    root.mkdir()
    clients.hook("pg_dumpall", **{when: sql_by_shell(changing, statements)})
    ended = run(root, changing, "backup", clients=clients.path)
    assert ended.code == 0, ended.said
    reasons = {entry["name"]: entry["reason"] for entry in ended.result["left_out"]}
    assert set(reasons) == set(told), reasons
    assert all(words in reasons[name] for name, words in told.items())
    held = set(ended.result["backup"]["databases"])
    assert not held & set(told)
    if statements == "CREATE DATABASE fresh" and when == "before":
        assert "fresh" in held
    verify_all(root)


@pytest.mark.parametrize("call", [2, 3, 4, 5])
def test_a_database_that_goes_during_the_look_is_told(tmp_path, changing, clients, call):
    root = tmp_path / "root"
    root.mkdir()
    held = clients.hold("psql", call)
    running = start(root, changing, "backup", clients=clients.path)
    held.wait()
    changing.psql("DROP DATABASE other")
    held.let_go()
    ended = running.wait()
    assert ended.code == 0, ended.said
    assert [entry["name"] for entry in ended.result["left_out"]] == ["other"]
    assert "other" not in ended.result["backup"]["databases"]


def test_a_database_that_goes_while_it_is_dumped_fails_the_run(tmp_path, changing, clients):
    root = tmp_path / "root"
    root.mkdir()
    changing.psql(BIG, "other")
    changing.psql("CREATE DATABASE zz")
    held = clients.hold("zstd", 3)
    running = start(root, changing, "backup", clients=clients.path)
    held.wait()
    changing.psql("DROP DATABASE zz")
    held.let_go()
    ended = running.wait()
    assert ended.code == 4 and "zz" in ended.message, ended.said
    assert good_names(root) == []
    assert run(root, changing, "backup").code == 0


def test_a_tablespace_that_comes_meanwhile_fails_the_run(tmp_path, changing, clients):
    root = tmp_path / "root"
    root.mkdir()
    folder = changing.new_tablespace_folder()
    held = clients.hold("psql", 6)
    running = start(root, changing, "backup", clients=clients.path)
    held.wait()
    changing.psql("CREATE TABLESPACE fast LOCATION '%s'" % folder)
    held.let_go()
    ended = running.wait()
    assert ended.code == 4 and "tablespace" in ended.message, ended.said


# A dump program that lies


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ("exit 0", None),
        ("exit 1", "pg_dumpall ended with status 1"),
        ("echo '-- more'", "does not end as a whole one ends"),
        ("kill -9 $$", "killed by signal 9"),
    ],
)
def test_only_a_dump_that_ends_well_in_every_way_is_kept(root, source, clients, first_backup, after, told):
    clients.hook("pg_dumpall", after=after)
    ended = run(root, source, "backup", clients=clients.path)
    if told is None:
        assert ended.code == 0
        return
    assert ended.code == 4 and told in ended.message, ended.said
    volume_is_as_before(root, first_backup)


@pytest.mark.parametrize(("cut", "told"), [(10, "does not end as"), (3000, "does not end as"), (0, "does not")])
def test_a_dump_that_is_cut_short_with_status_0_is_not_kept(root, source, clients, first_backup, cut, told):
    real = source.installation.program("pg_dumpall")
    program = clients.folder / "pg_dumpall"
    program.unlink()
    count = "-c -%d" % cut if cut else "-c 0"
    program.write_text('#!/bin/sh\ncase "$1" in --version|--help) exec %s "$@";; esac\n%s "$@" | head %s\nexit 0\n' % (real, real, count))
    program.chmod(0o755)
    ended = run(root, source, "backup", clients=clients.path)
    assert ended.code == 4 and told in ended.message, ended.said
    volume_is_as_before(root, first_backup)


def test_a_dump_without_the_databases_is_not_kept(root, source, clients, first_backup):
    real = source.installation.program("pg_dumpall")
    program = clients.folder / "pg_dumpall"
    program.unlink()
    program.write_text('#!/bin/sh\ncase "$1" in --version|--help) exec %s "$@";; esac\nexec %s "$@" --globals-only\n' % (real, real))
    program.chmod(0o755)
    ended = run(root, source, "backup", clients=clients.path)
    assert ended.code == 4 and "lacks the databases a_big, postgres, template1, z_big" in ended.message, ended.said
    volume_is_as_before(root, first_backup)


# Secrets


def test_no_secret_is_seen_by_anyone(fresh_server, newest_installation, tmp_path, mark):
    password = "very-Secret-4711"
    server = fresh_server(newest_installation, password=password)
    server.psql("CREATE DATABASE a_big; CREATE ROLE app LOGIN PASSWORD 'other-Secret-0815'")
    server.psql(BIG, "a_big")
    root = tmp_path / "root"
    root.mkdir()
    seen = set()
    for number, program in ((1, "psql"), (3, "zstd"), (3, "psql")):
        clients = Clients(tmp_path / ("clients-%s-%d" % (program, number)), newest_installation)
        held = clients.hold(program, number)
        log = tmp_path / "termination"
        running = start(root, server, "backup", clients=clients.path, MARK=mark, BANDR_TERMINATION_LOG=str(log))
        held.wait()
        for command in left_over(mark).values():
            seen.update(os.path.basename(word) for word in command[:2])
            assert "Secret" not in " ".join(command), command
        held.let_go()
        ended = running.wait()
        assert ended.code == 0
        for text in (ended.said, str(ended.result), log.read_text()):
            assert "Secret" not in text
    assert {"psql", "pg_dumpall", "pg_dump", "zstd"} <= seen
    for path in root.rglob("*.json"):
        assert "Secret" not in path.read_text() and "SCRAM" not in path.read_text()
    ended = run(root, server, "backup", PGPASSWORD="wrong-Secret")
    assert ended.code == 3 and "Secret" not in ended.said + str(ended.result)
    assert all("Secret" not in path.read_text(errors="replace") for path in Path(root, ".bandr").rglob("*") if path.is_file())
