# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of several databases at a time: what one stream gives back, and the same promises when something fails."""

from __future__ import annotations

import signal
import threading

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import RestoreFailed, TargetRefused, UsageError
from ansible_collections.bandr.postgres.tests.servers.commands import left_over, run, start, wait_for
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup, restore_backup
from ansible_collections.bandr.postgres.tests.servers.restores import databases_of, old_one_is_back, states, with_old_one

BIG = "CREATE TABLE big AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, 400000) g"
BIGS = ("a_big", "z_big")
ODD = ('we ird"db', "back\\slash' quote", "$(touch x)", "grüße")
EVERY_SERVERS = ["postgres", "template0", "template1"]


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    """Two big databases, some small ones, and something in the one that every server has."""
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE ROLE app LOGIN; ALTER ROLE ALL SET application_name TO 'all'")
    server.psql("CREATE TABLE here AS SELECT 1 AS x; COMMENT ON DATABASE postgres IS 'ours'")
    for name in (*BIGS, *ODD):
        quoted = name.replace('"', '""')
        server.psql('CREATE DATABASE "%s" OWNER app; ALTER DATABASE "%s" SET work_mem = \'5MB\'' % (quoted, quoted))
        server.psql(BIG if name in BIGS else "CREATE TABLE small AS SELECT 1 AS x", name)
    return server


@pytest.fixture(scope="module")
def root(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("volume")
    make_backup(folder, source)
    return folder


@pytest.fixture
def target(fresh_server, newest_installation):
    return fresh_server(newest_installation)


def both_are_being_filled(server):
    ask = "SELECT count(DISTINCT datname) FROM pg_stat_activity WHERE query ~* '^COPY public.big' AND state = 'active'"
    wait_for(lambda: server.psql(ask) == "2", "the two big tables were never filled at a time")


def end_the_session_in(server, database):
    server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s' AND query ~* '^COPY'" % database)


def disturbed_restore(root, target, disturb, **request):
    """Restore while ``disturb`` is called in the middle of both big tables; returns the failure."""
    troubles = []

    def run_along():
        try:
            both_are_being_filled(target)
            disturb()
        except BaseException as error:
            troubles.append(error)

    thread = threading.Thread(target=run_along)
    thread.start()
    try:
        with pytest.raises(RestoreFailed) as caught:
            restore_backup(root, target, jobs=2, **request)
    finally:
        thread.join()
    assert not troubles, troubles
    return caught.value


@pytest.mark.parametrize("jobs", [2, 20])
def test_everything_comes_back(source, root, target, jobs):
    result = restore_backup(root, target, jobs=jobs)
    assert set(states(result).values()) <= {"restored", "skipped"}
    assert [entry["name"] for entry in result["databases"]] == [
        "template1",
        *sorted((*BIGS, *ODD, "postgres"), key=lambda name: name.encode()),
    ]
    assert dump_of(target) == dump_of(source)
    # Which pg_dumpall leaves out.
    assert target.psql("SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = 0") == "{application_name=all}"
    assert target.psql("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'postgres'") == "ours"
    assert target.psql("SELECT bool_and(reltuples > 0) FROM pg_class WHERE relname = 'big'", "z_big") == "t"


def test_what_is_there_is_replaced(source, root, target):
    for name in BIGS:
        with_old_one(target, name)
    restore_backup(root, target, jobs=2, replace=True)
    assert dump_of(target) == dump_of(source)


def test_two_are_filled_at_a_time_and_one_that_fails_lets_the_other_end(root, target):
    failure = disturbed_restore(root, target, lambda: end_the_session_in(target, "z_big"))
    found = states(failure.details)
    assert (found["a_big"], found["z_big"], found["postgres"]) == ("restored", "failed", "restored")
    assert [found[name] for name in ODD] == ["not started"] * len(ODD)
    assert "what was restored of it was dropped" in failure.message and "Restored: a_big, postgres." in failure.message
    assert databases_of(target) == ["a_big", *EVERY_SERVERS]
    assert target.psql("SELECT count(*) FROM big", "a_big") == "400000"
    # Nothing is noted as half restored, and the rest can be had.
    rest = ("z_big", *ODD)
    assert set(states(restore_backup(root, target, databases=rest, jobs=3)).values()) == {"restored"}


def test_the_old_one_of_a_replacement_that_fails_is_back(root, target):
    for name in BIGS:
        with_old_one(target, name)
    failure = disturbed_restore(root, target, lambda: end_the_session_in(target, "a_big"), replace=True)
    assert states(failure.details)["z_big"] == "restored"
    assert "a_big (the old database is back as it was)" in failure.message
    assert old_one_is_back(target, "a_big")
    assert databases_of(target) == ["a_big", *EVERY_SERVERS, "z_big"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_brings_back_what_was_there(root, target, number):
    for name in BIGS:
        with_old_one(target, name)
    mark = "restore-%d-%d" % (number, target.port)
    running = start(root, target, "recover", "--jobs", "2", "--replace", MARK=mark)
    both_are_being_filled(target)
    running.kill(number)
    running.kill(number)
    ended = running.wait()
    assert (ended.code, ended.result["reason"]) == (128 + number, "interrupted"), ended.said
    assert [states(ended.result)[name] for name in BIGS] == ["failed", "failed"]
    assert all(old_one_is_back(target, name) for name in BIGS)
    assert databases_of(target) == ["a_big", *EVERY_SERVERS, "z_big"]
    wait_for(lambda: not left_over(mark), "left over: %s" % left_over(mark))


def test_what_a_killed_restore_leaves_is_called_by_its_name(root, target):
    mark = "killed-%d" % target.port
    running = start(root, target, "recover", "--jobs", "2", MARK=mark)
    both_are_being_filled(target)
    running.kill()
    running.wait()
    wait_for(lambda: not left_over(mark), "left over: %s" % left_over(mark))
    with pytest.raises(TargetRefused) as caught:
        restore_backup(root, target, databases=BIGS)
    assert [problem.partition(" of backup")[0] for problem in caught.value.details["problems"]] == [
        "The database %s is left over from a restore" % name for name in BIGS
    ]
    restore_backup(root, target, databases=BIGS, replace=True, jobs=2)
    assert [target.psql("SELECT count(*) FROM big", name) for name in BIGS] == ["400000"] * 2


def test_connections_for_all_of_them_are_asked_for_before(root, fresh_server, newest_installation):
    target = fresh_server(newest_installation, settings={"max_connections": "12"})
    with pytest.raises(TargetRefused, match="a restore needs 17; end sessions or raise max_connections, or ask for fewer jobs"):
        restore_backup(root, target, jobs=50)
    assert databases_of(target) == EVERY_SERVERS
    restore_backup(root, target, jobs=3)


def test_no_jobs_are_refused(root, target):
    with pytest.raises(UsageError, match="jobs is 0"):
        restore_backup(root, target, jobs=0)
    ended = run(root, target, "recover", "--jobs", "0")
    assert (ended.code, ended.result["reason"]) == (2, "usage")


def test_a_backup_in_one_piece_is_restored_in_one_stream(fresh_server, installation_without_restrict, tmp_path):
    server = fresh_server(installation_without_restrict)
    server.psql("CREATE DATABASE shop; CREATE DATABASE other")
    make_backup(tmp_path, server)
    target = fresh_server(installation_without_restrict)
    restore_backup(tmp_path, target, jobs=4)
    assert dump_of(target) == dump_of(server)
