# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.drill_table``."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.module_utils._engine.table import drill_table

DOCUMENTATION = r"""
name: drill_table
short_description: Show what a drill found of each database
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes lines for people of what the module P(bandr.postgres.pg_backup_drill#module) returns, or the command C(bandr drill) in a cluster.
options:
  _input:
    description:
      - A result with C(databases), C(globals) and C(warnings).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Drill
  bandr.postgres.pg_backup_drill:
    root: /srv/backup
  register: drilled
  become: true
  become_user: postgres

- name: Show it
  ansible.builtin.debug:
    msg: "{{ drilled | bandr.postgres.drill_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
  sample:
    - 'DATABASE               STATE     SECONDS  SQL      COMPARISON'
    - 'orders                 restored  4.2      87 MiB   equal'
    - 'roles and tablespaces                              equal'
"""


def table_lines(result: dict) -> list[str]:
    """The lines; raises AnsibleFilterError for what is no result of a drill."""
    try:
        return drill_table(list(result["databases"]), dict(result.get("globals") or {}), list(result.get("warnings") or ())).splitlines()
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError("This is no result of a drill, which would have databases: %s" % error) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"drill_table": table_lines}
