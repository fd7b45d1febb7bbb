# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line without a server: options, exit codes, what goes to whom, and staying alive at the end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine import command_line
from ansible_collections.bandr.postgres.plugins.module_utils._engine.command_line import main
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import backup, listing, restore, verify
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import EngineError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.volumes.samples import hours, lay_down, sample_manifest

OPERATIONS = {"run_backup": backup, "list_backups": listing, "verify": verify, "restore": restore}
LOADED_BY = "import sys; from {0}.command_line import main; main({1!r}); print(*(name for name in sys.modules if name.startswith({0!r})))"


def call(*arguments, **environment):
    """Exit code, result and sentences of one run."""
    output, messages = io.StringIO(), io.StringIO()
    code = main(list(arguments), environment, output, messages)
    lines = output.getvalue().splitlines()
    assert len(lines) == 1, "one line for programs, whatever happens"
    return code, json.loads(lines[0]), messages.getvalue()


def replace_operation(monkeypatch, name, operation):
    """The command line looks an operation up when its command runs."""
    monkeypatch.setattr(OPERATIONS[name], name, operation)


def requests_of(monkeypatch):
    """Every request that reaches an operation, instead of what it would do."""
    seen = []

    def take(context, request):
        seen.append(request)
        return {"message": "done", "backups": [], "strays": []}

    for name in OPERATIONS:
        replace_operation(monkeypatch, name, take)
    return seen


def test_an_age_without_a_name_is_about_the_latest(tmp_path):
    lay_down(open_volume(str(tmp_path)), "hourly", sample_manifest(hours(0)))
    code, result, _said = call("list", "--root", str(tmp_path), "--maximum-age", "1h")
    assert (code, result["reason"]) == (7, "selection") and "the maximum age is 1 h" in result["message"]
    assert call("list", "--root", str(tmp_path), "--maximum-age", "40000d")[1]["selected"]["name"]


@pytest.mark.parametrize("seconds", ["0", "-1", "2147484"])
@pytest.mark.parametrize("more", [(), ("--dry-run",), ("--jobs", "2")])
def test_no_backup_waits_without_limit_for_a_locked_table(tmp_path, seconds, more):
    code, result, _said = call("backup", "--root", str(tmp_path), "--lock-wait-seconds", seconds, *more)
    assert (code, result["reason"]) == (2, "usage")
    assert result["message"] == "lock_wait_seconds is %s, but must be from 1 to 2147483. Nothing was changed." % seconds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["backup", "--count", "many"], "invalid int value: 'many'"),
        (["backup", "--tier", "yearly"], "yearly"),
        (["backup", "--no-such-option"], "--no-such-option"),
        (["backup", "--cou", "3"], "--cou"),
        (["restore"], "restore"),
        (["backup", "--count", "0", "--root", "/"], "must be 1 or more"),
        (["backup", "--tier", "daily", "--prior-tier", "daily", "--root", "/"], "cannot promote from"),
        (["recover", "--maximum-age", "36", "--root", "/"], "36"),
        (["list", "--root", ""], "root is empty"),
    ],
)
def test_wrong_use_is_a_sentence_with_exit_code_2(arguments, words):
    code, result, said = call(*arguments)
    assert (code, result["code"], result["reason"], result["failed"]) == (2, 2, "usage", True)
    assert words in result["message"]
    assert said.splitlines()[-1] == "FAILURE " + result["message"]
    assert "Traceback" not in said


def test_no_command_and_no_variable_means_backup(monkeypatch):
    (seen, (code, _result, _said)) = requests_of(monkeypatch), call(BACKUP_COUNT="5")
    assert code == 0 and type(seen[0]).__name__ == "BackupRequest" and seen[0].policy.count == 5


def test_options_without_a_command_are_those_of_the_usual_one(monkeypatch):
    seen = requests_of(monkeypatch)
    call("--root", "/somewhere", FROM_BACKUP="LATEST")
    assert type(seen[0]).__name__ == "RestoreRequest" and (seen[0].root, seen[0].wanted.lower()) == ("/somewhere", "latest")


def test_what_is_on_the_command_line_wins_over_the_environment(monkeypatch):
    seen = requests_of(monkeypatch)
    call("backup", "--count", "9", "--only-database", "given", BACKUP_COUNT="5", DATABASE="old", BACKUP_TYPE="hourly")
    assert (seen[0].policy.count, seen[0].dump.options.only_database) == (9, "given")


def test_every_option_of_a_backup_arrives(monkeypatch):
    seen = requests_of(monkeypatch)
    call(
        "backup", "--root", "/r", "--tier", "weekly", "--count", "3", "--prior-tier", "hourly", "--prior-count", "2", "--promote", "newest",
        "--unproved-promotion", "--exclude-database", "a", "--exclude-database", "b", "--no-role-passwords",
        "--lock-wait-seconds", "7", "--jobs", "3", "--wait-seconds", "1.5", "--codec", "gzip", "--level", "9", "--dry-run", "--host", "h", "--port", "1234",
        "--user", "u", "--sslmode", "require", "--sslrootcert", "/c", "--maintenance-database", "m", "--client-folder", "/f",
    )  # fmt: skip
    (request,) = seen
    policy, dump = request.policy, request.dump
    assert (policy.tier, policy.count, policy.prior_tier, policy.prior_count, policy.promote) == ("weekly", 3, "hourly", 2, "newest")
    assert (request.root, request.wait_seconds, request.prove_promotion, request.dry_run) == ("/r", 1.5, False, True)
    assert (dump.codec, dump.level, dump.options.exclude_databases) == ("gzip", 9, ("a", "b"))
    assert (dump.options.role_passwords, dump.options.lock_wait_seconds) == (False, 7)
    assert dump.jobs == 3
    connection = dump.connection
    assert (connection.host, connection.port, connection.user, connection.maintenance_database) == ("h", 1234, "u", "m")
    assert (connection.sslmode, connection.sslrootcert) == ("require", "/c")


def test_every_option_of_a_restore_arrives(monkeypatch):
    seen = requests_of(monkeypatch)
    call(
        "recover", "--root", "/r", "--from", "2026-11-22", "--maximum-age", "1d12h", "--database", "a", "--database", "b", "--replace",
        "--replace-method", "drop", "--expected-database", "c", "--expected-count", "4", "--keep-going", "--no-analyze", "--jobs", "3",
    )  # fmt: skip
    (request,) = seen
    assert (request.root, request.wanted, request.databases, request.replace, request.replace_method) == (
        "/r", "2026-11-22", ("a", "b"), True, "drop",
    )  # fmt: skip
    assert request.maximum_age.total_seconds() == 36 * 3600
    assert (request.expected_databases, request.expected_count, request.keep_going, request.analyze) == (("c",), 4, True, False)
    assert request.jobs == 3


def test_a_password_file_is_only_looked_at_where_a_server_is_asked(tmp_path):
    missing = str(tmp_path / "none")
    for arguments in (["list"], ["verify"], ["backup", "--tier", "daily"]):
        code, result, _said = call(*arguments, "--root", str(tmp_path), PGPASSFILE=missing)
        assert code == 0, result
    code, result, _said = call("backup", "--root", str(tmp_path), PGPASSFILE=missing)
    assert code == 2 and missing in result["message"]


def test_an_empty_volume_is_listed_as_a_table(tmp_path):
    code, result, said = call("list", "--root", str(tmp_path))
    assert code == 0 and result["backups"] == [] and result["selected"] is None
    assert said.splitlines()[0].split()[:2] == ["TIER", "BACKUP"]
    code, result, said = call("recover", "--root", str(tmp_path), "--from", "none")
    assert code == 0 and said.splitlines()[0].split()[:2] == ["TIER", "BACKUP"]


def test_a_person_at_a_terminal_gets_no_json(tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    output = Terminal()
    assert main(["list", "--root", str(tmp_path)], {}, output, io.StringIO()) == 0
    assert output.getvalue() == ""


def test_a_defect_of_ours_is_told_as_one_with_its_traceback(monkeypatch, tmp_path):
    def broken(context, request):
        raise ZeroDivisionError("by zero")

    replace_operation(monkeypatch, "list_backups", broken)
    code, result, said = call("list", "--root", str(tmp_path))
    assert (code, result["reason"]) == (EngineError.code, "internal")
    assert "defect of bandr.postgres: by zero" in result["message"] and "Traceback" in said


def test_details_of_an_error_are_in_the_result(monkeypatch):
    def refused(context, request):
        raise EngineError("No.", {"problems": ["one", "two"]})

    replace_operation(monkeypatch, "restore", refused)
    _code, result, _said = call("recover", "--from", "latest")
    assert result["problems"] == ["one", "two"] and result["message"] == "No."


def test_the_termination_message_follows_the_result(tmp_path):
    log = tmp_path / "log"
    call("list", "--root", str(tmp_path), BANDR_TERMINATION_LOG=str(log))
    first, second = log.read_text().splitlines()
    assert first.startswith("SUCCESS There are no backups") and json.loads(second)["code"] == 0
    call("list", "--root", str(tmp_path / "none"), BANDR_TERMINATION_LOG=str(log))
    first, second = log.read_text().splitlines()
    assert first.startswith("FAILURE The volume") and json.loads(second) == {"code": 5, "reason": "volume"}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_end_well(option, capsys):
    with pytest.raises(SystemExit) as caught:
        main([option], {}, io.StringIO(), io.StringIO())
    assert caught.value.code == 0 and capsys.readouterr().out


def test_being_ended_while_staying_alive_is_no_failure(monkeypatch):
    requests_of(monkeypatch)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(5)

    monkeypatch.setattr(command_line.time, "sleep", sleep)
    begun = time.monotonic()
    code, result, _said = call(BACKUP_PRE_EXIT_SLEEP_M="3")
    assert (code, result["code"], slept) == (0, 0, [180]) and time.monotonic() - begun < 4


def test_a_failed_run_does_not_stay_alive(monkeypatch):
    monkeypatch.setattr(command_line.time, "sleep", lambda seconds: pytest.fail("it slept"))
    assert call("backup", "--root", "/nowhere/at/all", BACKUP_PRE_EXIT_SLEEP_M="3")[0] == 5


@pytest.mark.parametrize(("root", "code"), [("", 0), ("nowhere", 5)])
def test_a_signal_after_the_outcome_was_told_does_not_change_it(tmp_path, root, code):
    # Python takes a moment to end; here it takes a second.
    program = "import atexit, sys, time; from %s import main; atexit.register(time.sleep, 1); sys.exit(main())" % command_line.__name__
    arguments = [sys.executable, "-c", program, "list", "--root", str(tmp_path / root)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert json.loads(process.stdout.readline())["code"] == code
        process.send_signal(signal.SIGTERM)
    assert process.returncode == code


def test_being_asked_to_end_while_staying_alive_is_no_failure_of_the_process(tmp_path):
    program = "import sys; from %s import main; sys.exit(main())" % command_line.__name__
    arguments = [sys.executable, "-c", program, "list", "--root", str(tmp_path)]
    environment = dict(os.environ, BACKUP_PRE_EXIT_SLEEP_M="3")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        assert json.loads(process.stdout.readline())["code"] == 0
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
    assert process.returncode == 0


def test_a_list_loads_nothing_that_only_other_commands_need(tmp_path):
    engine = command_line.__name__.rpartition(".")[0]
    program = LOADED_BY.format(engine, ["list", "--root", str(tmp_path)])
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    loaded = {name[len(engine) + 1 :] for name in said.split()}
    assert "operations.listing" in loaded
    assert not loaded & {"operations.backup", "operations.restore", "operations.verify", "postgres.sections", "volume.work", "targets"}


# Where the volume is


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The folders of an image: its own one for backups, without a volume, and the place of the predecessor's recovery."""
    backup, recovery = tmp_path / "backup", tmp_path / "recovery"
    backup.mkdir()
    (backup / ".bandr-no-volume").write_text("")
    monkeypatch.setattr(command_line, "_DEFAULT_ROOT", str(backup))
    monkeypatch.setattr(command_line, "_RECOVERY_ROOT", str(recovery))
    return backup, recovery


def test_a_claim_of_the_backups_at_the_place_of_the_old_recovery_is_found(places):
    (places[1] / "daily").mkdir(parents=True)
    lay_down(open_volume(str(places[1])), "daily", sample_manifest(hours(0)))
    code, result, said = call("list")
    assert code == 0 and [backup["tier"] for backup in result["backups"]] == ["daily"]
    assert "The backups are read from %s." % places[1] in said


def test_a_volume_at_its_own_place_wins(places):
    (places[1] / "hourly").mkdir(parents=True)
    (places[0] / ".bandr-no-volume").unlink()
    lay_down(open_volume(str(places[0])), "weekly", sample_manifest(hours(0)))
    code, result, said = call("list")
    assert code == 0 and [backup["tier"] for backup in result["backups"]] == ["weekly"] and "are read from" not in said


@pytest.mark.parametrize("command", ["backup", "verify"])
def test_what_writes_to_the_volume_looks_at_its_own_place_alone(places, command):
    (places[1] / "hourly").mkdir(parents=True)
    code, result, _said = call(command)
    assert code == 5 and "No volume is mounted at %s" % places[0] in result["message"]


def test_a_claim_for_unpacking_is_no_volume(places):
    places[1].mkdir()
    (places[1] / "dumpall.sql").write_text("SELECT 1;")
    code, result, _said = call()
    assert code == 5 and "No volume is mounted at %s" % places[0] in result["message"]


def test_a_claim_at_the_place_of_the_old_recovery_means_recovering(places, monkeypatch):
    (places[1] / "hourly").mkdir(parents=True)
    seen = requests_of(monkeypatch)
    call()
    call(BACKUP_TYPE="hourly")
    (restoring, backing_up) = seen
    assert (restoring.root, restoring.wanted) == (str(places[1]), "latest")
    assert backing_up.root == str(places[0])
