# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module does around its one call of the engine."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Callable, Iterable

from ._engine.legible import legible_values
from ._engine.names import DEFAULT_COUNT
from ._engine.operations.backup import BackupRequest
from ._engine.operations.context import Context
from ._engine.operations.drill import DrillRequest
from ._engine.operations.dump import DumpSettings
from ._engine.operations.restore import RestoreRequest
from ._engine.operations.restore_run import SKIPPED
from ._engine.policy.drill import parse_size
from ._engine.policy.moments import parse_duration
from ._engine.policy.retention import TierPolicy
from ._engine.postgres.connection import Connection
from ._engine.postgres.dump_source import DumpOptions
from ._engine.tools.errors import EngineError
from ._engine.tools.passfile import private_passfile
from ._engine.tools.signals import interruptible

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def run_operation(module: AnsibleModule, operation: Callable[[Context], dict[str, Any]]) -> None:
    """Exit the module with what ``operation`` returns, or with the engine's sentence, exit code and reason."""
    try:
        with interruptible(), ExitStack() as stack:
            if module.params.get("passfile") is not None:
                module.params["passfile"] = stack.enter_context(private_passfile(module.params["passfile"]))
            context = Context(client_folder=module.params.get("client_folder"))
            stack.callback(context.runner.end_all)
            # Ansible takes nothing that is no text.
            result = legible_values(operation(context))
    except EngineError as error:
        result = legible_values(_failure(error))
        _warn(module, result.pop("warnings", ()))
        module.fail_json(**result)
    _warn(module, result.pop("warnings", ()))
    module.exit_json(msg=result.pop("message"), **result)


def connection_of(params: dict[str, Any]) -> Connection:
    """The connection that a module's parameters describe."""
    # Were it there, libpq would prefer a password of the environment to the file that was given.
    no_other = "" if params["passfile"] is not None else None
    return Connection(
        host=params["host"],
        port=params["port"],
        user=params["user"],
        password=params["password"] if params["password"] is not None else no_other,
        passfile=params["passfile"],
        sslmode=params["sslmode"],
        sslrootcert=params["sslrootcert"],
        maintenance_database=params["maintenance_database"],
    )


def backup_request_of(params: dict[str, Any], dry_run: bool) -> BackupRequest:
    """The run that the parameters of ``pg_backup`` describe."""
    options = DumpOptions(
        only_database=params["database"],
        exclude_databases=tuple(params["exclude_databases"]),
        role_passwords=params["role_passwords"],
        lock_wait_seconds=params["lock_wait_seconds"],
    )
    tier = params["tier"]
    return BackupRequest(
        root=params["root"],
        policy=TierPolicy(
            tier=tier,
            count=DEFAULT_COUNT[tier] if params["count"] is None else params["count"],
            prior_tier=params["prior_tier"],
            prior_count=params["prior_count"],
            promote=params["promote"],
        ),
        dump=DumpSettings(connection_of(params), options, params["codec"], params["level"], params["jobs"]),
        wait_seconds=params["wait_seconds"],
        prove_promotion=params["prove_promotion"],
        dry_run=dry_run,
    )


def restore_request_of(params: dict[str, Any], dry_run: bool) -> RestoreRequest:
    """The restore that the parameters of ``pg_restore`` describe; raises UsageError for a duration that cannot be read."""
    return RestoreRequest(
        root=params["root"],
        wanted=params["from_backup"],
        connection=connection_of(params),
        databases=None if params["databases"] is None else tuple(params["databases"]),
        replace=params["replace"],
        replace_method=params["replace_method"],
        maximum_age=duration_of(params["maximum_age"]),
        expected_databases=None if params["expected_databases"] is None else tuple(params["expected_databases"]),
        expected_count=params["expected_count"],
        keep_going=params["keep_going"],
        analyze=params["analyze"],
        jobs=params["jobs"],
        dry_run=dry_run,
    )


def drill_request_of(params: dict[str, Any], dry_run: bool) -> DrillRequest:
    """The drill that the parameters of ``pg_backup_drill`` describe; raises UsageError for a duration or size that cannot be read."""
    return DrillRequest(
        root=params["root"],
        wanted=params["from_backup"],
        maximum_age=duration_of(params["maximum_age"]),
        scratch=params["scratch"],
        scratch_size=None if params["scratch_size"] is None else parse_size(params["scratch_size"]),
        server_settings={name: str(value) for name, value in params["server_settings"].items()},
        compare=params["compare"],
        dry_run=dry_run,
    )


def tier_diff(result: dict[str, Any]) -> dict[str, str]:
    """The backups of a tier before and after a run, as ``pg_backup`` reports it."""
    here = [entry for entry in result["plan"] if entry["action"] != "promote"]
    backup = result["backup"]
    made = "%s\n" % backup["name"] if backup is not None else "(a backup that is yet to be made)\n"
    before = [
        "%s\n" % entry["name"] for entry in here if backup is None or entry["name"] != backup["name"] or result["method"] == "present"
    ]
    after = ["%s\n" % entry["name"] for entry in here if entry["action"] != "remove" and "%s\n" % entry["name"] != made]
    if result["method"] is not None:
        after.append(made)
    header = "backups in %s" % result["tier"]
    return {"before_header": header, "after_header": header, "before": "".join(before), "after": "".join(after)}


def server_diff(result: dict[str, Any]) -> dict[str, str]:
    """The databases of the server before and after a restore, as ``pg_restore`` reports it."""
    before = {name: name for name in result["databases_before"]}
    after = dict(before)
    for entry in result["databases"]:
        if entry["state"] != SKIPPED:
            after[entry["name"]] = "%s as of %s" % (entry["name"], result["backup"]["name"])
    header = "databases of the server"
    return {"before_header": header, "after_header": header, "before": _lines(before), "after": _lines(after)}


def duration_of(text: str | None) -> timedelta | None:
    """A duration parameter as a time span; raises UsageError where it cannot be read."""
    return None if text is None else parse_duration(text)


def _warn(module: AnsibleModule, warnings: Iterable[str]) -> None:
    for warning in warnings:
        module.warn(warning)


def _lines(words: dict[str, str]) -> str:
    return "".join("%s\n" % words[name] for name in sorted(words))


def _failure(error: EngineError) -> dict[str, Any]:
    """What a failed module returns: all that was done until then where something was, else the facts about the failure."""
    told: dict[str, Any] = {"msg": error.message, "code": error.code, "reason": error.reason}
    if "changed" in error.details:
        return {**{name: value for name, value in error.details.items() if name not in ("message", "failed")}, **told}
    return {**told, "details": error.details} if error.details else told
