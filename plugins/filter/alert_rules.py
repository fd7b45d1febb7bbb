# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.alert_rules``."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.alerts import AlertsError, AlertSettings, alert_rules

DOCUMENTATION = r"""
name: alert_rules
short_description: Make Prometheus alert rules for a server's backups
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes the rules of a PrometheusRule for the CronJobs of one server, one for a run that failed, one for a schedule that is stale,
    and one for a server of which there is no word at all.
  - They use series of kube-state-metrics. Suspended CronJobs raise no alert.
options:
  _input:
    description: The schedules by their tier, in order, as P(bandr.postgres.backup_tiers#filter) has them; C(drill) is that of the drill.
    type: dict
    required: true
  server:
    description: The server's name.
    type: str
    required: true
  namespace:
    description: Where the CronJobs are.
    type: str
    required: true
  object_name:
    description: What the CronJobs' names begin with, before the tier.
    type: str
    required: true
  severity:
    description: The label C(severity) of an alert that tells of a run that C(failed), and of one that tells that a schedule is C(stale).
    type: dict
    default: {failed: warning, stale: critical}
  labels:
    description: Further labels of the alerts.
    type: dict
    default: {}
  annotations:
    description: Further annotations of the alerts.
    type: dict
    default: {}
  stale_seconds:
    description: After how many seconds without a success a tier is stale, by the tier. The default is two intervals of its schedule and a quarter of an hour.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the rules for a server that is backed up every four hours
  ansible.builtin.debug:
    msg: >-
      {{ {'hourly': '7 */4 * * *'}
         | bandr.postgres.alert_rules(server='orders', namespace='databases', object_name='orders-backup') }}
"""

RETURN = r"""
_value:
  description: The rules.
  type: list
  elements: dict
  sample:
    - alert: PostgresBackupUnknown
      expr: absent(kube_cronjob_created{namespace="databases", cronjob="orders-backup-hourly"})
      for: 30m
      labels:
        severity: critical
        server: orders
      annotations:
        summary: Nobody watches the backups of orders.
        description: >-
          There is no word of the CronJob orders-backup-hourly in databases: it was deleted, or kube-state-metrics does not run.
"""


def rules(
    schedules: dict,
    server: str,
    namespace: str,
    object_name: str,
    severity: dict | None = None,
    labels: dict | None = None,
    annotations: dict | None = None,
    stale_seconds: dict | None = None,
) -> list[dict]:
    """The rules; raises AnsibleFilterError with the sentence."""
    given = severity or {}
    settings = AlertSettings(
        failed_severity=str(given.get("failed") or AlertSettings.failed_severity),
        stale_severity=str(given.get("stale") or AlertSettings.stale_severity),
        labels=labels or {},
        annotations=annotations or {},
        stale_seconds=stale_seconds or {},
    )
    try:
        return alert_rules(server, namespace, object_name, schedules, settings)
    except AlertsError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"alert_rules": rules}
