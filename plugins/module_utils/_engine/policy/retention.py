# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backups a tier keeps, removes and promotes, and why.

Everything follows from the order in which backups were made, never from the clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..backups import Backup
from ..names import DEFAULT_COUNT, PRIOR_TIER, TIERS
from ..tools.errors import UsageError

KEEP = "keep"
REMOVE = "remove"
PROMOTE = "promote"
IGNORE = "ignore"

OLDEST = "oldest"
NEWEST = "newest"

CREATING_TIER = TIERS[0]


@dataclass(frozen=True)
class TierPolicy:
    """What a tier promises.

    It keeps the newest ``count`` proven backups. Every tier but the hourly one takes the ``promote``
    (``oldest`` or ``newest``) of ``prior_tier`` once that holds ``prior_count`` proven ones.
    None stands for the tier before it, and for that tier's usual count.
    """

    tier: str
    count: int
    prior_tier: str | None = None
    prior_count: int | None = None
    promote: str = OLDEST

    @property
    def source(self) -> str | None:
        """The tier this one promotes from; None for the tier that creates."""
        return self.prior_tier or PRIOR_TIER.get(self.tier)

    @property
    def needed(self) -> int:
        """How many proven backups the prior tier must hold before one is promoted; 0 for the tier that creates."""
        if self.prior_count is not None:
            return self.prior_count
        return DEFAULT_COUNT[self.source] if self.source else 0


@dataclass(frozen=True)
class Decision:
    """What is to be done with one backup (``keep``, ``remove``, ``promote``, ``ignore``) and why."""

    action: str
    backup: Backup
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a run is to do in its tier.

    ``decisions`` hold every backup of the tier once, oldest first, and the promotion if there is one.
    ``promote`` is the prior tier's backup to promote: first do that, then remove; when it fails, remove nothing.
    ``missing`` is how many proven backups the prior tier still lacks. ``message`` says in a sentence
    what is promoted or why nothing is.
    """

    decisions: tuple[Decision, ...]
    promote: Backup | None
    missing: int
    message: str

    @property
    def removals(self) -> tuple[Backup, ...]:
        """The backups to remove, oldest first."""
        return tuple(decision.backup for decision in self.decisions if decision.action == REMOVE)


def check_policy(policy: TierPolicy) -> TierPolicy:
    """Return ``policy`` when it can be meant; raise UsageError with a sentence otherwise."""
    _check_tier(policy.tier, "tier")
    _check_count(policy.count, "count of the %s tier" % policy.tier)
    if policy.promote not in (OLDEST, NEWEST):
        raise UsageError("The %s tier can promote the oldest or the newest backup, not %r." % (policy.tier, policy.promote))
    if policy.prior_count is not None:
        _check_count(policy.prior_count, "prior count of the %s tier" % policy.tier)
    if policy.tier == CREATING_TIER:
        if policy.prior_tier is not None or policy.prior_count is not None:
            raise UsageError("The %s tier makes its backups itself. Leave its prior tier and prior count unset." % policy.tier)
        return policy
    _check_tier(policy.source, "prior tier of the %s tier" % policy.tier)
    if TIERS.index(policy.source or "") >= TIERS.index(policy.tier):
        raise UsageError(
            "The %s tier cannot promote from the %s tier. Its prior tier must be an earlier one: %s."
            % (policy.tier, policy.source, ", ".join(TIERS[: TIERS.index(policy.tier)]))
        )
    return policy


def plan(
    policy: TierPolicy,
    backups: Iterable[Backup],
    prior: Iterable[Backup] = (),
    in_use: frozenset[str] = frozenset(),
    creating: Backup | bool | None = None,
) -> Plan:
    """Decide for each of the tier's ``backups`` and for the next promotion out of ``prior``.

    ``in_use`` are file names that a restore or a verification is reading. ``creating`` is the backup
    that this run made; True foretells a run that is yet to make one, so nothing may be removed by such a plan.
    The hourly tier removes nothing in a run that made no proven backup, any other tier nothing while its prior tier lacks some.
    Unproven and damaged backups are neither counted nor removed; backups of other tiers are passed over.
    Raises UsageError for a policy that cannot be meant.
    """
    check_policy(policy)
    held = _of_tier(backups, policy.tier)
    if policy.tier == CREATING_TIER:
        return _plan_creation(policy, held, in_use, creating)
    return _plan_promotion(policy, held, _of_tier(prior, policy.source), in_use)


def _plan_creation(policy: TierPolicy, held: list[Backup], in_use: frozenset[str], creating: Backup | bool | None) -> Plan:
    if not creating:
        return Plan(_keep_all(held, "this run made no backup, so it removes none"), None, 0, "This run made no backup.")
    if creating is True:
        return Plan(_prune(policy.count, held, in_use, to_come=1), None, 0, "A backup is to be made.")
    listed = [backup for backup in held if backup.file_name == creating.file_name]
    # What lies on the volume now says more than what the run remembers; and it is the newest, whatever the clock says.
    own = listed[0] if listed else creating
    held = [backup for backup in held if backup is not own] + [own]
    if not (own.proven and creating.proven):
        reason = "the backup of this run is not proven, so it removes none"
        return Plan(_keep_all(held, reason), None, 0, "The backup of this run is not proven.")
    return Plan(_prune(policy.count, held, in_use, own=own), None, 0, "Made backup %s." % creating.name)


def _plan_promotion(policy: TierPolicy, held: list[Backup], prior: list[Backup], in_use: frozenset[str]) -> Plan:
    proven = [backup for backup in prior if backup.proven]
    missing = max(0, policy.needed - len(proven))
    if missing:
        message = "Nothing to promote: the %s tier holds %d of the %d proven backups that it must hold first; %d missing." % (
            policy.source,
            len(proven),
            policy.needed,
            missing,
        )
        return Plan(_keep_all(held, "nothing is removed until there is something to promote"), None, missing, message)
    chosen = proven[0] if policy.promote == OLDEST else proven[-1]
    mine = [backup for backup in held if backup.file_name == chosen.file_name]
    if mine:
        state = "" if mine[0].proven else ", but there it is %s (%s)" % (mine[0].state, mine[0].why)
        message = "Nothing to promote: the %s tier holds %s, the %s of the %s tier, already%s." % (
            policy.tier,
            chosen.name,
            policy.promote,
            policy.source,
            state,
        )
        # Were it removed here, the next run would promote it again.
        return Plan(_prune(policy.count, held, in_use, own=mine[0]), None, 0, message)
    reason = "it is the %s of the %s tier's %d proven backups" % (policy.promote, policy.source, len(proven))
    after = sorted(held + [chosen], key=lambda backup: backup.order)
    decisions = tuple(
        Decision(PROMOTE, chosen, reason) if decision.backup is chosen else decision
        for decision in _prune(policy.count, after, in_use, own=chosen)
    )
    return Plan(decisions, chosen, 0, "Promote %s: %s." % (chosen.name, reason))


def _of_tier(backups: Iterable[Backup], tier: str | None) -> list[Backup]:
    """The backups of a tier, from oldest to newest."""
    return sorted((backup for backup in backups if backup.tier == tier), key=lambda backup: backup.order)


def _keep_all(held: list[Backup], reason: str) -> tuple[Decision, ...]:
    return tuple(Decision(KEEP, backup, reason) if backup.proven else _ignore(backup) for backup in held)


def _ignore(backup: Backup) -> Decision:
    return Decision(IGNORE, backup, "it is %s (%s), so it is neither counted nor removed" % (backup.state, backup.why))


def _prune(count: int, held: list[Backup], in_use: frozenset[str], own: Backup | None = None, to_come: int = 0) -> tuple[Decision, ...]:
    """Decide for backups that are sorted from oldest to newest; ``own`` stays in any case, ``to_come`` are newer still."""
    number = to_come
    decisions = []
    for backup in reversed(held):
        if not backup.proven:
            decisions.append(_ignore(backup))
            continue
        number += 1
        if number <= count:
            decision = Decision(KEEP, backup, "it is number %d of %d to keep, counted from the newest" % (number, count))
        elif backup is own:
            decision = Decision(KEEP, backup, "it is the one that this run promotes or would promote again")
        elif backup.file_name in in_use:
            decision = Decision(KEEP, backup, "a restore or a verification is reading it; else it would go, with %d to keep" % count)
        else:
            decision = Decision(REMOVE, backup, "it is number %d, counted from the newest, with %d to keep" % (number, count))
        decisions.append(decision)
    return tuple(reversed(decisions))


def _check_tier(tier: str | None, what: str) -> None:
    if tier not in TIERS:
        raise UsageError("The %s is %r, and the tiers are %s." % (what, tier, ", ".join(TIERS)))


def _check_count(count: object, what: str) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise UsageError("The %s is %r and must be a whole number, 1 or more." % (what, count))
    if count < 1:
        raise UsageError("The %s is %d and must be 1 or more: a tier that keeps nothing would remove every backup." % (what, count))
