# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of real servers through the real command line: make, list, verify, promote, prune."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import read_manifest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.dump import DumpSettings
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.listing import ListRequest, list_backups
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
from ansible_collections.bandr.postgres.tests.servers.commands import Clients, good_names, run, start, unfinished, verify_all
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of, restore_into
from ansible_collections.bandr.postgres.tests.servers.engine import connection_to
from ansible_collections.bandr.postgres.tests.servers.installations import newest_of_major

BACKUP_KEYS = {
    "changed", "tier", "backup", "promoted_from", "method", "plan", "removed", "left_out", "warnings", "swept", "seconds", "plain_size",
    "stored_size", "missing", "message", "code",
}  # fmt: skip
SUMMARY_KEYS = {
    "name", "tier", "file_name", "path", "state", "why", "size", "plain_size", "started", "age_seconds", "databases", "server_version",
}  # fmt: skip
EXIT = {"usage": 2, "connection": 3, "dump": 4, "volume": 5, "busy": 6, "selection": 7, "damaged": 8}


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE ROLE app LOGIN PASSWORD 'app''s own'; CREATE DATABASE shop OWNER app; CREATE DATABASE \"we ird\"\"db\";")
    server.psql("CREATE TABLE t AS SELECT g FROM generate_series(1, 1000) g", "shop")
    return server


def stored(root, tier="hourly"):
    return sorted(path for path in Path(root, tier).iterdir() if path.suffix != ".json")


def manifest_of(path):
    return read_manifest(Path(str(path) + ".json").read_text())


def plain(path):
    return subprocess.run(["zstd" if path.suffix == ".zst" else "gzip", "-dc", str(path)], check=True, stdout=subprocess.PIPE).stdout


def with_key(text, key):
    return re.sub(rb"(?m)^(\\(?:un)?restrict) \w+$", rb"\1 " + key.encode(), text)


def expect(ended, reason, *words):
    assert (ended.code, ended.result["reason"]) == (EXIT[reason], reason), ended.said
    assert ended.result["failed"] is True and ended.result["code"] == EXIT[reason]
    for word in words:
        assert word in ended.message, ended.message
    assert "Traceback" not in ended.said
    assert ended.said.rstrip().splitlines()[-1].startswith("FAILURE ")


def test_make_list_verify_promote_prune(source, tmp_path):
    results = []
    for _number in range(3):
        ended = run(tmp_path, source, "backup", "--count", "2")
        assert ended.code == 0, ended.said
        assert ended.said.rstrip().splitlines()[-1] == "SUCCESS " + ended.message
        results.append(ended.result)
    first, second, third = results
    assert set(first) == BACKUP_KEYS and set(first["backup"]) == SUMMARY_KEYS
    assert first["changed"] and first["method"] == "dump" and first["promoted_from"] is None and first["tier"] == "hourly"
    assert first["backup"]["databases"] == ["template1", "postgres", "shop", 'we ird"db']
    assert first["backup"]["server_version"].startswith("18.") and first["backup"]["state"] == "proven"
    assert first["plain_size"] == len(plain(stored(tmp_path)[0])) or first["removed"]
    assert (first["removed"], second["removed"], third["removed"]) == ([], [], [first["backup"]["name"]])
    assert [entry["action"] for entry in third["plan"]] == ["remove", "keep", "keep"]

    names = [second["backup"]["name"], third["backup"]["name"]]
    listed = run(tmp_path, None, "list", "--from", names[0])
    assert listed.code == 0 and not listed.result["changed"]
    assert [entry["name"] for entry in listed.result["backups"]] == names
    assert set(listed.result["backups"][0]) == SUMMARY_KEYS | {"in_use"}
    assert listed.result["selected"]["name"] == names[0]
    assert all(name in listed.said for name in names) and "TIER" in listed.said

    verified = run(tmp_path, None, "verify")
    assert verified.code == 0 and not verified.result["changed"] and verified.result["damaged"] == []
    assert [entry["verified"] for entry in verified.result["backups"]] == [True, True]

    waiting = run(tmp_path, None, "backup", "--tier", "daily", "--prior-count", "3")
    assert waiting.code == 0 and not waiting.result["changed"] and waiting.result["missing"] == 1 and waiting.result["backup"] is None
    promoted = run(tmp_path, None, "backup", "--tier", "daily", "--prior-count", "2", "--count", "1")
    assert promoted.result["method"] == "link" and promoted.result["promoted_from"] == "hourly"
    assert (promoted.result["backup"]["name"], promoted.result["backup"]["tier"]) == (names[0], "daily")
    again = run(tmp_path, None, "backup", "--tier", "daily", "--prior-count", "2", "--count", "1")
    assert not again.result["changed"] and again.result["method"] is None and again.code == 0
    assert os.stat(stored(tmp_path)[0]).st_nlink == 2
    newest = run(tmp_path, None, "backup", "--tier", "daily", "--prior-count", "2", "--count", "1", "--promote", "newest")
    assert newest.result["removed"] == [names[0]]
    assert good_names(tmp_path) == ["hourly " + names[0], "hourly " + names[1], "daily " + names[1]]
    assert unfinished(tmp_path) == []


def test_the_file_is_what_pg_dumpall_writes_and_psql_reads(source, tmp_path, fresh_server, newest_installation):
    run(tmp_path, source, "backup")
    (path,) = stored(tmp_path)
    manifest = manifest_of(path)
    text = plain(path)
    assert text == with_key(dump_of(source), manifest.restrict_key)
    target = fresh_server(newest_installation)
    assert [error for error in restore_into(target, text) if "already exists" not in error] == []
    assert target.psql("SELECT count(*) FROM t", "shop") == "1000"


def test_every_section_is_a_frame_of_its_own(source, tmp_path):
    run(tmp_path, source, "backup")
    (path,) = stored(tmp_path)
    manifest = manifest_of(path)
    content = path.read_bytes()
    assert [(section.kind, section.database) for section in manifest.sections] == [
        ("globals", None), ("database", "template1"), ("database", "postgres"), ("database", "shop"), ("database", 'we ird"db'), ("end", None),
    ]  # fmt: skip
    for section in manifest.sections:
        frame = content[section.stored_offset : section.stored_offset + section.stored_length]
        sql = subprocess.run(["zstd", "-dc"], check=True, input=frame, stdout=subprocess.PIPE).stdout
        assert len(sql) == section.length
        if section.database is not None:
            assert ('-- Database "%s" dump' % section.database).encode() in sql


@pytest.mark.parametrize("umask", [0, 0o077])
def test_files_are_for_owner_and_group_alone(source, tmp_path, umask):
    before = os.umask(umask)
    try:
        run(tmp_path, source, "backup")
        run(tmp_path, source, "backup", "--tier", "daily", "--prior-count", "1")
    finally:
        os.umask(before)
    # Locks and pins are for whoever makes the backups; an umask may close them to the group.
    seen = [path for path in tmp_path.rglob("*") if path.is_dir() or umask == 0 or ".bandr" not in path.parts]
    for path in seen:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o750 if path.is_dir() else 0o640), (path, oct(mode))


def test_the_dump_wears_the_time_of_its_backup(source, tmp_path):
    result = run(tmp_path, source, "backup").result
    (path,) = stored(tmp_path)
    assert datetime.fromtimestamp(path.stat().st_mtime, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") == result["backup"]["name"]


def test_a_dry_run_changes_nothing(source, tmp_path):
    planned = run(tmp_path, source, "backup", "--dry-run")
    assert planned.code == 0 and planned.result["changed"] and planned.result["backup"] is None
    assert list(tmp_path.iterdir()) == []
    run(tmp_path, source, "backup")
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    planned = run(tmp_path, source, "backup", "--dry-run", "--count", "1")
    assert [entry["action"] for entry in planned.result["plan"]] == ["remove"]
    planned = run(tmp_path, None, "backup", "--tier", "daily", "--prior-count", "1", "--dry-run")
    assert planned.result["changed"] and planned.result["method"] == "link"
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_gzip_where_there_is_no_zstd(source, tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("psql", "pg_dumpall", "pg_dump"):
        (folder / name).symlink_to(source.installation.program(name))
    root = tmp_path / "root"
    root.mkdir()
    ended = run(root, source, "backup", PATH=str(folder))
    assert ended.code == 0, ended.said
    (path,) = stored(root)
    assert path.suffix == ".gz" and manifest_of(path).codec == "gzip"
    assert subprocess.run(["gzip", "-t", str(path)], check=False).returncode == 0
    verify_all(root)
    expect(run(root, source, "backup", "--codec", "zstd", PATH=str(folder)), "usage", "zstd is not on PATH")


@pytest.mark.parametrize("codec", ["zstd", "gzip"])
def test_old_clients_give_sections_as_well(installation_without_restrict, fresh_server, tmp_path, codec):
    server = fresh_server(installation_without_restrict)
    server.psql("CREATE DATABASE shop")
    server.psql(
        """CREATE TABLE t AS SELECT E'\\n--\\n-- Database "shop" dump\\n--\\n\\n' || g AS line FROM generate_series(1, 9) g""", "shop"
    )
    ended = run(tmp_path, server, "backup", "--codec", codec)
    assert ended.code == 0, ended.said
    (path,) = stored(tmp_path)
    manifest = manifest_of(path)
    assert manifest.restrict_key is None
    assert manifest.database_names == ("template1", "postgres", "shop")
    assert all(section.stored_offset is not None for section in manifest.sections)
    assert plain(path) == dump_of(server)
    verify_all(tmp_path)


def test_every_major_is_dumped_and_proven(server, tmp_path):
    assert run(tmp_path, server, "backup").code == 0
    assert run(tmp_path, None, "verify").result["message"] == "Read and proven: 1 backup."


def test_a_newer_client_dumps_an_older_server(fresh_server, newest_installation, tmp_path):
    oldest = newest_of_major(16)
    if oldest is None:
        pytest.skip("PostgreSQL 16 is not installed here")
    server = fresh_server(oldest)
    ended = run(tmp_path, server, "backup", "--client-folder", newest_installation.bin_folder)
    assert ended.code == 0, ended.said
    manifest = manifest_of(stored(tmp_path)[0])
    assert (manifest.server_version, manifest.client_version) == (oldest.version, newest_installation.version)


def test_a_client_that_is_too_old_is_told(source, installation_without_restrict, tmp_path):
    expect(
        run(tmp_path, source, "backup", clients=installation_without_restrict.bin_folder),
        "dump", "cannot be dumped by the older pg_dumpall 16.2", "No backup was made", "client_folder",
    )  # fmt: skip
    assert unfinished(tmp_path) == [] and good_names(tmp_path) == []


def test_missing_clients_are_told(source, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    expect(run(tmp_path, source, "backup", "--client-folder", str(empty)), "usage", "was not found in", "client_folder")


def test_a_client_folder_may_be_relative(source, tmp_path, monkeypatch):
    (tmp_path / "clients").symlink_to(source.installation.bin_folder)
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run("root", source, "backup", "--client-folder", "clients").code == 0
    assert len(stored(tmp_path / "root")) == 1


# What is dumped and what is not


def test_databases_that_cannot_be_dumped_are_told(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE DATABASE closed ALLOW_CONNECTIONS false; CREATE DATABASE broken; CREATE DATABASE fine; CREATE DATABASE unwanted;")
    server.psql("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'broken'")
    ended = run(tmp_path, server, "backup", "--exclude-database", "unwanted")
    assert ended.code == 0, ended.said
    reasons = {entry["name"]: entry["reason"] for entry in ended.result["left_out"]}
    assert set(reasons) == {"closed", "broken", "unwanted"}
    assert "ALLOW_CONNECTIONS false" in reasons["closed"] and "DROP DATABASE was interrupted" in reasons["broken"]
    assert "exclude_databases" in reasons["unwanted"]
    assert all("Database %s is left out" % name in ended.said for name in reasons)
    assert ended.result["backup"]["databases"] == ["template1", "fine", "postgres"]
    assert {entry.name for entry in manifest_of(stored(tmp_path)[0]).left_out} == set(reasons)
    expect(run(tmp_path, server, "backup", "--only-database", "closed"), "dump", "ALLOW_CONNECTIONS false")
    expect(run(tmp_path, server, "backup", "--only-database", "nowhere"), "usage", "'nowhere'", "fine, postgres")


@pytest.mark.parametrize("name", ["shop", 'we ird"db', "postgres", "$(touch x)", "back\\slash", "it's", "x=1 host=nowhere"])
def test_one_database_with_the_servers_roles(source, tmp_path, name):
    quoted = '"%s"' % name.replace('"', '""')
    new = source.psql("SELECT count(*) FROM pg_database WHERE datname = :'name'", variables={"name": name}) == "0"
    if new:
        source.psql("CREATE DATABASE %s" % quoted)
    try:
        ended = run(tmp_path, source, "backup", DATABASE=name)
    finally:
        if new:
            source.psql("DROP DATABASE %s" % quoted)
    assert ended.code == 0, ended.said
    assert ended.result["backup"]["databases"] == [name]
    (path,) = stored(tmp_path)
    manifest = manifest_of(path)
    assert manifest.only_database == name
    assert [section.kind for section in manifest.sections] == ["globals", "database", "end"]
    assert [entry.name for entry in manifest.databases or ()] == [name]
    text = plain(path)
    assert b"CREATE ROLE app;" in text and text.endswith(b"\n--\n-- PostgreSQL database cluster dump complete\n--\n\n")
    assert (b"CREATE DATABASE" in text) == (name != "postgres")
    verify_all(tmp_path)
    assert not Path("x").exists() and not Path("/x").exists()


def test_one_database_and_exclusions_together(source, tmp_path):
    assert run(tmp_path, source, "backup", "--only-database", "shop", "--exclude-database", "postgres").code == 0


def test_excluded_names_are_names_and_no_patterns(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    odd = ("a*", "ab", 'q"*', "A*", "q.r")
    for name in odd:
        server.psql('CREATE DATABASE "%s"' % name.replace('"', '""'))
    ended = run(tmp_path, server, "backup", "--exclude-database", "a*", "--exclude-database", 'q"*', "--exclude-database", "q.r")
    assert ended.code == 0, ended.said
    assert set(ended.result["backup"]["databases"]) == {"template1", "postgres", "ab", "A*"}


def test_names_with_a_line_break_are_refused_in_a_sentence(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql('CREATE DATABASE "two\nlines"')
    expect(run(tmp_path, server, "backup"), "dump", "line break", "rename it", r"'two\nlines'")
    server.psql('DROP DATABASE "two\nlines"; CREATE ROLE "two\nlines"')
    expect(run(tmp_path, server, "backup"), "dump", "The name of role", "line break")


def test_a_warning_of_pg_dump_is_no_failure(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);")
    server.psql("ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b; CREATE TABLE self (id int PRIMARY KEY, parent int REFERENCES self);")
    server.psql("UPDATE pg_database SET datcollversion = '1.2.3' WHERE datname = 'postgres'")
    ended = run(tmp_path, server, "backup")
    assert ended.code == 0, ended.said
    assert ended.result["warnings"], "the clients warn of a collation version that differs"
    assert good_names(tmp_path) == ["hourly " + ended.result["backup"]["name"]]


# Who asks


def test_a_user_without_rights_is_told_what_to_do(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    server.psql("CREATE ROLE keeper LOGIN; CREATE TABLE secret AS SELECT 1 AS x")
    expect(run(tmp_path, server, "backup", PGUSER="keeper"), "dump", "keeper is no superuser", "role_passwords")
    expect(run(tmp_path, server, "backup", "--no-role-passwords", PGUSER="keeper"), "dump", "permission denied", "pg_read_all_data")
    server.psql("GRANT pg_read_all_data TO keeper")
    ended = run(tmp_path, server, "backup", "--no-role-passwords", PGUSER="keeper")
    assert ended.code == 0, ended.said
    assert b"PASSWORD" not in plain(stored(tmp_path)[0])
    server.psql("CREATE DATABASE private; REVOKE CONNECT ON DATABASE private FROM public")
    expect(run(tmp_path, server, "backup", "--no-role-passwords", PGUSER="keeper"), "dump", "Database private cannot be looked into")
    assert unfinished(tmp_path) == []


@pytest.fixture(scope="module")
def guarded(fresh_server_of_module, newest_installation):
    """A server that wants a password with everything in it, from a user with a space."""
    server = fresh_server_of_module(newest_installation, user="Admin User", password="p:a\\s'\"s $(touch x)%20=é")
    server.psql('CREATE DATABASE "$(touch x)"')
    return server


def test_odd_passwords_and_users_by_every_way(guarded, tmp_path):
    password = guarded.password
    assert run(tmp_path, guarded, "backup").code == 0
    assert run(tmp_path, guarded, "backup", PGPASSWORD="", PGADMINPASS=password).code == 0
    passfile = tmp_path / "pass"
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    passfile.write_text("127.0.0.1:%d:*:Admin User:%s\n" % (guarded.port, escaped))
    # Group and others may read it, as with a mounted secret: libpq would pass it over.
    passfile.chmod(0o644)
    assert run(tmp_path, guarded, "backup", "--passfile", str(passfile), PGPASSWORD="").code == 0
    assert run(tmp_path, guarded, "backup", PGPASSWORD="", PGPASSFILE=str(passfile)).code == 0
    given = run(
        tmp_path, guarded, "backup", "--user", "Admin User", "--host", "127.0.0.1", "--port", str(guarded.port), PGUSER="no", PGPORT="1"
    )
    assert given.code == 0, given.said
    assert len(good_names(tmp_path)) == 5


def test_a_wrong_password_is_told_in_a_sentence(guarded, tmp_path):
    ended = run(tmp_path, guarded, "backup", PGPASSWORD="wrong-password")
    expect(ended, "connection", "password authentication failed", "Nothing was changed", "check host, port, user and password")
    assert "wrong-password" not in ended.said + str(ended.result)
    expect(run(tmp_path, guarded, "backup", PGPASSWORD=""), "connection", "no password supplied")
    expect(run(tmp_path, guarded, "backup", PGPORT="1"), "connection", "port 1")
    expect(run(tmp_path, guarded, "backup", "--passfile", str(tmp_path / "none")), "usage", "password file", "PGPASSFILE")
    assert run(tmp_path, None, "list", PGPASSFILE=str(tmp_path / "none")).code == 0


# The clock


class Clock:
    """A clock that a test moves; each look takes a moment."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        self.now += timedelta(milliseconds=1)
        return self.now


def test_a_clock_that_jumps_loses_nothing(source, tmp_path):
    start_time = datetime(2026, 11, 22, 10, 7, tzinfo=timezone.utc)
    jumps = [0, 3600, -86400 * 365, 60, 86400 * 3650, -86400 * 3650 - 7200, 3600, 1]
    clock = Clock(start_time)
    made = []
    for seconds in jumps:
        clock.now += timedelta(seconds=seconds)
        context = Context(client_folder=source.installation.bin_folder, now=clock)
        result = run_backup(context, BackupRequest(str(tmp_path), TierPolicy("hourly", 3), DumpSettings(connection_to(source))))
        made.append(result["backup"]["name"])
        assert {(entry["state"], entry["name"]) for entry in list_backups(context, ListRequest(str(tmp_path)))["backups"]} == {
            ("proven", name) for name in made[-3:]
        }
    assert len(set(made)) == len(jumps)


def test_two_runs_in_one_second_make_two_backups(source, tmp_path):
    both = [start(tmp_path, source, "backup", "--wait-seconds", "50") for _number in range(2)]
    results = [running.wait() for running in both]
    assert [ended.code for ended in results] == [0, 0], [ended.said for ended in results]
    assert len({ended.result["backup"]["name"] for ended in results}) == 2
    verify_all(tmp_path)
    assert len(good_names(tmp_path)) == 2
    assert [manifest_of(path).sequence for path in stored(tmp_path)] == [1, 2]


def test_a_backup_of_this_very_second_makes_the_next_one_wait(source, tmp_path, monkeypatch):
    clock = Clock(datetime(2026, 11, 22, 10, 7, tzinfo=timezone.utc))
    monkeypatch.setattr("time.sleep", lambda seconds: setattr(clock, "now", clock.now + timedelta(seconds=seconds)))
    context = Context(client_folder=source.installation.bin_folder, now=clock)
    request = BackupRequest(str(tmp_path), TierPolicy("hourly", 9), DumpSettings(connection_to(source)))
    names = [run_backup(context, request)["backup"]["name"]]
    clock.now = datetime(2026, 11, 22, 10, 7, tzinfo=timezone.utc)
    names.append(run_backup(context, request)["backup"]["name"])
    assert names == ["2026-11-22T10:07:00Z", "2026-11-22T10:07:01Z"]


# Memory


def test_memory_does_not_grow_with_the_dump(fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    # Long lines as well: a row of 40 MB, twice.
    server.psql("CREATE TABLE wide AS SELECT repeat('0123456789abcdef', 2500000) AS t FROM generate_series(1, 2)")
    server.psql("CREATE TABLE tall AS SELECT g, repeat(md5(g::text), 8) AS t FROM generate_series(1, 480000) g")
    clients = Clients(tmp_path / "clients", newest_installation)
    root = tmp_path / "root"
    root.mkdir()
    running = start(root, server, "backup", clients=clients.path)
    peak = 0
    status = Path("/proc/%d/status" % running.process.pid)
    while running.process.poll() is None:
        try:
            peak = max([peak] + [int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")])
            running.process.wait(0.05)
        except (OSError, subprocess.TimeoutExpired):
            continue
    ended = running.wait()
    assert ended.code == 0, ended.said
    assert ended.result["plain_size"] > 200_000_000
    assert 0 < peak < 64 * 1024, "%d KiB" % peak
