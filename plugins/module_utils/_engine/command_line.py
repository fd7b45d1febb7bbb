# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own command line: ``backup``, ``list``, ``verify`` and ``recover``, without Ansible.

Sentences and progress go to standard error; standard output, unless it is a terminal, ends with one line
of JSON. The exit code is the error's own (see tools/errors.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Mapping, NoReturn, Sequence, TextIO

from .environment import default_command, options_from
from .legible import legible_values
from .names import DEFAULT_COUNT, TIERS
from .operations.context import Context
from .policy.moments import parse_duration
from .policy.selection import LATEST, NONE
from .postgres.connection import Connection
from .table import backup_table
from .tools.errors import EXIT_SUCCESS, EngineError, Interrupted, UsageError
from .tools.progress import StreamProgress
from .tools.signals import interruptible
from .tools.termination import write_termination_message
from .version import VERSION
from .volume.root import holds_tiers, is_mounted

# What one command alone needs is imported where it runs: a list is printed in half the time.
if TYPE_CHECKING:
    from datetime import timedelta

    from .operations.backup import BackupRequest
    from .operations.drill import DrillRequest
    from .operations.restore import RestoreRequest

COMMANDS = ("backup", "list", "verify", "recover", "drill")
_DEFAULT_ROOT = "/backup"
# Where bandr-ansible's recovery Jobs mount their only claim.
_RECOVERY_ROOT = "/recovery"
# These write nothing that matters to the volume.
_READERS = ("list", "recover")
_OF_ONE_TIER = ("count", "prior_tier", "prior_count", "promote")


def main(
    arguments: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    output: TextIO | None = None,
    messages: TextIO | None = None,
) -> int:
    """Run one command and return its exit code; never raises for what a user or a server does."""
    environment = os.environ if environment is None else environment
    output = output or sys.stdout
    messages = messages or sys.stderr
    # Called without arguments this is the whole process, of which nothing follows but the telling of the outcome.
    last = arguments is None
    progress = StreamProgress(messages)
    options: dict[str, Any] = {}
    result: dict[str, Any]
    try:
        with interruptible(ignored_after=last):
            options = _parse(list(sys.argv[1:] if arguments is None else arguments), environment)
            if options["root"] == _RECOVERY_ROOT:
                progress.say("The backups are read from %s." % _RECOVERY_ROOT)
            context = Context(client_folder=options.get("client_folder"), progress=progress)
            with ExitStack() as stack:
                stack.callback(context.runner.end_all)
                if _connects(options):
                    from .tools.passfile import private_passfile

                    options["passfile"] = stack.enter_context(private_passfile(options.get("passfile")))
                result = _run(context, options)
            code, word = EXIT_SUCCESS, "SUCCESS"
            if options["command"] == "list" or result.get("listed"):
                progress.say(backup_table(result["backups"], result["strays"]))
    except EngineError as error:
        code, word = error.code, "FAILURE"
        result = dict(error.details, failed=True, reason=error.reason, message=error.message)
    except Exception as error:  # a bug of ours: keep the traceback for the report, and the exit code honest
        import traceback

        traceback.print_exc(file=messages)
        code, word = EngineError.code, "FAILURE"
        result = {"failed": True, "reason": EngineError.reason, "message": "This is a defect of bandr.postgres: %s." % error}
    result = legible_values(dict(result, code=code))
    progress.say("%s %s" % (word, result["message"]))
    write_termination_message(environment, word, result)
    if not output.isatty():
        output.write(json.dumps(result, sort_keys=True) + "\n")
        output.flush()
    if code == EXIT_SUCCESS:
        _linger(options.get("linger_minutes", 0), last)
    return code


def _run(context: Context, options: dict[str, Any]) -> dict[str, Any]:
    command = options["command"]
    if command == "backup":
        from .operations.backup import run_backup

        return run_backup(context, _backup_request(options))
    if command == "verify":
        from .operations.verify import ALL, VerifyRequest, verify

        return verify(context, VerifyRequest(options["root"], options.get("wanted", ALL), dry_run=options["dry_run"]))
    age = options.get("maximum_age")
    maximum_age = None if age is None else parse_duration(age)
    wanted = options.get("wanted")
    if command == "drill":
        from .operations.drill import drill

        return drill(context, _drill_request(options, maximum_age))
    from .operations.listing import ListRequest, list_backups

    if command == "list":
        return list_backups(context, ListRequest(options["root"], wanted=wanted, maximum_age=maximum_age))
    if wanted is not None and wanted.strip().lower() == NONE:
        # With an age the predecessor's list is a watch: it fails when the latest backup is too old.
        watched = None if maximum_age is None else LATEST
        return dict(list_backups(context, ListRequest(options["root"], wanted=watched, maximum_age=maximum_age)), listed=True)
    from .operations.restore import restore

    return restore(context, _restore_request(options, maximum_age))


def _backup_request(options: dict[str, Any]) -> BackupRequest:
    from .operations.backup import BackupRequest
    from .operations.dump import DumpSettings
    from .policy.retention import TierPolicy
    from .postgres.dump_source import DumpOptions

    tier = options.get("tier", TIERS[0])
    policy = TierPolicy(
        tier=tier,
        count=options.get("count", DEFAULT_COUNT.get(tier, DEFAULT_COUNT[TIERS[0]])),
        prior_tier=options.get("prior_tier"),
        prior_count=options.get("prior_count"),
        promote=options.get("promote", "oldest"),
    )
    dump_options = DumpOptions(
        only_database=options.get("only_database"),
        exclude_databases=tuple(options.get("exclude_databases") or ()),
        role_passwords=not options.get("no_role_passwords", False),
        lock_wait_seconds=options["lock_wait_seconds"],
    )
    return BackupRequest(
        root=options["root"],
        policy=policy,
        dump=DumpSettings(_connection(options), dump_options, options["codec"], options.get("level"), options["jobs"]),
        wait_seconds=options["wait_seconds"],
        prove_promotion=not options.get("unproved_promotion", False),
        dry_run=options["dry_run"],
    )


def _restore_request(options: dict[str, Any], maximum_age: timedelta | None) -> RestoreRequest:
    from .operations.restore import RestoreRequest

    return RestoreRequest(
        root=options["root"],
        wanted=options.get("wanted", "latest"),
        connection=_connection(options),
        databases=tuple(options["databases"]) if options.get("databases") else None,
        replace=options.get("replace", False),
        replace_method=options["replace_method"],
        maximum_age=maximum_age,
        expected_databases=tuple(options["expected_databases"]) if options.get("expected_databases") else None,
        expected_count=options.get("expected_count"),
        keep_going=options.get("keep_going", False),
        analyze=not options.get("no_analyze", False),
        jobs=options["jobs"],
        dry_run=options["dry_run"],
    )


def _drill_request(options: dict[str, Any], maximum_age: timedelta | None) -> DrillRequest:
    from .operations.drill import DrillRequest
    from .policy.drill import parse_size

    settings = {}
    for setting in options.get("server_settings") or ():
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise UsageError("--server-setting is %r, but must be NAME=VALUE. Nothing was changed." % setting)
        settings[name] = value
    size = options.get("scratch_size")
    return DrillRequest(
        root=options["root"],
        wanted=options.get("wanted", LATEST),
        maximum_age=maximum_age,
        scratch=options.get("scratch"),
        scratch_size=None if size is None else parse_size(size),
        server_settings=settings,
        compare=not options.get("no_compare", False),
        dry_run=options["dry_run"],
    )


def _connection(options: dict[str, Any]) -> Connection:
    return Connection(
        host=options.get("host"),
        port=options.get("port"),
        user=options.get("user"),
        password=options.get("password"),
        passfile=options.get("passfile"),
        sslmode=options.get("sslmode"),
        sslrootcert=options.get("sslrootcert"),
        maintenance_database=options["maintenance_database"],
    )


def _connects(options: dict[str, Any]) -> bool:
    """Whether a server is asked, so that whatever leads to it must be in order."""
    return options["command"] == "recover" or (options["command"] == "backup" and options.get("tier", TIERS[0]) == TIERS[0])


def _linger(minutes: int, last: bool) -> None:
    """Stay alive for people who want to look around; being asked to end is no failure then."""
    try:
        with interruptible(ignored_before=last, ignored_after=last):
            time.sleep(60 * minutes)
    except Interrupted:
        pass


class _Parser(argparse.ArgumentParser):
    """Turns wrong use into a sentence and an exit code like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError("The command line cannot be understood: %s. Nothing was changed; see --help." % message)


def _parse(arguments: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-h", "--help", "--version")):
        arguments = [default_command(environment, os.path.isdir(_RECOVERY_ROOT))] + arguments
    # argparse only sets what was given (SUPPRESS), so that what is on the command line wins over the environment.
    given = vars(_parser().parse_args(arguments))
    options = options_from(environment, given["command"])
    if given.get("tier") not in (None, options.get("tier", TIERS[0])):
        # What the environment counts is another tier: its count would prune this one.
        for name in _OF_ONE_TIER:
            options.pop(name, None)
    if given.get("passfile") is not None:
        # libpq would prefer any password of the environment to the file that was given.
        options["password"] = ""
    options["root"] = _usual_root(given["command"])
    options.update(given)
    return options


def _usual_root(command: str) -> str:
    """``/backup``, or the place of the predecessor's recovery Jobs where the tiers are mounted there and nothing at ``/backup``."""
    if command in _READERS and not is_mounted(_DEFAULT_ROOT) and holds_tiers(_RECOVERY_ROOT):
        return _RECOVERY_ROOT
    return _DEFAULT_ROOT


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="bandr", description="Back up PostgreSQL servers and restore them.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser, metavar="COMMAND")
    backup = _command(commands, "backup", "make a backup (hourly) or promote one (other tiers), then prune the tier")
    backup.add_argument("--tier", choices=TIERS, help="the tier to work on (default: hourly)")
    backup.add_argument("--count", type=int, help="proven backups to keep in this tier")
    backup.add_argument("--prior-tier", choices=TIERS, help="the tier to promote from")
    backup.add_argument("--prior-count", type=int, help="proven backups the prior tier must hold before one is promoted")
    backup.add_argument("--promote", choices=("oldest", "newest"), help="which backup of the prior tier (default: oldest)")
    backup.add_argument("--unproved-promotion", action="store_true", help="promote without reading the backup to its end")
    backup.add_argument("--only-database", metavar="NAME", help="dump this database alone, with the server's roles")
    backup.add_argument(
        "--exclude-database", dest="exclude_databases", action="append", metavar="NAME", help="leave this one out; may be repeated"
    )
    backup.add_argument("--no-role-passwords", action="store_true", help="for users without superuser rights")
    backup.add_argument("--lock-wait-seconds", type=int, default=300, help="how long to wait for a locked table (default: %(default)s)")
    backup.add_argument("--jobs", type=int, default=1, help="databases to dump at a time (default: %(default)s)")
    backup.add_argument("--wait-seconds", type=float, default=0.0, help="how long to wait for another run")
    backup.add_argument(
        "--codec", choices=("auto", "zstd", "gzip"), default="auto", help="how to compress (default: zstd where it is installed)"
    )
    backup.add_argument("--level", type=int, help="compression level")
    _add_connection(backup)
    listing = _command(commands, "list", "list the backups, and what --from would select")
    verify_command = _command(commands, "verify", "read backups to their ends and remember the proof")
    recover = _command(commands, "recover", "prove a backup, then restore it")
    drill_command = _command(commands, "drill", "restore a backup into a throw-away server, and compare what comes out")
    for command in (listing, verify_command, recover, drill_command):
        command.add_argument("--from", dest="wanted", metavar="BACKUP", help="latest, none, a time, or a file name")
    for command in (listing, recover, drill_command):
        command.add_argument("--maximum-age", metavar="DURATION", help="refuse a latest backup older than this, such as 36h")
    recover.add_argument("--database", dest="databases", action="append", metavar="NAME", help="restore only this one; may be repeated")
    recover.add_argument("--replace", action="store_true", help="replace databases that exist")
    recover.add_argument(
        "--replace-method", choices=("swap", "drop"), default="swap", help="keep the old one until the new one is whole, or drop it first"
    )
    recover.add_argument(
        "--expected-database", dest="expected_databases", action="append", metavar="NAME", help="must be there afterwards; may be repeated"
    )
    recover.add_argument(
        "--expected-count", type=int, metavar="N", help="databases there must be afterwards, with postgres and the templates"
    )
    recover.add_argument("--keep-going", action="store_true", help="go on after errors; the result is never called a success")
    recover.add_argument("--jobs", type=int, default=1, help="databases to restore at a time (default: %(default)s)")
    recover.add_argument("--no-analyze", action="store_true", help="leave the planner's statistics to autovacuum")
    _add_connection(recover)
    _add_drill(drill_command)
    return parser


def _command(commands: Any, name: str, summary: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=summary, description=summary, argument_default=argparse.SUPPRESS, allow_abbrev=False)
    command.add_argument("--root", help="where the volume is (default: %s)" % _DEFAULT_ROOT)
    command.add_argument("--dry-run", action="store_true", default=False, help="plan, check and change nothing")
    return command


def _add_drill(command: argparse.ArgumentParser) -> None:
    command.add_argument("--scratch", metavar="FOLDER", help="where the throw-away server gets a folder (default: that of temporary files)")
    command.add_argument(
        "--scratch-size", metavar="SIZE", help="how much may be used there, such as 20Gi, where the file system does not tell"
    )
    command.add_argument(
        "--server-setting",
        dest="server_settings",
        action="append",
        metavar="NAME=VALUE",
        help="a setting that the throw-away server needs, such as shared_preload_libraries; may be repeated",
    )
    command.add_argument("--no-compare", action="store_true", help="restore, and do not dump again")
    _add_client_folder(command)


def _add_connection(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", help="the server's name, address, or folder of its socket; libpq's PGHOST as well")
    command.add_argument("--port", type=int, help="the server's port; PGPORT as well")
    command.add_argument("--user", help="a superuser of the server (default: PGUSER, or postgres)")
    command.add_argument("--passfile", help="a libpq password file, which counts more than PGPASSWORD")
    command.add_argument("--sslmode", help="how to protect the connection, as libpq understands it")
    command.add_argument("--sslrootcert", help="a file with the authorities that may vouch for the server")
    command.add_argument(
        "--maintenance-database", default="postgres", help="where to connect to for the whole server (default: %(default)s)"
    )
    _add_client_folder(command)


def _add_client_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("--client-folder", help="where PostgreSQL's programs are, when not on PATH")
