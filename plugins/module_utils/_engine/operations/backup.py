# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up: one tier's run, from the first look at the server to the last file pruned.

The hourly tier dumps; every other tier promotes from its prior tier. Either prunes only
after everything before went well.
"""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..backups import UNPROVEN, Backup
from ..manifest import Manifest
from ..names import SUFFIX_OF_CODEC, TIERS, DumpName
from ..policy.missed import told_by_backup
from ..policy.retention import Plan, TierPolicy, check_policy, plan
from ..tools.errors import BackupDamaged, UsageError, VolumeError
from ..volume.catalog import Catalog, read_catalog
from ..volume.lease import Lease, hold
from ..volume.pins import pinned
from ..volume.promotion import link_backup
from ..volume.removal import remove_backup
from ..volume.root import Volume, open_volume
from ..volume.sweep import sweep
from ..volume.work import new_work
from .context import Context
from .dump import DumpSettings, check_server, dump_server
from .listing import summarize
from .verify import prove_and_record

# The catalog is locked for moments only, or for as long as a copy takes on a volume that cannot link: a dump that is
# whole by then must not be lost for want of patience. A holder that has died is noticed much earlier.
_CATALOG_WAIT_SECONDS = 3600.0
_FIRST_TIER = TIERS[0]


@dataclass(frozen=True)
class BackupRequest:
    """One run of one tier.

    ``dump`` is needed by the hourly tier only. ``wait_seconds``: how long to wait for another run to end.
    ``prove_promotion``: read a backup to its end before it is promoted. ``dry_run``: plan and change nothing.
    """

    root: str
    policy: TierPolicy
    dump: DumpSettings | None = None
    wait_seconds: float = 0.0
    prove_promotion: bool = True
    dry_run: bool = False


def run_backup(context: Context, request: BackupRequest) -> dict[str, Any]:
    """Make or promote a backup, prune the tier, and say what was done and why.

    Raises UsageError, VolumeError, Busy, ConnectionFailed, DumpFailed, or BackupDamaged when a backup turned out
    to be damaged while it was read for promotion; nothing is pruned by a run that raises.
    """
    check_policy(request.policy)
    run = _Run(context, request, open_volume(request.root, writable=not request.dry_run))
    if request.policy.tier == _FIRST_TIER:
        return run.plan_dump() if request.dry_run else run.dump()
    return run.plan_promotion() if request.dry_run else run.promote()


class _Run:
    """The state of one run, gathered for its report."""

    def __init__(self, context: Context, request: BackupRequest, volume: Volume) -> None:
        self.context = context
        self.request = request
        self.policy = request.policy
        self.volume = volume
        self.begun = time.monotonic()
        self.swept: list[str] = []
        self.warnings: list[str] = []
        self.removed: list[str] = []

    def plan_dump(self) -> dict[str, Any]:
        """What :meth:`dump` would do; the server is looked at, too."""
        check_server(self.context, self._settings())
        the_plan = self._plan(read_catalog(self.volume), creating=True)
        return self._report(the_plan, None, "dump", changed=True, message="A backup would be made. %s" % _would_remove(the_plan))

    def plan_promotion(self) -> dict[str, Any]:
        """What :meth:`promote` would do."""
        the_plan = self._plan(read_catalog(self.volume))
        message = "%s %s" % (the_plan.message, _would_remove(the_plan))
        changed = the_plan.promote is not None or bool(the_plan.removals)
        return self._report(the_plan, the_plan.promote, "link" if the_plan.promote else None, changed, message)

    def dump(self) -> dict[str, Any]:
        """Dump, publish, prune."""
        settings = self._settings()
        # A dump that cannot be published would have been made for nothing.
        self.volume.check_tier(self.policy.tier)
        with hold(self.volume, "dump", self.request.wait_seconds, on_wait=self.context.progress.say) as lease:
            with self._catalog_lock():
                self.swept = sweep(self.volume)
            started = self._free_time()
            with new_work(self.volume) as work:
                try:
                    manifest = dump_server(self.context, settings, work.dump_path, started)
                except OSError as error:
                    raise _volume_error(error, self.request.root) from error
                lease.check()
                with self._catalog_lock():
                    catalog = read_catalog(self.volume)
                    manifest = replace(manifest, sequence=_next_sequence(catalog))
                    backup = work.publish(self.policy.tier, manifest)
            self.warnings.extend(manifest.warnings)
            self.warnings.extend(told_by_backup(backup, catalog.of_tier(self.policy.tier)))
            self._prove_unproven((self.policy.tier,))
            the_plan = self._prune(creating=backup)
        message = "Backup %s was made. %s" % (backup.name, self._removed_sentence())
        return self._report(the_plan, backup, "dump", True, message, manifest)

    def promote(self) -> dict[str, Any]:
        """Prove, promote, prune."""
        self._prove_unproven((self.policy.source or _FIRST_TIER, self.policy.tier))
        damaged: list[str] = []
        proven: set[str] = set()
        while True:
            source = self._plan(read_catalog(self.volume)).promote
            if source is not None and self.request.prove_promotion and source.path not in proven:
                try:
                    prove_and_record(self.context, self.volume, source)
                    proven.add(source.path)
                except BackupDamaged as error:
                    if error.message in damaged:
                        # It was found before and could not be recorded.
                        raise
                    damaged.append(error.message)
                except VolumeError:
                    # Another run may have pruned it since the plan was made.
                    if os.path.lexists(source.path):
                        raise
                continue
            with self._catalog_lock():
                the_plan = self._plan(read_catalog(self.volume))
                if the_plan.promote is not None and self.request.prove_promotion and the_plan.promote.path not in proven:
                    continue
                method = None
                if the_plan.promote is not None:
                    method = link_backup(self.volume, the_plan.promote, self.policy.tier)
                if damaged:
                    break
                self._remove(the_plan)
            message = "%s %s" % (_promoted_sentence(the_plan, self.policy.tier), self._removed_sentence())
            changed = method in ("link", "copy") or bool(self.removed)
            return self._report(the_plan, the_plan.promote, method, changed, message)
        raise BackupDamaged("%s %s Nothing was pruned." % (" ".join(damaged), _promoted_sentence(the_plan, self.policy.tier)))

    def _settings(self) -> DumpSettings:
        if self.request.dump is None:
            raise ValueError("the hourly tier needs to know what to dump")
        return self.request.dump

    def _catalog_lock(self) -> AbstractContextManager[Lease]:
        return hold(self.volume, "catalog", _CATALOG_WAIT_SECONDS, on_wait=self.context.progress.say)

    def _free_time(self) -> datetime:
        """The present second, or the first after it whose name no backup of the volume has."""
        while True:
            now = self.context.now().replace(microsecond=0)
            taken = {backup.file_name for backup in read_catalog(self.volume).backups}
            if not any(DumpName(now, codec).file_name in taken for codec in SUFFIX_OF_CODEC):
                return now
            time.sleep(0.1)

    def _prove_unproven(self, tiers: tuple[str, ...]) -> None:
        for backup in read_catalog(self.volume, tiers).backups:
            if backup.state == UNPROVEN:
                try:
                    prove_and_record(self.context, self.volume, backup)
                except (BackupDamaged, UsageError, VolumeError) as error:
                    # What cannot be read or written here must not spoil the backup of this run.
                    if os.path.lexists(backup.path):
                        self.warnings.append(error.message)

    def _plan(self, catalog: Catalog, creating: Backup | bool | None = None) -> Plan:
        prior = catalog.of_tier(self.policy.source) if self.policy.source else ()
        return plan(self.policy, catalog.of_tier(self.policy.tier), prior, pinned(self.volume), creating)

    def _prune(self, creating: Backup) -> Plan:
        with self._catalog_lock():
            the_plan = self._plan(read_catalog(self.volume), creating)
            self._remove(the_plan)
        return the_plan

    def _remove(self, the_plan: Plan) -> None:
        for backup in the_plan.removals:
            remove_backup(self.volume, backup)
            self.removed.append(backup.name)
            self.context.progress.say("Removed %s from %s." % (backup.name, backup.tier))

    def _removed_sentence(self) -> str:
        if not self.removed:
            return "None was removed from %s." % self.policy.tier
        return "%d of %s %s removed." % (len(self.removed), self.policy.tier, "was" if len(self.removed) == 1 else "were")

    def _report(
        self, the_plan: Plan, backup: Backup | None, method: str | None, changed: bool, message: str, manifest: Manifest | None = None
    ) -> dict[str, Any]:
        known = manifest if manifest is not None else (backup.manifest if backup is not None else None)
        return {
            "changed": changed,
            "tier": self.policy.tier,
            "backup": None if backup is None else dict(summarize(backup, self.context.now()), tier=self.policy.tier),
            "promoted_from": self.policy.source if method in ("link", "copy") else None,
            "method": method,
            "plan": [
                {"action": decision.action, "name": decision.backup.name, "tier": decision.backup.tier, "reason": decision.reason}
                for decision in the_plan.decisions
            ],
            "removed": self.removed,
            "left_out": [] if manifest is None else [{"name": entry.name, "reason": entry.reason} for entry in manifest.left_out],
            "warnings": self.warnings,
            "swept": self.swept,
            "missing": the_plan.missing,
            "plain_size": None if known is None else known.plain_size,
            "stored_size": None if known is None else known.stored_size,
            "seconds": round(time.monotonic() - self.begun, 3),
            "message": message.strip(),
        }


def _next_sequence(catalog: Catalog) -> int:
    return 1 + max((backup.order.sequence for backup in catalog.backups), default=0)


def _promoted_sentence(the_plan: Plan, tier: str) -> str:
    if the_plan.promote is None:
        return the_plan.message
    return "Backup %s was promoted to %s." % (the_plan.promote.name, tier)


def _would_remove(the_plan: Plan) -> str:
    count = len(the_plan.removals)
    return "None would be removed." if not count else "%d would be removed." % count


def _volume_error(error: OSError, root: str) -> VolumeError:
    return VolumeError(
        "Writing the dump to %s failed: %s. No backup was made and no older one was touched; make room on the volume or mend it."
        % (root, error.strerror or error)
    )
