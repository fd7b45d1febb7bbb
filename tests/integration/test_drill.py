# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A drill restores a backup into a throw-away server, tells what differs, and leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from ansible_collections.bandr.postgres.tests.playbooks.stage import damage
from ansible_collections.bandr.postgres.tests.servers.commands import Clients, Ended, children_of, run, wait_for
from ansible_collections.bandr.postgres.tests.servers.drills import Drills, servers_in
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup
from ansible_collections.bandr.postgres.tests.servers.installations import Installation, newest_of_major, without_restrict
from ansible_collections.bandr.postgres.tests.servers.server import Server
from ansible_collections.bandr.postgres.tests.zoo.loader import load_zoo

# Rows of many lengths lie in another order when they are restored, and times are written as a time zone has them.
CONTENTS = """
CREATE TABLE goods (number bigint PRIMARY KEY, name text, sold timestamptz DEFAULT now());
INSERT INTO goods SELECT n, 'item ' || n || repeat('x', n * 7919 % 2900), '2026-03-29'::timestamptz + n * interval '1 hour'
  FROM generate_series(1, 3000) n;
ALTER TABLE goods OWNER TO app;
"""
SERVER_PROGRAMS = ("initdb", "postgres")


def fill(server: Server) -> None:
    server.psql(
        "CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE other SUPERUSER; ALTER ROLE postgres PASSWORD 'secret' CONNECTION LIMIT 7"
    )
    place = server.new_tablespace_folder()
    server.psql("CREATE TABLESPACE fast OWNER app LOCATION '%s'" % place)
    server.psql("GRANT CREATE ON TABLESPACE fast TO other")
    server.psql("CREATE DATABASE shop OWNER app TABLESPACE fast")
    server.psql('CREATE DATABASE "odd ""name"""')
    server.psql(CONTENTS, "shop")


@pytest.fixture(scope="module")
def backed_up(newest_installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A volume with one backup, to copy from."""
    root = tmp_path_factory.mktemp("backed-up")
    with Server(newest_installation, settings={"timezone": "Europe/Berlin"}) as server:
        fill(server)
        make_backup(root, server)
    yield root


@pytest.fixture
def drills() -> Iterator[Drills]:
    """An empty volume and an empty scratch folder."""
    place = Drills()
    yield place
    place.remove()


@pytest.fixture
def ready(drills: Drills, backed_up: Path) -> Drills:
    """A volume with a backup of its own."""
    shutil.copytree(backed_up, drills.root, dirs_exist_ok=True)
    return drills


@pytest.fixture
def programs(newest_installation: Installation, drills: Drills) -> Clients:
    """All programs of the newest major, to be tampered with."""
    clients = Clients(drills.folder / "bin", newest_installation)
    # A program that is held writes down that it is.
    drills.account.give(clients.path)
    for name in SERVER_PROGRAMS:
        # initdb looks for postgres beside itself.
        write_program(clients.folder / name, 'exec %s "$@"' % shlex.quote(newest_installation.program(name)))
    return clients


def write_program(path: Path, line: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text("#!/bin/sh\n%s\n" % line)
    path.chmod(0o755)


def dump_path(drills: Drills) -> str:
    (path,) = (str(path) for path in drills.root.glob("hourly/*dumpall.sql*") if not path.name.endswith(".json"))
    return path


def remembered(drills: Drills) -> dict[str, Any] | None:
    path = drills.root / ".bandr" / "drill.json"
    return json.loads(path.read_text()) if path.exists() else None


def comparisons(ended: Ended) -> dict[str, str]:
    return {entry["name"]: entry["comparison"] for entry in ended.result["databases"]}


def nothing_is_left(drills: Drills) -> None:
    wait_for(lambda: not list(servers_in(drills.scratch)), "a server of the drill still runs")
    assert drills.left == []


def test_a_drill_finds_everything_equal_and_leaves_nothing(ready: Drills, newest_installation: Installation) -> None:
    ended = ready.start(newest_installation.bin_folder, PGSSLMODE="verify-full", PGREQUIREAUTH="scram-sha-256", PGPORT="1").wait()
    assert ended.code == 0, ended.said
    assert comparisons(ended) == {"template1": "equal", 'odd "name"': "equal", "postgres": "equal", "shop": "equal"}
    assert ended.result["globals"] == {"comparison": "equal", "why": ""}
    assert ended.result["warnings"] == []
    assert ended.result["changed"] is False
    nothing_is_left(ready)
    note = remembered(ready)
    assert note is not None
    assert (note["result"], note["reason"], note["message"]) == ("passed", "", ended.message)
    assert note["last_passed"] == note["finished"]
    listing = run(ready.root, None, "list")
    assert listing.result["last_drill"]["backup"] == ended.result["backup"]["name"]


@pytest.mark.parametrize("major", [15, 17])
def test_the_zoo_is_equal(major: int, drills: Drills) -> None:
    installation = newest_of_major(major)
    if installation is None:
        pytest.skip("PostgreSQL %d is not installed here" % major)
    with Server(installation, settings={"timezone": "America/New_York"}) as server:
        zoo = load_zoo(server)
        make_backup(drills.root, zoo.server)
        ended = drills.start(installation.bin_folder).wait()
    assert ended.code == 0, ended.said
    assert set(comparisons(ended).values()) == {"equal"}, ended.result["databases"]
    assert ended.result["globals"] == {"comparison": "equal", "why": ""}
    nothing_is_left(drills)


def test_an_older_server_is_drilled_by_newer_programs(
    drills: Drills, oldest_installation: Installation, newest_installation: Installation
) -> None:
    with Server(oldest_installation) as server:
        fill(server)
        make_backup(drills.root, server)
    ended = drills.start(newest_installation.bin_folder).wait()
    assert ended.code == 0, ended.said
    assert comparisons(ended)["shop"] in ("equal", "rows equal")
    (shop,) = (entry for entry in ended.result["databases"] if entry["name"] == "shop")
    assert shop["comparison"] == "equal" or "the drill has %s" % newest_installation.version in shop["why"]
    nothing_is_left(drills)


def test_a_newer_server_is_refused(ready: Drills, oldest_installation: Installation) -> None:
    ended = ready.start(oldest_installation.bin_folder).wait()
    assert (ended.code, ended.result["reason"]) == (2, "usage")
    assert "are of the older version %d" % oldest_installation.major in ended.message


def test_a_dump_of_the_predecessor_is_drilled(ready: Drills, newest_installation: Installation) -> None:
    sql = subprocess.run(["zstd", "-dcq", dump_path(ready)], check=True, capture_output=True).stdout
    shutil.rmtree(ready.root / "hourly")
    (ready.root / "hourly").mkdir()
    packed = subprocess.run(["gzip", "-c"], check=True, input=sql, capture_output=True).stdout
    (ready.root / "hourly" / "backup-2026-11-22T10:07:00Z-dumpall.sql.gz").write_bytes(packed)
    ended = ready.start(newest_installation.bin_folder).wait()
    # Without a manifest nobody knows of the tablespace, so that its folder cannot be replaced.
    assert (ended.code, ended.result["reason"]) == (10, "restore")
    assert "fast" in ended.message or "tablespace" in ended.message
    nothing_is_left(ready)


def test_damage_fails_the_drill_before_a_server_is_started(ready: Drills, newest_installation: Installation) -> None:
    damage(dump_path(ready))
    ended = ready.start(newest_installation.bin_folder).wait()
    assert (ended.code, ended.result["reason"]) == (8, "damaged")
    assert "throw-away server" not in ended.said
    assert ended.result["databases"] == []
    note = remembered(ready)
    assert note is not None
    assert (note["result"], note["reason"], note["last_passed"]) == ("failed", "damaged", None)
    # The list knows it for damaged from now on, and there is nothing else to drill.
    assert ready.start(newest_installation.bin_folder).wait().code == 7


def test_a_restore_that_loses_a_row_is_found_out(ready: Drills, programs: Clients) -> None:
    real = shlex.quote(programs.installation.program("psql"))
    # Only the script of a restore holds rows.
    write_program(programs.folder / "psql", 'case "$1" in --version) exec %s "$@";; esac\nsed "/^17\titem 17x/d" | %s "$@"' % (real, real))
    ended = ready.start(programs.path).wait()
    assert (ended.code, ended.result["reason"]) == (12, "drill"), ended.said
    assert "shop (the rows of public.goods (3000 and 2999) are not those of the backup)" in ended.message
    assert comparisons(ended) == {"template1": "equal", 'odd "name"': "equal", "postgres": "equal", "shop": "different"}
    nothing_is_left(ready)
    note = remembered(ready)
    assert note is not None
    assert (note["result"], note["reason"]) == ("failed", "drill")
    # One that passes afterwards, and one that fails again: when a drill last passed stays known.
    assert ready.start(programs.installation.bin_folder).wait().code == 0
    passed = remembered(ready)
    assert ready.start(programs.path).wait().code == 12
    failed = remembered(ready)
    assert passed is not None and failed is not None
    assert failed["last_passed"] == passed["finished"]


def test_other_definitions_and_roles_are_found_out(ready: Drills, programs: Clients) -> None:
    real = shlex.quote(programs.installation.program("psql"))
    script = "s/^    name text,$/    name character varying,/; s/^ALTER ROLE app WITH NOSUPERUSER/ALTER ROLE app WITH SUPERUSER/"
    write_program(programs.folder / "psql", 'case "$1" in --version) exec %s "$@";; esac\nsed \'%s\' | %s "$@"' % (real, script, real))
    ended = ready.start(programs.path).wait()
    assert ended.code == 12, ended.said
    assert "shop (all rows are equal, and the definitions of objects are not)" in ended.message
    assert "the roles and tablespaces (" in ended.message


def test_a_drill_need_not_compare(ready: Drills, programs: Clients) -> None:
    real = shlex.quote(programs.installation.program("pg_dumpall"))
    write_program(programs.folder / "pg_dumpall", 'case "$1" in --version|--help) exec %s "$@";; esac\nexit 1' % real)
    ended = ready.start(programs.path, "--no-compare").wait()
    assert ended.code == 0, ended.said
    assert set(comparisons(ended).values()) == {"not compared"}
    ended = ready.start(programs.path).wait()
    assert (ended.code, ended.result["reason"]) == (12, "drill")
    assert "What was restored cannot be dumped again: pg_dumpall ended with status 1" in ended.message


def test_a_restore_that_fails_is_told_with_its_words(ready: Drills, programs: Clients) -> None:
    real = shlex.quote(programs.installation.program("psql"))
    write_program(programs.folder / "psql", 'case "$1" in --version) exec %s "$@";; esac\nsed \'s/^17\t/x\t/\' | %s "$@"' % (real, real))
    ended = ready.start(programs.path).wait()
    assert (ended.code, ended.result["reason"]) == (10, "restore")
    assert 'invalid input syntax for type bigint: "x"' in ended.message
    states = {entry["name"]: entry["state"] for entry in ended.result["databases"]}
    assert states["shop"] == "failed"
    nothing_is_left(ready)


@pytest.mark.parametrize("program", SERVER_PROGRAMS)
def test_missing_server_programs_are_named(program: str, ready: Drills, programs: Clients) -> None:
    (programs.folder / program).unlink()
    ended = ready.start(programs.path).wait()
    assert (ended.code, ended.result["reason"]) == (2, "usage")
    assert "the PostgreSQL server program %s was not found in %s" % (program, programs.path) in ended.message
    assert remembered(ready) is None


@pytest.mark.parametrize("program", SERVER_PROGRAMS)
def test_a_server_that_does_not_start_is_told_with_its_words(program: str, ready: Drills, programs: Clients) -> None:
    real = shlex.quote(programs.installation.program(program))
    write_program(programs.folder / program, 'case "$1" in --version|-V) exec %s "$@";; esac\necho the moon is full >&2; exit 3' % real)
    ended = ready.start(programs.path).wait()
    assert (ended.code, ended.result["reason"]) == (12, "drill")
    assert "the moon is full" in ended.message
    nothing_is_left(ready)


def test_a_setting_reaches_the_server_and_a_wrong_one_is_told(ready: Drills, newest_installation: Installation) -> None:
    ended = ready.start(newest_installation.bin_folder, "--server-setting=shared_preload_libraries=nowhere_to_be_found").wait()
    assert (ended.code, ended.result["reason"]) == (12, "drill")
    assert "nowhere_to_be_found" in ended.message
    ended = ready.start(newest_installation.bin_folder, "--server-setting", "nothing").wait()
    assert (ended.code, ended.result["reason"]) == (2, "usage")


def test_an_extension_that_is_not_installed_is_a_problem(drills: Drills) -> None:
    source, target = without_restrict(), newest_of_major(17)
    if source is None or target is None:
        pytest.skip("no two installations are here of which one has an extension that the other lacks")
    with Server(source) as server:
        server.psql("CREATE EXTENSION vector")
        make_backup(drills.root, server)
    ended = drills.start(target.bin_folder).wait()
    assert (ended.code, ended.result["reason"]) == (9, "preflight")
    assert "The extension vector, which database postgres uses, is not available" in ended.message
    assert len(ended.result["problems"]) == 1
    nothing_is_left(drills)


def test_room_is_looked_at_first(ready: Drills, newest_installation: Installation) -> None:
    ended = ready.start(newest_installation.bin_folder, "--scratch-size=100Mi").wait()
    assert (ended.code, ended.result["reason"]) == (2, "usage")
    assert "there is room for 100 MiB" in ended.message
    assert "throw-away server" not in ended.said


def fill_up(path: Path) -> None:
    """Let a file take all the room that is left, however much of it others take meanwhile."""
    block = bytes(1 << 20)
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(block)


def test_a_scratch_folder_that_fills_up_is_told(ready: Drills, newest_installation: Installation) -> None:
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=420m,mode=0777", "tmpfs", str(ready.scratch)], check=False).returncode
    ):
        pytest.skip("only root can mount a small file system")
    try:
        with open(ready.scratch / "ballast", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 100 << 20)
        running = ready.start(newest_installation.bin_folder)
        # It fills up while the server is being made.
        wait_for(lambda: [name for name in ready.left if name != "ballast"], "no drill began")
        fill_up(ready.scratch / "more")
        ended = running.wait()
        assert ended.code in (10, 12), ended.said
        assert "No space left on device" in ended.message
        assert ready.left == ["ballast", "more"]
    finally:
        subprocess.run(["umount", "-l", str(ready.scratch)], check=True)


def test_root_is_told_to_be_somebody_else(ready: Drills, newest_installation: Installation) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root is refused")
    ended = run(ready.root, None, "drill", "--client-folder", newest_installation.bin_folder)
    assert (ended.code, ended.result["reason"]) == (2, "usage")
    assert "does not run as root" in ended.message


def test_a_rehearsal_starts_nothing_and_remembers_nothing(ready: Drills, programs: Clients) -> None:
    write_program(programs.folder / "initdb", "exit 1")
    ended = ready.start(programs.path, "--dry-run").wait()
    assert ended.code == 0, ended.said
    assert "would be restored into a throw-away server" in ended.message
    assert remembered(ready) is None


def test_a_volume_that_cannot_be_written_is_drilled_all_the_same(ready: Drills, newest_installation: Installation) -> None:
    ready.take()
    for path in (ready.root, *ready.root.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    ended = ready.start(newest_installation.bin_folder, "--no-compare").wait()
    assert ended.code == 0, ended.said
    assert remembered(ready) is None


def test_only_the_notes_of_a_volume_need_be_writable(ready: Drills, newest_installation: Installation) -> None:
    ready.take()
    for path in (ready.root, *ready.root.glob("hourly/*"), ready.root / "hourly"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    running = ready.start(newest_installation.bin_folder, "--no-compare")
    wait_for(lambda: ready.left, "no drill began")
    # Nobody prunes what is being drilled.
    assert [entry["in_use"] for entry in run(ready.root, None, "list").result["backups"]] == [True]
    assert running.wait().code == 0
    assert remembered(ready) is not None


def ends_in_the_middle(ready: Drills, programs: Clients, act: Callable[[Any], None]) -> Ended:
    """Let a drill be interrupted while it restores."""
    held = programs.hold("psql", 6)
    running = ready.start(programs.path)
    held.wait()
    assert list(servers_in(ready.scratch))
    act(running)
    return running.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_drill_and_its_server(number: int, ready: Drills, programs: Clients) -> None:
    ended = ends_in_the_middle(ready, programs, lambda running: running.kill(number))
    assert (ended.code, ended.result["reason"]) == (128 + number, "interrupted")
    nothing_is_left(ready)
    assert remembered(ready) is None


def test_a_drill_that_is_killed_leaves_neither_server_nor_files(ready: Drills, programs: Clients) -> None:
    ends_in_the_middle(ready, programs, lambda running: running.kill(signal.SIGKILL))
    wait_for(lambda: not ready.left, "the files of the drill are still there")
    nothing_is_left(ready)


def test_what_a_killed_drill_and_its_keeper_left_is_swept(ready: Drills, programs: Clients) -> None:
    def kill_all_but_the_server(running: Any) -> None:
        for process, command in children_of(running).items():
            if not any(word.endswith("/postgres") for word in command[:1]) and "postgres:" not in command[0]:
                # Some are short-lived, such as the naps of the program that is held.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        running.kill(signal.SIGKILL)

    ends_in_the_middle(ready, programs, kill_all_but_the_server)
    (left,) = ready.left
    ended = ready.start(programs.installation.bin_folder).wait()
    assert ended.code == 0, ended.said
    assert "Removed %s" % (ready.scratch / left) in ended.said
    assert ready.left == []


def test_two_drills_do_not_disturb_each_other(ready: Drills, programs: Clients) -> None:
    held = programs.hold("psql", 6)
    first = ready.start(programs.path)
    held.wait()
    assert ready.start(programs.installation.bin_folder).wait().code == 0
    held.let_go()
    assert first.wait().code == 0
    nothing_is_left(ready)
