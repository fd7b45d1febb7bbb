# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.backup_drill``."""

from __future__ import annotations

import json

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.drill import DrillError, complete_drill

DOCUMENTATION = r"""
name: backup_drill
short_description: Complete and check what an inventory says about drills
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Fills in what an inventory leaves out of C(pg_backup_drill), and refuses what cannot be meant.
options:
  _input:
    description:
      - What is declared. JSON text works as well, because a survey has nothing else.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the arguments of a weekly drill
  ansible.builtin.debug:
    msg: "{{ {'schedule': '17 3 * * 0', 'scratch_size': '50Gi'} | bandr.postgres.backup_drill }}"
"""

RETURN = r"""
_value:
  description: The drill with every value.
  type: dict
  sample:
    schedule: 17 3 * * 0
    from_backup: latest
    maximum_age: ''
    compare: true
    suspend: false
    deadline_seconds: 21600
    scratch_size: 50Gi
    scratch_claim: false
    scratch_storage_class: ''
    server_settings: {}
    resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 1Gi}}
    arguments: [drill, --scratch=/scratch, --scratch-size=50Gi, --from=latest]
"""


def backup_drill(declared: object) -> dict:
    """Complete ``declared``; raises AnsibleFilterError with the sentence."""
    try:
        return complete_drill(json.loads(declared) if isinstance(declared, str) and declared.strip() else declared)
    except (DrillError, json.JSONDecodeError) as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"backup_drill": backup_drill}
