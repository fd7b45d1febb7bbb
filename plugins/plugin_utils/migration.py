# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of bandr-ansible stand for in an inventory of this collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .tiers import DEFAULTS, TIERS, TierValues

# What an operator was to replace, and so what is not set.
_NOT_SET = ("", "SetMe", "None")
_OLD_HOURLY: TierValues = {"schedule": "14 * * * *", "count": 24}
_OLD_SECRET_KEY = "root_password"  # noqa: S105 (the name of a key)

_NO_BUCKET = (
    "a bucket is no longer mounted. Copy its backups to the volume claim once, and the volume to the bucket with a tool of your own."
)
# Variables without an heir, and what to know about that.
_WITHOUT_HEIR = {
    "backup_image_tag": "the image is built from the collection. Set pg_backup_image_repository to where it may be pushed.",
    "recovery_sa": "a restore uses the service account of the backups.",
    "recovery_from": "it is said when a restore is wanted: -e from_backup=latest.",
    "recovery_volume_pvc": "nothing is unpacked to a disk any more. That claim can go once nothing else uses it.",
    "recovery_volume_size_g": "nothing is unpacked to a disk any more.",
    "recovery_volume_storageclass": "nothing is unpacked to a disk any more.",
    "recovery_volume_is_s3": _NO_BUCKET,
    "recovery_s3_bucket": _NO_BUCKET,
    "recovery_s3_access_key_id": _NO_BUCKET,
    "recovery_s3_secret_access_key": _NO_BUCKET,
    "recovery_s3_default_region": _NO_BUCKET,
    "recovery_use_rclone_bucket_and_path": _NO_BUCKET,
    "recovery_rclone_s3_endpoint": _NO_BUCKET,
    "recovery_rclone_s3_provider": _NO_BUCKET,
    "recovery_image_registry": "backups and restores use one image.",
    "recovery_image": "backups and restores use one image.",
    "recovery_image_tag": "backups and restores use one image.",
    "recovery_cpu_request": "all pods have the same pg_backup_resources.",
    "recovery_cpu_limit": "all pods have the same pg_backup_resources.",
    "recovery_mem_request": "all pods have the same pg_backup_resources.",
    "recovery_mem_limit": "all pods have the same pg_backup_resources.",
    "backup_job_timeout_minutes": "pg_backup_tiers has deadline_seconds, which follow from the schedules.",
    "backup_control_needs_kubernetes": "what Ansible needs is installed by you.",
    "wait_timeout": "pg_recovery_timeout is what a restore may take.",
    "wait_for_bind": "the cluster says when it binds a claim.",
    "bind_timeout": "the cluster says when it binds a claim.",
    "bandr_debug": "logs say what happened.",
}


class MigrationError(ValueError):
    """Parameters that cannot be migrated; the message is a sentence that names the variable."""


@dataclass
class Migration:
    """Variables of the host, its secrets, which belong into a vault, and sentences for the operator."""

    variables: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def migrate(parameters: Mapping) -> Migration:
    """Translate the variables of a parameter file of bandr-ansible; raises MigrationError."""
    given = _Given(parameters)
    migration = Migration()
    _server(given, migration)
    _volume(given, migration)
    _tiers(given, migration)
    _pods(given, migration)
    _recovery(given, migration)
    _without_heir(given, migration)
    return migration


class _Given:
    """The parameters that are set, and which of them were asked for."""

    def __init__(self, parameters: Mapping) -> None:
        self._values = {str(name): value for name, value in parameters.items() if str(value).strip() not in _NOT_SET}
        self._left = set(self._values)

    def text(self, name: str) -> str:
        """The value as text, or nothing."""
        self._left.discard(name)
        return str(self._values.get(name, "")).strip()

    def number(self, name: str, default: int = 0) -> int:
        """The value as a whole number; raises MigrationError."""
        text = self.text(name)
        if text and not (text.isascii() and text.isdigit()):
            raise MigrationError("%s is %r, but must be a whole number." % (name, self._values[name]))
        return int(text) if text else default

    def flag(self, name: str) -> bool:
        """Whether the value is one of Ansible's words for yes."""
        return self.text(name).lower() in ("true", "yes", "on", "1", "y", "t")

    def rest(self) -> list[str]:
        """Names that nobody asked for."""
        return sorted(self._left)


def _server(given: _Given, migration: Migration) -> None:
    variables = migration.variables
    namespace = given.text("backup_namespace") or given.text("recovery_namespace")
    # The template of a recovery's parameters has names that its role does not read; who filled it in meant something.
    host = given.text("backup_database_host") or given.text("recovery_host") or given.text("recovery_database_host")
    for name, value in (("backup_namespace", namespace), ("backup_database_host", host)):
        if not value:
            raise MigrationError("%s is not set: this is no parameter file of bandr-ansible, or one that was never filled in." % name)
    variables["pg_backup_namespace"] = namespace
    variables["pg_backup_host"] = host
    user = given.text("backup_database_user") or given.text("recovery_database_user")
    if user:
        variables["pg_backup_user"] = user
    password = given.text("backup_database_user_password") or given.text("recovery_database_user_password")
    if password:
        migration.secrets["pg_backup_password"] = password
        migration.notes.append("The password becomes a Secret. Encrypt the file that holds it: ansible-vault encrypt.")
        if "{{" in password or "{%" in password:
            migration.notes.append("The password looks like a template: write !unsafe before it in the file that holds it.")
    elif given.text("recovery_database_secret"):
        variables["pg_backup_secret"] = _secret(given)
    else:
        migration.notes.append("There is no password: set pg_backup_password (from a vault), or pg_backup_secret to a Secret that exists.")


def _secret(given: _Given) -> dict:
    key = given.text("recovery_database_secret_admin_user_password_key") or _OLD_SECRET_KEY
    return {"name": given.text("recovery_database_secret"), "password_key": key}


def _volume(given: _Given, migration: Migration) -> None:
    variables = migration.variables
    claim = given.text("backup_volume_pvc") or given.text("recovery_volume_pvc_name")
    size = given.number("backup_volume_size_g")
    storage_class = given.text("backup_volume_storageclass")
    other = given.text("recovery_volume_pvc_name")
    if claim:
        variables["pg_backup_volume_claim"] = claim
        migration.notes.append("The volume claim %s is used as it is, with all backups on it. It must exist, and is never deleted." % claim)
        if other and other != claim:
            migration.notes.append("recovery_volume_pvc_name is %s: a restore reads the claim of the backups, %s." % (other, claim))
        return
    if size:
        variables["pg_backup_volume_size"] = "%dGi" % size
    if storage_class:
        variables["pg_backup_storage_class"] = storage_class


def _tiers(given: _Given, migration: Migration) -> None:
    once = given.text("backup_type") == "once"
    tiers: dict[str, TierValues] = {}
    for tier in TIERS:
        old: TierValues = _OLD_HOURLY if tier == "hourly" else {"schedule": "", "count": 0}
        name = "backup_cron_%s" % tier
        schedule = given.text(name + "_schedule") or old["schedule"]
        count = given.number(name + "_count", old["count"])
        if not schedule or (once and tier != "hourly"):
            continue
        if not count:
            count = DEFAULTS[tier]["count"]
            migration.notes.append("%s_count is 0, which deleted every backup of the tier; %d is taken." % (name, count))
        tiers[tier] = {"schedule": schedule, "count": count}
    if once:
        # So many its one-time Job kept.
        tiers["hourly"]["count"] = 2
        migration.variables["pg_backup_suspend"] = True
        migration.notes.append("backup_type is once: no schedule runs, and bandr.postgres.backup_now makes a backup.")
    migration.variables["pg_backup_tiers"] = tiers


def _pods(given: _Given, migration: Migration) -> None:
    variables = migration.variables
    if given.text("backup_namespace_sa"):
        variables["pg_backup_service_account"] = given.text("backup_namespace_sa")
        migration.notes.append("pg_backup_service_account need not be: without it one is made that has no rights at all.")
    label = given.text("backup_node_label")
    if label:
        term = {"weight": 1, "preference": {"matchExpressions": [{"key": label, "operator": "Exists"}]}}
        variables["pg_backup_affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}
    if given.text("backup_kubeconfig"):
        variables["pg_backup_kubeconfig"] = given.text("backup_kubeconfig")


def _recovery(given: _Given, migration: Migration) -> None:
    variables = migration.variables
    host, namespace = given.text("recovery_host"), given.text("recovery_namespace")
    if namespace and namespace != variables["pg_backup_namespace"]:
        if host and "." not in host:
            host = "%s.%s.svc" % (host, namespace)
        migration.notes.append(
            "A restore runs in %s, where the backups are, and reaches %s from there." % (variables["pg_backup_namespace"], host)
        )
    if host and host != variables["pg_backup_host"]:
        variables["pg_recovery_host"] = host
        if given.text("recovery_database_secret"):
            variables["pg_recovery_secret"] = _secret(given)
            migration.notes.append("The Secret %s is looked for in %s." % (_secret(given)["name"], variables["pg_backup_namespace"]))
        if given.text("recovery_database_admin_user"):
            variables["pg_recovery_user"] = given.text("recovery_database_admin_user")
    if given.text("recovery_database"):
        variables["pg_recovery_databases"] = [given.text("recovery_database")]
    if given.number("recovery_database_expected_count"):
        variables["pg_recovery_expected_count"] = given.text("recovery_database_expected_count")
    if given.number("recovery_latest_backup_maximum_age_h"):
        variables["pg_recovery_maximum_age"] = "%dh" % given.number("recovery_latest_backup_maximum_age_h")
    if given.flag("recovery_do_not_stop_on_error"):
        variables["pg_recovery_keep_going"] = True
    if given.number("recovery_wait_minutes"):
        variables["pg_recovery_timeout"] = 60 * given.number("recovery_wait_minutes")


def _without_heir(given: _Given, migration: Migration) -> None:
    # Asked for above only where something else was missing.
    for name in (
        "recovery_database_secret", "recovery_database_secret_admin_user_password_key", "recovery_database_admin_user",
        "recovery_database_host", "recovery_database_user", "recovery_database_user_password",
    ):  # fmt: skip
        given.text(name)
    for name in given.rest():
        if name in _WITHOUT_HEIR:
            migration.notes.append("%s has no heir: %s" % (name, _WITHOUT_HEIR[name]))
        else:
            migration.notes.append("%s is no variable of bandr-ansible, and was left out." % name)
