# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.backup_tiers``."""

from __future__ import annotations

import json

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.tiers import Tier, TiersError, complete_tiers

DOCUMENTATION = r"""
name: backup_tiers
short_description: Complete and check the tiers of a server's backups
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Fills in what an inventory leaves out of C(pg_backup_tiers), in the order of the tiers, and refuses what cannot be meant.
options:
  _input:
    description:
      - The tiers by name, each with C(schedule), C(count), C(prior), C(prior_count), C(promote), C(deadline_seconds) and C(suspend).
        Everything is optional.
      - JSON text works as well, because a survey has nothing else.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the arguments of each tier
  ansible.builtin.debug:
    msg: "{{ {'hourly': {'count': 36, 'schedule': '7 */4 * * *'}} | bandr.postgres.backup_tiers }}"
"""

RETURN = r"""
_value:
  description: The tiers in order.
  type: list
  elements: dict
  sample:
    - tier: hourly
      schedule: 7 */4 * * *
      count: 36
      interval_seconds: 14400
      deadline_seconds: 14340
      suspend: false
      arguments: [backup, --tier, hourly, --count, '36']
"""


def backup_tiers(declared: object) -> list[Tier]:
    """Complete ``declared``; raises AnsibleFilterError with the sentence."""
    try:
        return complete_tiers(json.loads(declared) if isinstance(declared, str) else declared)
    except (TiersError, json.JSONDecodeError) as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"backup_tiers": backup_tiers}
