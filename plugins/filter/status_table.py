# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.status_table``."""

from __future__ import annotations

from ansible_collections.bandr.postgres.plugins.plugin_utils.status_table import status_table

DOCUMENTATION = r"""
name: status_table
short_description: Write the state of backups as a table
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes lines of text of what P(bandr.postgres.backup_status#filter) returns.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a table
  ansible.builtin.debug:
    msg: "{{ pg_backup_status | bandr.postgres.status_table }}"
"""

RETURN = r"""
_value:
  description: The lines, the heading first.
  type: list
  elements: str
  sample:
    - 'SERVER  TIER    NEWEST                AGE     KEPT      SIZE     LAST RUN              NEXT RUN              LAST DRILL             FREE     STATE'
    - 'orders  hourly  2026-11-22T10:07:00Z  23 min  24 of 24  8.6 MiB  2026-11-22T10:07:00Z  2026-11-22T11:07:00Z  passed 7 h 12 min ago  8.0 GiB  good'
"""


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"status_table": status_table}
