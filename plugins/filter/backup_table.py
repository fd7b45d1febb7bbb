# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.backup_table``."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.module_utils._engine.table import backup_table

DOCUMENTATION = r"""
name: backup_table
short_description: Show backups as a table
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes lines for people of what the module P(bandr.postgres.pg_backup_info#module) returns, or the command C(bandr list) in a cluster.
options:
  _input:
    description:
      - A result with C(backups) and C(strays).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at the volume
  bandr.postgres.pg_backup_info:
    root: /srv/backup
  register: listing

- name: Show it
  ansible.builtin.debug:
    msg: "{{ listing | bandr.postgres.backup_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
  sample:
    - 'TIER    BACKUP                AGE  SIZE    STATE   DATABASES'
    - 'hourly  2026-11-22T10:07:00Z  1 h  165 MB  proven  template1, orders, postgres'
"""


def table_lines(listing: dict) -> list[str]:
    """The lines; raises AnsibleFilterError for what is no listing."""
    try:
        return backup_table(list(listing["backups"]), list(listing["strays"])).splitlines()
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError("This is no list of backups, which would have backups and strays: %s" % error) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"backup_table": table_lines}
