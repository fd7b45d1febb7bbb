# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in the middle of a restore: never a success, and never a half database that looks whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import (
    BackupDamaged,
    RestoreFailed,
    SelectionError,
    TargetRefused,
)
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup, restore_backup
from ansible_collections.bandr.postgres.tests.servers.restores import databases_of, old_one_is_back, states, with_old_one

ROWS = 400_000
_SECONDS = 60.0
# Runs a restore as a program of its own, so that it can be sent signals.
_RESTORE = """
import json, sys
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.restore import RestoreRequest, restore
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.connection import Connection
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import EngineError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.signals import interruptible
given = json.loads(sys.stdin.read())
try:
    with interruptible():
        restore(Context(client_folder=given["clients"]), RestoreRequest(given["root"], connection=Connection(**given["connection"]), replace=True))
except EngineError as error:
    print(json.dumps({"message": error.message, "details": error.details}))
    sys.exit(error.code)
"""


def wait_until_big_is_being_filled(server):
    """Wait until a restore copies rows into the table ``big``."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'middle' AND query ~* '^COPY public.big' AND state = 'active'"
    deadline = time.monotonic() + _SECONDS
    while server.psql(query) == "0":
        assert time.monotonic() < deadline, "the restore never came to the big table"
        time.sleep(0.01)


def psqls_of(server):
    """Process ids of the psql programs that restore into ``server``."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open("/proc/%s/environ" % entry, "rb") as file:
                environment = file.read()
            with open("/proc/%s/cmdline" % entry, "rb") as file:
                command = file.read()
        except OSError:
            continue
        if b"PGPORT=%d\0" % server.port in environment and b"PGAPPNAME=bandr.postgres\0" in environment and b"psql\0-X\0" in command:
            found.append(int(entry))
    return found


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE DATABASE first; CREATE DATABASE middle; CREATE DATABASE tail;")
    for name in ("first", "tail"):
        server.psql("CREATE TABLE small AS SELECT 1 AS x", name)
    server.psql("CREATE TABLE big AS SELECT g, md5(g::text) || md5((g + 1)::text) AS t FROM generate_series(1, %d) g" % ROWS, "middle")
    return server


@pytest.fixture(scope="module")
def root(tmp_path_factory, source):
    folder = tmp_path_factory.mktemp("volume")
    make_backup(folder, source)
    return folder


@pytest.fixture
def target(fresh_server, newest_installation):
    return fresh_server(newest_installation)


def disturbed_restore(root, target, disturb, **request):
    """Restore while ``disturb`` is called in the middle of the big table; returns the failure."""
    failures = []

    def run():
        try:
            wait_until_big_is_being_filled(target)
            disturb()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with pytest.raises(RestoreFailed) as caught:
            restore_backup(root, target, **request)
    finally:
        thread.join()
    assert not failures, failures
    return caught.value


def kill_psql(target):
    def kill():
        (process,) = psqls_of(target)
        os.kill(process, signal.SIGKILL)

    return kill


def test_a_killed_psql_fails_and_leaves_no_half_database(root, target):
    failure = disturbed_restore(root, target, kill_psql(target))
    assert states(failure.details) == {
        "template1": "skipped",
        "first": "restored",
        "middle": "failed",
        "postgres": "skipped",
        "tail": "not started",
    }
    assert "killed by signal 9" in failure.message and "Restored: first." in failure.message
    assert databases_of(target) == ["first", "postgres", "template0", "template1"]


def test_the_restore_can_then_be_done_again(root, target):
    disturbed_restore(root, target, kill_psql(target))
    result = restore_backup(root, target, databases=("middle", "tail"))
    assert states(result) == {"middle": "restored", "tail": "restored"}
    assert target.psql("SELECT count(*) FROM big", "middle") == str(ROWS)


def test_a_failed_replacement_brings_the_old_database_back(root, target):
    with_old_one(target, "middle")
    failure = disturbed_restore(root, target, kill_psql(target), replace=True)
    assert "the old database is back as it was" in failure.message
    assert old_one_is_back(target, "middle")
    assert databases_of(target) == ["first", "middle", "postgres", "template0", "template1"]


def test_a_failed_replacement_by_dropping_leaves_no_half_database(root, target):
    with_old_one(target, "middle")
    disturbed_restore(root, target, kill_psql(target), replace=True, replace_method="drop")
    assert databases_of(target) == ["first", "postgres", "template0", "template1"]


def test_a_server_that_stops_makes_the_restore_fail_and_the_next_one_say_what_is_left(root, target):
    with_old_one(target, "middle")
    failure = disturbed_restore(root, target, lambda: target.stop("immediate"), replace=True)
    assert states(failure.details)["middle"] == "failed" and "could not be put back" in failure.message
    assert "Nothing was changed" not in failure.message
    target.start()
    with pytest.raises(TargetRefused) as caught:
        restore_backup(root, target, replace=True)
    (problem,) = [problem for problem in caught.value.details["problems"] if "bandr_aside_" in problem]
    # The sentence's own cure works.
    if "middle" in databases_of(target):
        target.psql("DROP DATABASE middle")
    target.psql(problem.split(" and run ")[1].split("; otherwise")[0])
    assert target.psql("SELECT x FROM precious", "middle") == "42"
    restore_backup(root, target, replace=True)
    assert target.psql("SELECT count(*) FROM big", "middle") == str(ROWS)
    assert not [name for name in databases_of(target) if name.startswith("bandr_aside_")]


def test_a_killed_decoder_is_no_end_of_the_data(root, target):
    def kill():
        for entry in os.listdir("/proc"):
            try:
                with open("/proc/%s/status" % entry, encoding="ascii", errors="replace") as file:
                    status = file.read()
            except OSError:
                continue
            if "Name:\tzstd\n" in status and "PPid:\t%d\n" % os.getpid() in status:
                os.kill(int(entry), signal.SIGKILL)

    with_old_one(target, "middle")
    failure = disturbed_restore(root, target, kill, replace=True)
    assert states(failure.details)["middle"] == "failed"
    assert old_one_is_back(target, "middle")


def started_restore(root, target):
    """A restore in a process of its own that is in the middle of the big table."""
    program = subprocess.Popen([sys.executable, "-c", _RESTORE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    given = {"root": str(root), "clients": target.installation.bin_folder, "connection": target.connection_settings}
    program.stdin.write(json.dumps(given).encode())
    program.stdin.close()
    program.stdin = None
    wait_until_big_is_being_filled(target)
    return program


def test_what_a_killed_restore_leaves_is_told_and_can_be_mended(root, target):
    with_old_one(target, "middle")
    program = started_restore(root, target)
    program.kill()
    program.communicate(timeout=_SECONDS)
    deadline = time.monotonic() + _SECONDS
    while psqls_of(target) and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(TargetRefused) as caught:
        restore_backup(root, target, replace=True)
    (problem,) = [problem for problem in caught.value.details["problems"] if "bandr_aside_" in problem]
    target.psql("DROP DATABASE middle WITH (FORCE)")
    target.psql(problem.split(" and run ")[1].split("; otherwise")[0])
    assert target.psql("SELECT x FROM precious", "middle") == "42"


def test_what_a_killed_restore_leaves_of_a_new_database_is_called_by_its_name(root, target):
    program = started_restore(root, target)
    program.kill()
    program.communicate(timeout=_SECONDS)
    deadline = time.monotonic() + _SECONDS
    while psqls_of(target) and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(TargetRefused) as caught:
        restore_backup(root, target, databases=("first", "middle"))
    whole, half = caught.value.details["problems"]
    assert whole.startswith("The database first exists on the target")
    assert half.startswith("The database middle is left over from a restore of backup 20") and "Set replace to restore it whole" in half
    # Another restore does not make it whole, nor does a backup keep the note.
    restore_backup(root, target, databases=("tail",))
    with pytest.raises(TargetRefused, match="middle is left over"):
        restore_backup(root, target, databases=("middle",))
    restore_backup(root, target, databases=("middle",), replace=True)
    assert target.psql("SELECT count(*) FROM pg_db_role_setting") == "0"
    with pytest.raises(TargetRefused, match="The database middle exists on the target"):
        restore_backup(root, target, databases=("middle",))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_children_and_brings_the_old_database_back(root, target, number):
    with_old_one(target, "middle")
    program = started_restore(root, target)
    program.send_signal(number)
    program.send_signal(number)
    said, complaint = program.communicate(timeout=_SECONDS)
    assert program.returncode == 128 + number, complaint
    assert states(json.loads(said)["details"])["middle"] == "failed"
    assert old_one_is_back(target, "middle")
    assert databases_of(target) == ["first", "middle", "postgres", "template0", "template1"]
    assert psqls_of(target) == []


def stored_file(root):
    (path,) = [entry.path for entry in os.scandir(root / "hourly") if not entry.name.endswith(".json")]
    return path


@pytest.fixture
def small_root(tmp_path, fresh_server, newest_installation):
    """A volume with one small backup that may be harmed."""
    server = fresh_server(newest_installation)
    server.psql("CREATE DATABASE small")
    server.psql("CREATE TABLE t AS SELECT 1 AS x", "small")
    make_backup(tmp_path, server)
    return tmp_path


@pytest.mark.parametrize("place", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("harm", ["truncate", "flip"])
def test_a_damaged_dump_never_reaches_the_server(small_root, target, place, harm):
    path = stored_file(small_root)
    status = os.stat(path)
    with open(path, "r+b") as file:
        position = int(status.st_size * place)
        if harm == "truncate":
            file.truncate(position)
        else:
            file.seek(position)
            byte = file.read(1)
            file.seek(position)
            file.write(bytes([byte[0] ^ 0x10]))
    # Even where the file's time does not tell.
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    before = dump_of(target)
    with pytest.raises((BackupDamaged, SelectionError)):
        restore_backup(small_root, target)
    assert dump_of(target) == before


def test_a_dump_that_changes_after_its_proof_is_not_restored_to_its_end(small_root, target, monkeypatch):
    from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import restore as operation

    prove = operation.prove_and_record

    def prove_then_harm(context, volume, backup, **options):
        manifest = prove(context, volume, backup, **options)
        section = next(section for section in manifest.sections if section.database == "small")
        with open(backup.path, "r+b") as file:
            file.seek(section.stored_offset + section.stored_length // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        return manifest

    monkeypatch.setattr(operation, "prove_and_record", prove_then_harm)
    # The look after the proof reads the maintenance databases only.
    with pytest.raises(RestoreFailed) as caught:
        restore_backup(small_root, target)
    assert states(caught.value.details)["small"] == "failed"
    assert databases_of(target) == ["postgres", "template0", "template1"]


def test_latest_falls_back_to_an_older_backup_and_says_so(small_root, source, target):
    time.sleep(1)
    make_backup(small_root, source)
    newest = max(entry.path for entry in os.scandir(small_root / "hourly") if not entry.name.endswith(".json"))
    status = os.stat(newest)
    with open(newest, "r+b") as file:
        file.seek(status.st_size // 2)
        file.write(b"\0\0\0\0")
    os.utime(newest, ns=(status.st_atime_ns, status.st_mtime_ns))
    result = restore_backup(small_root, target)
    assert target.psql("SELECT x FROM t", "small") == "1"
    assert any("damaged" in warning for warning in result["warnings"])
    name = os.path.basename(newest)[len("backup-") :][:20]
    with pytest.raises((BackupDamaged, SelectionError)):
        restore_backup(small_root, target, wanted=name, replace=True)


def test_a_server_that_does_not_answer_is_told_before_anything_is_read(small_root, target):
    from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import ConnectionFailed

    target.stop()
    with pytest.raises(ConnectionFailed):
        restore_backup(small_root, target)
