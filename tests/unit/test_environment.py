# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The predecessor's variables, and what is said on the command line in their presence."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine import environment as environment_module
from ansible_collections.bandr.postgres.plugins.module_utils._engine.command_line import main
from ansible_collections.bandr.postgres.plugins.module_utils._engine.environment import IGNORED, default_command, options_from
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.passfile import private_passfile
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.volumes.samples import hours, lay_down, sample_manifest


def planned_removals(root: Path, environment: dict[str, str], *arguments: str) -> int:
    """How many backups a run in this environment would remove."""
    output = io.StringIO()
    code = main(["backup", "--root", str(root), "--dry-run", *arguments], environment, output, io.StringIO())
    result = json.loads(output.getvalue())
    assert code == 0, result
    return sum(entry["action"] == "remove" for entry in result["plan"])


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume with ten weekly and ten older monthly backups."""
    opened = open_volume(str(tmp_path))
    for number in range(10):
        lay_down(opened, "monthly", sample_manifest(hours(number), 1 + number))
        lay_down(opened, "weekly", sample_manifest(hours(100 + number), 101 + number))
    return tmp_path


def test_a_count_in_the_environment_holds_for_the_tier_of_the_environment(volume: Path) -> None:
    environment = {"BACKUP_TYPE": "monthly", "BACKUP_COUNT": "4", "BACKUP_PRIOR_TYPE": "weekly", "BACKUP_PRIOR_COUNT": "4"}
    assert planned_removals(volume, environment) == 7
    assert planned_removals(volume, environment, "--tier", "monthly") == 7


@pytest.mark.parametrize("environment", [{"BACKUP_TYPE": "hourly", "BACKUP_COUNT": "4"}, {"BACKUP_COUNT": "4"}])
def test_a_count_for_another_tier_than_the_one_on_the_command_line_removes_nothing_there(volume: Path, environment: dict[str, str]) -> None:
    assert planned_removals(volume, environment, "--tier", "monthly") == 0


def test_a_count_on_the_command_line_wins(volume: Path) -> None:
    environment = {"BACKUP_TYPE": "hourly", "BACKUP_COUNT": "4"}
    assert planned_removals(volume, environment, "--tier", "monthly", "--count", "8") == 3


# The environments that the predecessor's own manifests set, as bandr-ansible renders them.
SERVER = {"PGHOST": "database", "PGUSER": "postgres", "PGADMINPASS": "its-password"}
MANIFESTS = {
    "hourly": {"BACKUP_TYPE": "hourly", "BACKUP_COUNT": "6", **SERVER},
    "daily": {"BACKUP_TYPE": "daily", "BACKUP_COUNT": "6", "BACKUP_PRIOR_TYPE": "hourly", "BACKUP_PRIOR_COUNT": "6"},
    "weekly": {"BACKUP_TYPE": "weekly", "BACKUP_COUNT": "3", "BACKUP_PRIOR_TYPE": "daily", "BACKUP_PRIOR_COUNT": "6"},
    "monthly": {"BACKUP_TYPE": "monthly", "BACKUP_COUNT": "23", "BACKUP_PRIOR_TYPE": "weekly", "BACKUP_PRIOR_COUNT": "3"},
    "once": {"BACKUP_TYPE": "hourly", "BACKUP_COUNT": "2", **SERVER},
    "recovery": {"FROM_BACKUP": "latest", **SERVER},
    "recovery with everything": {
        "FROM_BACKUP": "latest",
        **SERVER,
        "DO_NOT_STOP_ON_ERROR": "1",
        "DATABASE": "docs",
        "DATABASE_EXPECTED_COUNT": "4",
        "LATEST_BACKUP_MAXIMUM_AGE_H": "12",
    },
}
MEANT = {
    "hourly": ("backup", {"tier": "hourly", "count": 6, "password": "its-password"}),
    "daily": ("backup", {"tier": "daily", "count": 6, "prior_tier": "hourly", "prior_count": 6}),
    "weekly": ("backup", {"tier": "weekly", "count": 3, "prior_tier": "daily", "prior_count": 6}),
    "monthly": ("backup", {"tier": "monthly", "count": 23, "prior_tier": "weekly", "prior_count": 3}),
    "once": ("backup", {"tier": "hourly", "count": 2, "password": "its-password"}),
    "recovery": ("recover", {"wanted": "latest", "password": "its-password"}),
    "recovery with everything": (
        "recover",
        {
            "wanted": "latest",
            "password": "its-password",
            "keep_going": True,
            "databases": ["docs"],
            "expected_count": 4,
            "maximum_age": "12h",
        },
    ),
}


def understood(environment: Mapping[str, str], command: str | None = None) -> tuple[str, dict[str, Any]]:
    """The command that runs without one, and the options it gets."""
    command = command or default_command(environment)
    return command, options_from({"HOME": "/nowhere", **environment}, command)


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_predecessors_manifests_mean_what_they_meant(name: str) -> None:
    assert understood(MANIFESTS[name]) == MEANT[name]


@pytest.mark.parametrize(
    ("environment", "command", "options"),
    [
        ({}, "backup", {}),
        ({"BACKUP_TYPE": "hourly"}, "backup", {"tier": "hourly", "count": 24}),
        ({"BACKUP_TYPE": "HOURLY", "BACKUP_PRIOR_COUNT": "7"}, "backup", {"tier": "hourly", "count": 24}),
        ({"BACKUP_TYPE": "daily"}, "backup", {"tier": "daily", "count": 24, "prior_tier": "hourly", "prior_count": 24}),
        ({"BACKUP_TYPE": "weekly"}, "backup", {"tier": "weekly", "count": 24, "prior_tier": "hourly", "prior_count": 24}),
        ({"BACKUP_PROMOTE": " Newest"}, "backup", {"promote": "newest"}),
        ({"BACKUP_PROMOTE": ""}, "backup", {}),
        ({"BACKUP_PRE_EXIT_SLEEP_M": "0"}, "backup", {"linger_minutes": 0}),
        ({"BACKUP_PRE_EXIT_SLEEP_M": "30"}, "backup", {"linger_minutes": 30}),
        ({"DATABASE": "docs"}, "backup", {"only_database": "docs"}),
        ({"DATABASE": ""}, "backup", {}),
        ({"PGADMINPASS": "-"}, "backup", {}),
        ({"PGADMINPASS": ""}, "backup", {}),
        ({"PGADMINPASS": "old", "PGPASSWORD": "libpq's"}, "backup", {}),
        ({"PGADMINPASS": "old", "PGPASSFILE": "/secret/pgpass"}, "backup", {"passfile": "/secret/pgpass"}),
        ({"PGADMINPASS": "old", "PGPASSFILE": "${HOME}/.pgpass"}, "backup", {"password": "old"}),
        ({"PGADMINPASS": "old", "PGPASSFILE": "/nowhere/.pgpass"}, "backup", {"password": "old"}),
        ({"PGPASSFILE": ""}, "backup", {}),
        ({"FROM_BACKUP": "NONE"}, "recover", {"wanted": "NONE"}),
        ({"FROM_BACKUP": "LATEST", "BACKUP_TYPE": "hourly", "BACKUP_COUNT": "many"}, "recover", {"wanted": "LATEST"}),
        ({"DATABASE_EXPECTED_COUNT": "4"}, "recover", {"expected_count": 4}),
        ({"DATABASE_EXPECTED_COUNT": ""}, "recover", {}),
        ({"LATEST_BACKUP_MAXIMUM_AGE_H": "0"}, "recover", {}),
        ({"LATEST_BACKUP_MAXIMUM_AGE_H": "36"}, "recover", {"maximum_age": "36h"}),
        ({"LATEST_BACKUP_MAXIMUM_AGE_H": "36", "BACKUP_TYPE": "hourly"}, "backup", {"tier": "hourly", "count": 24}),
        ({"DO_NOT_STOP_ON_ERROR": "no"}, "recover", {"keep_going": True}),
        ({"DO_NOT_STOP_ON_ERROR": ""}, "recover", {}),
    ],
)
def test_every_variable_has_its_meaning_and_default(environment: dict[str, str], command: str, options: dict[str, Any]) -> None:
    assert understood(environment) == (command, options)


def test_a_tier_keeps_24_and_waits_for_24_unless_told_otherwise(tmp_path: Path) -> None:
    opened = open_volume(str(tmp_path))
    for number in range(30):
        lay_down(opened, "daily", sample_manifest(hours(number), 1 + number))
    lay_down(opened, "hourly", sample_manifest(hours(31), 31))
    assert planned_removals(tmp_path, {"BACKUP_TYPE": "daily"}) == 0
    assert planned_removals(tmp_path, {"BACKUP_TYPE": "daily", "BACKUP_PRIOR_COUNT": "1"}) == 30 + 1 - 24


@pytest.mark.parametrize("name", ["BACKUP_COUNT", "BACKUP_PRIOR_COUNT", "BACKUP_PRE_EXIT_SLEEP_M"])
@pytest.mark.parametrize("value", ["many", "-1", "1.5", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_a_number_that_is_none_is_a_sentence_that_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(UsageError, match="The variable %s is .* must be a whole number. Nothing was changed" % name):
        understood({"BACKUP_TYPE": "daily", name: value})


@pytest.mark.parametrize("name", ["LATEST_BACKUP_MAXIMUM_AGE_H", "DATABASE_EXPECTED_COUNT"])
def test_a_number_of_the_recovery_that_is_none_is_a_sentence_as_well(name: str) -> None:
    with pytest.raises(UsageError, match="The variable %s is 'many'" % name):
        understood({"FROM_BACKUP": "LATEST", name: "many"})


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_no_backup_is_guessed_where_the_variable_is_empty(value: str) -> None:
    with pytest.raises(UsageError, match=r"The variable FROM_BACKUP is empty\. Nothing was changed; set it to latest"):
        understood({"FROM_BACKUP": value})


BUCKET = ("BACKUP_VOLUME_IS_S3", "BACKUP_VOLUME_S3_URL", "BACKUP_VOLUME_S3_REQUEST_STYLE", "AWS_BUCKET_NAME", "USE_RCLONE")


@pytest.mark.parametrize("name", BUCKET)
@pytest.mark.parametrize("command", ["backup", "recover", "list", "verify"])
def test_a_bucket_is_answered_with_what_to_do_instead(name: str, command: str) -> None:
    with pytest.raises(UsageError, match="%s is set, but a bucket is no longer mounted.*mount a volume at /backup" % name):
        understood({name: "yes"}, command)


def test_rsync_is_answered_where_it_would_have_run_and_nowhere_else() -> None:
    environment = {"RSYNC_HOST": "mirror", "RSYNC_USER": "user", "RSYNC_PASS": "hush", "RSYNC_PATH": "/there"}
    for backing_up in ({}, {"BACKUP_TYPE": "hourly"}):
        with pytest.raises(UsageError, match=r"RSYNC_HOST is set, but the copy by rsync is gone.*a tool of your own"):
            understood({**environment, **backing_up})
    assert understood({**environment, "BACKUP_TYPE": "daily"})[1]["tier"] == "daily"
    assert understood({**environment, "FROM_BACKUP": "LATEST"}) == ("recover", {"wanted": "LATEST"})


def test_companions_of_what_is_gone_say_nothing_by_themselves() -> None:
    assert understood(dict.fromkeys(IGNORED, "something")) == ("backup", {})


def test_help_is_given_whatever_the_environment_holds(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"], {"BACKUP_COUNT": "many", "RSYNC_HOST": "mirror"}, io.StringIO(), io.StringIO())
    assert caught.value.code == 0 and "recover" in capsys.readouterr().out


# Password files


def test_a_password_file_in_its_usual_place_is_found(tmp_path: Path) -> None:
    (tmp_path / ".pgpass").write_text("*:*:*:*:secret\n")
    usual = {"passfile": str(tmp_path / ".pgpass")}
    assert options_from({"HOME": str(tmp_path)}, "backup") == usual
    assert options_from({"HOME": str(tmp_path), "PGPASSFILE": "$HOME/.pgpass"}, "recover") == usual
    assert options_from({"HOME": str(tmp_path), "PGADMINPASS": "given"}, "recover") == {"password": "given"}
    assert options_from({"HOME": str(tmp_path), "PGPASSWORD": "given"}, "backup") == {}
    assert options_from({"HOME": str(tmp_path)}, "list") == {}


def test_a_password_file_where_the_predecessor_had_its_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_module, "_OLD_HOME", str(tmp_path))
    (tmp_path / ".pgpass").write_text("*:*:*:*:secret\n")
    assert options_from({"HOME": "/tmp/nowhere"}, "backup") == {"passfile": str(tmp_path / ".pgpass")}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o444, 0o660])
def test_a_password_file_that_is_mounted_from_a_secret_gets_a_private_copy(tmp_path: Path, mode: int) -> None:
    # A Secret is mounted as a link to a link to a file that its group can read.
    (tmp_path / "..data").mkdir()
    stored = tmp_path / "..data" / ".pgpass"
    stored.write_text("*:*:*:*:secret\n")
    stored.chmod(mode)
    mounted = tmp_path / ".pgpass"
    mounted.symlink_to(stored)
    with private_passfile(options_from({"HOME": str(tmp_path)}, "backup")["passfile"]) as used:
        assert used is not None and used != str(mounted)
        assert stat.S_IMODE(os.stat(used).st_mode) == 0o600
        assert Path(used).read_text() == "*:*:*:*:secret\n"
    assert not os.path.exists(used)


# The list


def test_a_list_with_a_maximum_age_is_a_watch(tmp_path: Path) -> None:
    lay_down(open_volume(str(tmp_path)), "hourly", sample_manifest(hours(0)))
    environment = {"FROM_BACKUP": "NONE", "LATEST_BACKUP_MAXIMUM_AGE_H": "1"}
    output = io.StringIO()
    assert main(["--root", str(tmp_path)], environment, output, io.StringIO()) == 7
    assert "1 h" in json.loads(output.getvalue())["message"]
    assert main(["--root", str(tmp_path)], {"FROM_BACKUP": "NONE"}, io.StringIO(), io.StringIO()) == 0


# The page


class Asked(dict):
    """An environment that remembers which variables it was asked for."""

    def __init__(self, **values: str) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def test_every_variable_is_on_the_page_for_those_who_move() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "predecessor.md").read_text(encoding="utf-8")
    read: set[str] = set()
    for manifest in ({}, *MANIFESTS.values()):
        for command in ("backup", "list", "verify", "recover"):
            asked = Asked(**manifest)
            default_command(asked)
            options_from(asked, command)
            read |= asked.names
    assert {*BUCKET, "RSYNC_HOST", "BACKUP_PRIOR_COUNT", "DO_NOT_STOP_ON_ERROR", "PGPASSFILE"} <= read
    known = {*read, *IGNORED, *(name for manifest in MANIFESTS.values() for name in manifest), "PGPORT"} - {"HOME"}
    assert {name for name in known if "`%s`" % name not in page} == set()
