# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.backup_status``."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible_collections.bandr.postgres.plugins.plugin_utils.status import tier_rows, unknown_row

DOCUMENTATION = r"""
name: backup_status
short_description: Tell how a server's backups do
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Brings together the CronJobs of a server and the list of its volume, a row for each tier.
positional: _input, server, backups, volume
options:
  _input:
    description: The CronJobs, as the API server has them.
    type: list
    elements: dict
    required: true
  server:
    description: The server's name, for the rows.
    type: str
    required: true
  backups:
    description: The backups, as the engine's list has them.
    type: list
    elements: dict
    required: true
  volume:
    description: The room on the volume, C(size) and C(free) in bytes, as the engine's list has it.
    type: dict
  last_drill:
    description: The last drill, as the engine's list has it, or null where there was none.
    type: dict
  failure:
    description: Why the server could not be asked. The answer is then one row that says so.
    type: str
"""

EXAMPLES = r"""
- name: Show the tiers that are not well
  ansible.builtin.debug:
    msg: "{{ cronjobs | bandr.postgres.backup_status('orders', backups) | rejectattr('good') }}"
"""

RETURN = r"""
_value:
  description:
    - The rows. RV(ignore:state) is one of good, new, running, paused, suspended, failed, stale, and unknown where the server could not be asked.
      RV(ignore:why) is a sentence where all is not well.
    - What begins with C(drill) is of the server, and the same in all of its rows. RV(ignore:drill) is one of passed, failed,
      late (it should have run again by now), never (none has run yet) and none (nobody wants one).
      A drill that failed makes the hourly tier failed, and one that is late makes it stale.
    - A tier is stale when no run has succeeded within two intervals of its schedule, or the newest hourly backup is older than that.
  type: list
  elements: dict
  sample:
    - server: orders
      tier: hourly
      newest: '2026-11-22T10:07:00Z'
      age_seconds: 1380
      kept: 24
      wanted: 24
      not_proven: 0
      size: 9068544
      last_run: '2026-11-22T10:07:00Z'
      last_success: '2026-11-22T10:07:09Z'
      next_run: '2026-11-22T11:07:00Z'
      schedule: 7 * * * *
      suspended: false
      paused: false
      running: 0
      volume_size: 10737418240
      volume_free: 8589934592
      drill: passed
      drill_time: '2026-11-22T03:17:40Z'
      drill_age_seconds: 25940
      drill_backup: '2026-11-22T03:07:00Z'
      drill_message: >-
        Backup 2026-11-22T03:07:00Z passed its drill: 3 databases were restored in 40 s, 3 of them equal to the backup when dumped again.
      drill_last_passed: '2026-11-22T03:17:40Z'
      state: good
      why: ''
      good: true
"""


def backup_status(
    cronjobs: list,
    server: str,
    backups: list,
    volume: dict | None = None,
    failure: str | None = None,
    last_drill: dict | None = None,
) -> list[dict]:
    """Rows by tier, as of now."""
    if failure:
        return [unknown_row(server, failure)]
    return tier_rows(server, cronjobs, backups, datetime.now(timezone.utc), volume, last_drill or None)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"backup_status": backup_status}
