# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alert rules for a server's CronJobs, of the series that kube-state-metrics has of any cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .schedule import ScheduleError
from .status import stale_after
from .status_table import age_text

DRILL = "drill"
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_BY = "by (namespace, cronjob)"
_ON = "on (namespace, cronjob)"
# So long there may be no word of a CronJob, for example while kube-state-metrics moves to another node.
_UNKNOWN_FOR = "30m"


class AlertsError(ValueError):
    """Settings that cannot be meant; the message is a sentence that names the variable."""


@dataclass(frozen=True)
class AlertSettings:
    """What an operator chooses: severities, further labels and annotations, and by tier (or drill) the seconds after which it is stale."""

    failed_severity: str = "warning"
    stale_severity: str = "critical"
    labels: Mapping[str, Any] = field(default_factory=dict)
    annotations: Mapping[str, Any] = field(default_factory=dict)
    stale_seconds: Mapping[str, Any] = field(default_factory=dict)


def alert_rules(
    server: str, namespace: str, object_name: str, schedules: Mapping[str, str], settings: AlertSettings
) -> list[dict[str, Any]]:
    """Rules as a PrometheusRule has them; ``schedules`` is that of each tier, and of the drill where there is one. Raises AlertsError.

    Suspended CronJobs raise no alert, so a restore that pauses them does not either.
    """
    _check(schedules, settings)
    rules = []
    for word, schedule in schedules.items():
        limit = _limit(word, schedule, settings)
        cronjob = "%s-%s" % (object_name, word)
        subject = "drill" if word == DRILL else "%s backup" % word
        about = {"server": server} if word == DRILL else {"server": server, "tier": word}
        name = "PostgresDrill" if word == DRILL else "PostgresBackup"
        failed = {
            "summary": "The last %s of %s failed." % (subject, server),
            "description": "The last run of the CronJob %s in %s did not succeed. The backups that exist are unharmed. The log of its pod says why."
            % (cronjob, namespace),
        }
        stale = {
            "summary": "No %s of %s has succeeded for %s." % (subject, server, age_text(limit)),
            "description": "The CronJob %s in %s has missed two runs or more, or they failed. The playbook bandr.postgres.status tells more."
            % (cronjob, namespace),
        }
        rules.append(_rule(name + "Failed", _failed(namespace, cronjob), settings.failed_severity, about, failed, settings))
        rules.append(_rule(name + "Stale", _stale(namespace, cronjob, limit), settings.stale_severity, about, stale, settings))
    first = "%s-%s" % (object_name, next(iter(schedules)))
    unknown = {
        "summary": "Nobody watches the backups of %s." % server,
        "description": "There is no word of the CronJob %s in %s: it was deleted, or kube-state-metrics does not run." % (first, namespace),
    }
    expression = "absent(kube_cronjob_created{%s})" % _selector(namespace, first)
    rule = _rule("PostgresBackupUnknown", expression, settings.stale_severity, {"server": server}, unknown, settings)
    return [*rules, dict(rule, **{"for": _UNKNOWN_FOR})]


def _rule(
    name: str, expression: str, severity: str, about: Mapping[str, str], annotations: Mapping[str, str], settings: AlertSettings
) -> dict[str, Any]:
    texts = {key: str(value) for key, value in settings.annotations.items()}
    labels = {key: str(value) for key, value in settings.labels.items()}
    return {
        "alert": name,
        "expr": expression,
        "labels": {"severity": severity, **labels, **about},
        "annotations": {**annotations, **texts},
    }


def _failed(namespace: str, cronjob: str) -> str:
    """The last run that ended did not succeed.

    The CronJob tells it for as long as nothing runs, also when its Job is gone; the failed Job tells it while the next one runs.
    """
    of_it = _selector(namespace, cronjob)
    success = _last_success(of_it)
    told_by_cronjob = "max %s (kube_cronjob_status_last_schedule_time{%s}) > %s unless %s (max %s (kube_cronjob_status_active{%s}) > 0)" % (
        _BY,
        of_it,
        success,
        _ON,
        _BY,
        of_it,
    )
    owned = 'kube_job_owner{namespace="%s", owner_kind="CronJob", owner_name="%s"}' % (namespace, cronjob)
    began = 'max by (namespace, job_name) (kube_job_status_start_time{namespace="%s"})' % namespace
    lost = 'max by (namespace, job_name) (kube_job_failed{namespace="%s", condition="true"} == 1)' % namespace
    failures = (
        "%s * on (namespace, job_name) %s * on (namespace, job_name) group_right () max by (namespace, job_name, owner_name) (%s)"
        % (
            began,
            lost,
            owned,
        )
    )
    told_by_job = 'max %s (label_replace(%s, "cronjob", "$1", "owner_name", "(.+)")) > %s' % (_BY, failures, success)
    return "((%s) or (%s)) unless %s %s" % (told_by_cronjob, told_by_job, _ON, _suspended(of_it))


def _stale(namespace: str, cronjob: str, seconds: int) -> str:
    """No run has succeeded for so long, or none ever since the CronJob was made."""
    of_it = _selector(namespace, cronjob)
    return "(time() - %s > %d) unless %s %s" % (_last_success(of_it), seconds, _ON, _suspended(of_it))


def _last_success(of_it: str) -> str:
    """The time of the last success; where there was none, that when the CronJob was made, which is before any of its runs."""
    return "max %s (kube_cronjob_status_last_successful_time{%s} or kube_cronjob_created{%s})" % (_BY, of_it, of_it)


def _suspended(of_it: str) -> str:
    return "(max %s (kube_cronjob_spec_suspend{%s}) == 1)" % (_BY, of_it)


def _selector(namespace: str, cronjob: str) -> str:
    return 'namespace="%s", cronjob="%s"' % (namespace, cronjob)


def _limit(word: str, schedule: str, settings: AlertSettings) -> int:
    given = settings.stale_seconds.get(word)
    if given not in (None, ""):
        return int(str(given))
    try:
        return stale_after(schedule)
    except ScheduleError as error:
        raise AlertsError("The %s cannot be watched: %s" % (word, error)) from error


def _check(schedules: Mapping[str, str], settings: AlertSettings) -> None:
    if not schedules:
        raise AlertsError("pg_backup_tiers is empty, so there is nothing to watch.")
    for word, seconds in settings.stale_seconds.items():
        if word not in schedules:
            raise AlertsError("pg_backup_alerts_stale_seconds has %s, which is not there; possible are %s." % (word, ", ".join(schedules)))
        if seconds not in (None, "") and not re.fullmatch("[1-9][0-9]*", str(seconds)):
            raise AlertsError("pg_backup_alerts_stale_seconds.%s is %r, but must be a whole number of seconds." % (word, seconds))
    _check_names("pg_backup_alerts_labels", settings.labels)
    _check_names("pg_backup_alerts_annotations", settings.annotations)
    taken = sorted({"server", "tier", "severity"} & set(settings.labels))
    if taken:
        raise AlertsError("pg_backup_alerts_labels has %s, which the rules set themselves." % ", ".join(taken))


def _check_names(variable: str, values: Iterable[str]) -> None:
    for name in values:
        if not _LABEL.fullmatch(str(name)):
            raise AlertsError("%s has %r; Prometheus takes letters, digits and underscores, no digit first." % (variable, name))
