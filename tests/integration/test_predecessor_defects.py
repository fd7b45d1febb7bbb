# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each defect of the predecessor that docs/why.md lists: its situation on real servers and volumes, and what happens now."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import stat
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.tests.playbooks.runner import run_playbook
from ansible_collections.bandr.postgres.tests.servers.commands import Clients, Ended, Running, children_of, environment_for, good_names, run
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of
from ansible_collections.bandr.postgres.tests.servers.installations import newest_of_major
from ansible_collections.bandr.postgres.tests.servers.server import Server
from ansible_collections.bandr.postgres.tests.volumes.samples import files_below

COLON_PASSWORD = "the source's: a\\b"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    """A server with a password that the predecessor cannot use, and rows that its filter takes for statements."""
    server = fresh_server_of_module(newest_installation, password=COLON_PASSWORD)
    server.psql("CREATE ROLE app LOGIN PASSWORD 'app'; CREATE DATABASE docs OWNER app;")
    server.psql("CREATE DATABASE latin TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'")
    server.psql("CREATE TABLE t AS SELECT chr(233) AS x", "latin")
    server.psql("CREATE TABLE t (x text); INSERT INTO t VALUES ('CREATE ROLE postgres;'), ('DROP ROLE postgres;'), ('a')", "docs")
    server.psql("CREATE TABLE big AS SELECT g, md5(g::text) AS m FROM generate_series(1, 30000) g", "docs")
    return server


@pytest.fixture(scope="module")
def dump(source):
    """What the predecessor stores of ``source``, before gzip."""
    return dump_of(source)


@pytest.fixture(scope="module")
def target_of_module(fresh_server_of_module, newest_installation):
    return fresh_server_of_module(newest_installation, password="the target's own")


@pytest.fixture
def target(target_of_module):
    """A server that is empty again for each test."""
    for name in databases_of(target_of_module):
        if name not in ("postgres", "template0", "template1"):
            target_of_module.psql('DROP DATABASE "%s" WITH (FORCE)' % name.replace('"', '""'))
    target_of_module.psql("DROP ROLE IF EXISTS app")
    return target_of_module


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def small_root(root):
    """A volume of half a megabyte, which can be filled for real."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(root)], check=False).returncode:
        pytest.skip("this machine does not let this user mount a small file system")
    yield root
    subprocess.run(["umount", str(root)], check=True)


def bandr(root, server, *arguments, **environment) -> Ended:
    """Run the image's program as the predecessor's manifests do: told by the environment alone, without a command."""
    return Running(("--root", str(root), *arguments), environment_for(server, **environment)).wait()


def backup(root, server, tier="hourly", **environment) -> Ended:
    return bandr(root, server, BACKUP_TYPE=tier, **environment)


def recover(root, server, wanted="LATEST", **environment) -> Ended:
    return bandr(root, server, FROM_BACKUP=wanted, **environment)


def ago(hours: float) -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=hours)


def name_of(time: datetime) -> str:
    return "backup-%s-dumpall.sql.gz" % time.strftime("%Y-%m-%dT%H:%M:%SZ")


def lay_down(root, hours: float, content: bytes, tier: str = "hourly") -> str:
    """A dump as the predecessor stores it, so many hours old; its name."""
    name = name_of(ago(hours))
    (root / tier).mkdir(exist_ok=True)
    (root / tier / name).write_bytes(content)
    return name


def only_dumps(root) -> dict[str, bytes]:
    """What a volume holds, without what the engine writes about it."""
    return {
        name: content for name, content in files_below(str(root)).items() if not name.endswith(".json") and not name.startswith(".bandr/")
    }


def databases_of(server) -> list[str]:
    return server.psql("SELECT datname FROM pg_database ORDER BY 1").split("\n")


def refused(ended: Ended, code: int, *words: str) -> None:
    """A failure that is seen, in a sentence."""
    assert ended.code == code, ended.said
    for word in words:
        assert word in ended.message, ended.message
    assert "Traceback" not in ended.said


def fill(root) -> Path:
    """Take the last byte of a volume; the file to remove afterwards."""
    filler = root / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return filler


@dataclass(frozen=True)
class Restored:
    """A restore of the latest backup of a volume whose newest is truncated and which holds a stray file."""

    ended: Ended
    target: Server
    names: list[str]
    before: dict[str, bytes]
    after: dict[str, bytes]
    password_before: str


@pytest.fixture(scope="module")
def restored(fresh_server_of_module, newest_installation, dump, tmp_path_factory):
    root = tmp_path_factory.mktemp("restored")
    target = fresh_server_of_module(newest_installation, password="the target's own")
    packed = gzip.compress(dump, 1)
    names = [lay_down(root, 3, packed), lay_down(root, 2, packed), lay_down(root, 1, packed[:-5000])]
    (root / "hourly" / "backup-notes.txt").write_text("not a backup")
    before = only_dumps(root)
    password = target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'")
    ended = recover(root, target, LANG="C.UTF-8")
    return Restored(ended, target, names, before, only_dumps(root), password)


def test_predecessor_defect_01_a_restore_deletes_a_good_backup(restored):
    assert restored.ended.code == 0, restored.ended.said
    assert restored.ended.result["backup"]["file_name"] == restored.names[1]
    assert any("is damaged" in warning for warning in restored.ended.result["warnings"])
    assert restored.after == restored.before
    # Bytes that are no UTF-8 stop no filter.
    assert restored.target.psql("SELECT x = chr(233) FROM t", "latin") == "t"


def test_predecessor_defect_02_the_password_of_the_target_is_lost(restored, dump):
    assert restored.password_before not in dump.decode("latin-1")
    assert restored.target.psql("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'") == restored.password_before
    assert "app" in restored.target.psql("SELECT rolname FROM pg_authid")


def test_predecessor_defect_03_rows_that_look_like_statements_vanish(restored):
    assert restored.target.psql("SELECT string_agg(x, '|' ORDER BY x) FROM t", "docs") == "CREATE ROLE postgres;|DROP ROLE postgres;|a"


def test_predecessor_defect_04_a_warning_deletes_the_dump(root, fresh_server, newest_installation):
    server = fresh_server(newest_installation)
    server.psql("UPDATE pg_database SET datcollversion = '1.2.3' WHERE datname = 'postgres'")
    ended = backup(root, server)
    assert ended.code == 0 and ended.result["warnings"], ended.said
    assert len(good_names(root)) == 1


def test_predecessor_defect_05_two_runs_at_once_spoil_each_other(root, source, tmp_path, newest_installation):
    clients = Clients(tmp_path / "clients", newest_installation)
    held = clients.hold("zstd", 1)
    first = Running(("--root", str(root)), environment_for(source, clients.path, BACKUP_TYPE="hourly"))
    held.wait()
    refused(backup(root, source), 6, "process %d" % first.process.pid)
    held.let_go()
    assert first.wait().code == 0
    assert len(good_names(root)) == 1
    assert run(root, None, "verify").code == 0


def test_predecessor_defect_06_a_full_disk_leaves_a_partial_backup(small_root, source):
    refused(backup(small_root, source), 5, "No backup was made and no older one was touched", "make room")
    assert only_dumps(small_root) == {}
    refused(recover(small_root, source), 7, "no backup")


def test_predecessor_defect_07_a_full_disk_in_a_promotion_says_success(small_root, fresh_server, newest_installation, tmp_path):
    server = fresh_server(newest_installation)
    said = tmp_path / "termination-log"
    settings = {"BACKUP_PRIOR_COUNT": "1", "BANDR_TERMINATION_LOG": str(said)}
    assert backup(small_root, server, BANDR_TERMINATION_LOG=str(said)).code == 0
    assert said.read_text().startswith("SUCCESS ")
    filler = fill(small_root)
    before = only_dumps(small_root)
    refused(backup(small_root, None, "daily", **settings), 5, "the volume is full")
    assert said.read_text().startswith("FAILURE ")
    assert only_dumps(small_root) == before
    filler.unlink()
    assert backup(small_root, None, "daily", **settings).code == 0
    assert said.read_text().startswith("SUCCESS ")


@pytest.mark.parametrize(("held", "promoted"), [(23, False), (24, True), (25, True)])
def test_predecessor_defect_08_one_file_too_many_stops_promotion_for_ever(root, held, promoted, small_dump):
    names = [lay_down(root, 1 + held - number, small_dump) for number in range(held)]
    ended = backup(root, None, "daily", BACKUP_COUNT="7")
    assert ended.code == 0, ended.said
    assert [path.name for path in (root / "daily").glob("*.gz")] == (names[:1] if promoted else [])
    assert ended.result["missing"] == max(0, 24 - held)
    assert promoted or "1 missing" in ended.message


@pytest.fixture(scope="module")
def small_dump(fresh_server_of_module, newest_installation):
    """The dump of an empty server, stored."""
    return gzip.compress(dump_of(fresh_server_of_module(newest_installation)), 1)


def test_predecessor_defect_09_the_same_file_is_promoted_every_day(root, small_dump):
    for hours in (3, 2):
        lay_down(root, hours, small_dump)
    settings = {"BACKUP_PRIOR_COUNT": "2"}
    assert backup(root, None, "daily", **settings).result["changed"]
    again = backup(root, None, "daily", **settings)
    assert not again.result["changed"] and "already" in again.message


@pytest.mark.parametrize(("count", "words"), [("0", "must be 1 or more"), ("", "BACKUP_COUNT"), ("many", "BACKUP_COUNT")])
def test_predecessor_defect_10_a_count_of_nothing_deletes_everything(root, source, small_dump, count, words):
    lay_down(root, 1, small_dump)
    refused(backup(root, source, BACKUP_COUNT=count), 2, words)
    assert len(only_dumps(root)) == 1


def test_predecessor_defect_11_every_failure_exits_with_0(root, target, tmp_path):
    said = tmp_path / "termination-log"
    refused(backup(root, target, PGPORT="1", BANDR_TERMINATION_LOG=str(said)), 3, "port 1")
    assert said.read_text().startswith("FAILURE ")
    refused(recover(root, target), 7)
    refused(backup(root / "missing", target), 5)


def test_predecessor_defect_12_local_time_is_called_utc(root, target):
    begun = datetime.now(timezone.utc).replace(microsecond=0)
    ended = backup(root, target, TZ="America/New_York")
    made = datetime.fromisoformat(ended.result["backup"]["name"].replace("Z", "+00:00"))
    assert begun <= made <= datetime.now(timezone.utc)
    listed = bandr(root, None, FROM_BACKUP="NONE", LATEST_BACKUP_MAXIMUM_AGE_H="1", TZ="America/New_York")
    assert listed.code == 0 and listed.result["backups"][0]["age_seconds"] < 60


@pytest.mark.parametrize(("hours", "maximum", "words"), [(119 / 60, "1", "1 h 59 min"), (-24 * 1500, "1", "ahead"), (1.5, "2", None)])
def test_predecessor_defect_13_ages_are_rounded_down(root, target, small_dump, hours, maximum, words):
    lay_down(root, hours, small_dump)
    for wanted in ("LATEST", "NONE"):
        ended = recover(root, target, wanted, LATEST_BACKUP_MAXIMUM_AGE_H=maximum)
        if words is None:
            assert ended.code == 0, ended.said
        else:
            refused(ended, 7, words)


def test_predecessor_defect_14_two_runs_in_one_second_make_one_file(root, target):
    both = [Running(("--root", str(root), "--wait-seconds", "50"), environment_for(target, BACKUP_TYPE="hourly")) for _number in range(2)]
    assert [running.wait().code for running in both] == [0, 0]
    assert len(set(good_names(root))) == 2


@pytest.mark.parametrize("name", ["docs; touch pwned; echo", "$(touch pwned)", 'we ird"db', "postgresql://localhost/docs"])
def test_predecessor_defect_15_names_are_run_by_a_shell(root, target, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quoted = '"%s"' % name.replace('"', '""')
    target.psql("CREATE DATABASE %s" % quoted)
    target.psql("CREATE ROLE %s SUPERUSER LOGIN PASSWORD 'pass'" % quoted)
    try:
        ended = backup(root, target, DATABASE=name, PGUSER=name, PGPASSWORD="pass")
        assert ended.code == 0, ended.said
        assert ended.result["backup"]["databases"] == [name]
        (root / "hourly" / "backup-2099$(touch pwned)-x.gz").write_bytes(b"")
        assert recover(root, target, "2099$(touch pwned)").code == 2
        assert recover(root, target, "NONE").result["strays"][0]["path"].endswith("$(touch pwned)-x.gz")
    finally:
        target.psql("DROP ROLE %s" % quoted)
    assert list(tmp_path.rglob("pwned")) == []


def test_predecessor_defect_16_one_database_lands_in_template1(root, source, target):
    assert backup(root, source, DATABASE="docs").code == 0
    ended = recover(root, target, DATABASE="docs")
    assert ended.code == 0, ended.said
    assert target.psql("SELECT count(*) FROM t", "docs") == "3"
    assert target.psql("SELECT to_regclass('public.t') IS NULL", "template1") == "t"


def test_predecessor_defect_16_a_dump_of_one_database_by_the_predecessor(root, source, target):
    command = [source.installation.program("pg_dump"), "docs"]
    sql = subprocess.run(command, env=source.environment, stdout=subprocess.PIPE, check=True).stdout
    lay_down(root, 1, gzip.compress(sql.replace(b"OWNER TO app", b"OWNER TO postgres"), 1))
    refused(recover(root, target), 2, "one database without its name")
    ended = recover(root, target, DATABASE="docs")
    assert ended.code == 0, ended.said
    assert target.psql("SELECT count(*) FROM t", "docs") == "3"
    assert target.psql("SELECT to_regclass('public.t') IS NULL", "template1") == "t"


def test_predecessor_defect_17_a_second_restore_doubles_the_rows(root, target, dump):
    lay_down(root, 1, gzip.compress(dump, 1))
    assert recover(root, target, DO_NOT_STOP_ON_ERROR="1").code == 0
    refused(recover(root, target, DO_NOT_STOP_ON_ERROR="1"), 9, "docs exists", "nothing was touched")
    assert target.psql("SELECT count(*) FROM t", "docs") == "3"


def test_predecessor_defect_18_part_of_a_name_takes_the_first_one_found(root, target, small_dump):
    names = sorted(lay_down(root, hours, small_dump) for hours in (26, 25, 24, 1))
    refused(recover(root, target, ""), 2, "The variable FROM_BACKUP is empty")
    refused(recover(root, target, names[0].split("T")[1][:6]), 2, "is not a time")
    refused(recover(root, target, names[0][len("backup-") :][:4]), 7, "4 backups answer to", "whole name")
    for asked in (names[1], names[1].upper(), names[1][: -len("-dumpall.sql.gz")], names[1][len("backup-") :][:17]):
        ended = recover(root, target, asked)
        assert ended.code == 0 and ended.result["backup"]["file_name"] == names[1], ended.said


@pytest.mark.parametrize(("good", "damaged"), [("hourly", "daily"), ("daily", "hourly")])
def test_predecessor_defect_19_a_damaged_copy_hides_the_good_one(root, target, small_dump, good, damaged):
    name = lay_down(root, 2, small_dump, good)
    (root / damaged).mkdir()
    (root / damaged / name).write_bytes(small_dump[:-500])
    (root / "hourly" / "old").mkdir()
    (root / "hourly" / "old" / name_of(ago(1))).write_bytes(small_dump)
    (root / "saved").mkdir()
    (root / "saved" / name_of(ago(1))).write_bytes(small_dump)
    ended = recover(root, target)
    assert ended.code == 0 and ended.result["backup"]["file_name"] == name, ended.said
    # What lies where nobody looks for backups is told at least.
    strays = {os.path.relpath(stray["path"], root): stray["why"] for stray in recover(root, target, "NONE").result["strays"]}
    assert set(strays) == {"hourly/old", "saved"} and "move" in strays["saved"]


def test_predecessor_defect_20_passwords_with_colons_cannot_log_in(root, source):
    assert source.password == COLON_PASSWORD
    assert backup(root, source, PGPASSWORD="", PGADMINPASS=COLON_PASSWORD).code == 0
    # Other tiers ask for no server, and so for no password.
    ended = backup(root, None, "daily", BACKUP_PRIOR_COUNT="1", HOME=str(root))
    assert ended.code == 0 and ended.result["method"] == "link"


def test_predecessor_defect_20_a_read_only_volume_is_called_something_else(root, source):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(root)], check=False).returncode:
        pytest.skip("this machine does not let this user mount")
    try:
        refused(backup(root, source), 5, "mounted read-only")
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_predecessor_defect_21_expected_databases_count_the_templates(root, target, dump):
    lay_down(root, 1, gzip.compress(dump, 1))
    # The old number keeps its meaning (docs, latin, postgres and two templates), and is asked before anything is touched.
    refused(recover(root, target, DATABASE_EXPECTED_COUNT="2"), 9, "there would be 5")
    assert databases_of(target) == ["postgres", "template0", "template1"]
    # Names say more than a number.
    refused(run(root, target, "recover", "--expected-database", "shop"), 9, "shop")
    assert run(root, target, "recover", "--expected-database", "docs", DATABASE_EXPECTED_COUNT="5").code == 0


def test_predecessor_defect_21_a_tier_that_promotes_from_itself(root, small_dump):
    lay_down(root, 1, small_dump, "daily")
    refused(backup(root, None, "daily", BACKUP_PRIOR_TYPE="daily"), 2, "cannot promote from the daily tier")


def test_predecessor_defect_22_everybody_can_read_the_dumps(root, source):
    assert backup(root, source).code == 0
    modes = {stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*") if path.is_file()}
    assert all(not mode & 0o027 for mode in modes), sorted(map(oct, modes))


def test_predecessor_defect_22_a_client_of_another_major(root, fresh_server, newest_installation, installation_without_restrict):
    oldest = newest_of_major(15)
    if oldest is None:
        pytest.skip("needs PostgreSQL 15")
    server = fresh_server(oldest)
    ended = Running(("--root", str(root)), environment_for(server, newest_installation.bin_folder, BACKUP_TYPE="hourly")).wait()
    assert ended.code == 0, ended.said
    newer = fresh_server(newest_installation)
    ended = Running(("--root", str(root)), environment_for(newer, installation_without_restrict.bin_folder, BACKUP_TYPE="hourly")).wait()
    refused(ended, 4, "18", "16")


def test_predecessor_defect_23_a_killed_pg_dumpall_is_a_success(root, source, tmp_path, newest_installation):
    clients = Clients(tmp_path / "clients", newest_installation)
    held = clients.hold("zstd", 3)
    running = Running(("--root", str(root)), environment_for(source, clients.path, BACKUP_TYPE="hourly"))
    held.wait()
    (victim,) = [process for process, command in children_of(running).items() if os.path.basename(command[0]) == "pg_dumpall"]
    os.kill(victim, signal.SIGKILL)
    held.let_go()
    refused(running.wait(), 4, "killed by signal 9")
    assert only_dumps(root) == {}


def test_predecessor_defect_24_rsync_mirrors_a_loss(root, source, small_dump, target):
    lay_down(root, 1, small_dump)
    settings = {"RSYNC_HOST": "mirror", "RSYNC_USER": "user", "RSYNC_PASS": "hush", "RSYNC_PATH": "/there"}
    ended = backup(root, source, **settings)
    refused(ended, 2, "RSYNC_HOST", "copy the volume with a tool of your own")
    assert "hush" not in ended.said + str(ended.result)
    # Who shares one ConfigMap between backup and recovery can restore all the same.
    assert recover(root, target, **settings).code == 0


def test_predecessor_defect_25_the_whole_server_is_unpacked_in_clear_text(root, source, target, tmp_path, newest_installation):
    assert backup(root, source).code == 0
    before = files_below(str(root))
    temporary, seen = tmp_path / "temporary", tmp_path / "seen"
    temporary.mkdir()
    clients = Clients(tmp_path / "clients", newest_installation)
    clients.hook("psql", before='find "$TMPDIR" "$ROOT" -type f -size +3k >> "$SEEN"')
    environment = environment_for(target, clients.path, FROM_BACKUP="LATEST", TMPDIR=str(temporary), ROOT=str(root), SEEN=str(seen))
    assert Running(("--root", str(root)), environment).wait().code == 0
    looked_at = {os.path.relpath(path, root) for path in seen.read_text().split()}
    assert set(only_dumps(root)) <= looked_at <= set(before)
    assert not any(temporary.iterdir())
    assert set(only_dumps(root)) == {name for name in before if name.endswith((".zst", ".gz"))}


def test_predecessor_defect_26_every_tier_costs_the_space_again(root, source):
    assert backup(root, source).code == 0
    for tier, prior in (("daily", "hourly"), ("weekly", "daily"), ("monthly", "weekly")):
        ended = backup(root, None, tier, BACKUP_PRIOR_TYPE=prior, BACKUP_PRIOR_COUNT="1")
        assert ended.code == 0 and ended.result["method"] == "link", ended.said
    (inode,) = {path.stat().st_ino for path in root.rglob("backup-*") if path.suffix != ".json"}
    assert len({path for path in root.rglob("backup-*") if path.stat().st_ino == inode}) == 4


def test_predecessor_defect_27_the_password_is_in_the_manifest_of_the_cronjob(tmp_path):
    objects = rendered_objects(tmp_path)
    assert len([one for one in objects if one["kind"] == "CronJob"]) == 4
    assert "hush-hush" not in json.dumps(objects)
    pods = {one["metadata"]["name"]: one["spec"]["jobTemplate"]["spec"]["template"]["spec"] for one in objects if one["kind"] == "CronJob"}
    passwords = {
        name: [entry for entry in pod["containers"][0]["env"] or () if entry["name"] == "PGPASSWORD"] for name, pod in pods.items()
    }
    assert passwords.pop("orders-backup-hourly") == [
        {"name": "PGPASSWORD", "valueFrom": {"secretKeyRef": {"name": "orders-backup", "key": "password"}}}
    ]
    assert not any(passwords.values())


def rendered_objects(folder: Path) -> list[dict]:
    """What the role pg_backup makes for a server, as its templates say."""
    role = CHECKOUT / "roles" / "pg_backup"
    folder.mkdir(exist_ok=True)
    (folder / "templates").symlink_to(role / "templates")
    tasks = [{"ansible.builtin.include_vars": str(role / part / "main.yml")} for part in ("defaults", "vars")]
    tasks.append(
        {"ansible.builtin.copy": {"content": "{{ pg_backup_objects | to_json }}", "dest": str(folder / "objects"), "mode": "0600"}}
    )
    given = {"pg_backup_name": "orders", "pg_backup_namespace": "databases", "pg_backup_host": "db", "pg_backup_password": "hush-hush"}
    done = run_playbook(folder, tasks, {**given, "pg_backup_openshift": False, "pg_backup_image_used": "image"})
    assert done.status == 0, done.output[-4000:]
    objects: list[dict] = json.loads((folder / "objects").read_text())
    return objects
