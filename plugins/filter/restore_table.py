# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.restore_table``."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.module_utils._engine.table import restore_table

DOCUMENTATION = r"""
name: restore_table
short_description: Show what became of each database of a restore
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes lines for people of what the module P(bandr.postgres.pg_restore#module) returns, or the command C(bandr recover) in a cluster.
options:
  _input:
    description:
      - A result with C(databases), C(warnings) and C(problems).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Restore
  bandr.postgres.pg_restore:
    root: /srv/backup
    host: db.example.com
    from_backup: latest
  register: restored

- name: Show it
  ansible.builtin.debug:
    msg: "{{ restored | bandr.postgres.restore_table }}"
"""

RETURN = r"""
_value:
  description: The lines of the table.
  type: list
  elements: str
  sample:
    - 'DATABASE  STATE     SECONDS  SQL'
    - 'orders    restored  4.2      87 MB'
"""


def table_lines(result: dict) -> list[str]:
    """The lines; raises AnsibleFilterError for what is no result of a restore."""
    try:
        return restore_table(*(list(result.get(key) or ()) for key in ("databases", "problems", "warnings"))).splitlines()
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError("This is no result of a restore, which would have databases, problems and warnings: %s" % error) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"restore_table": table_lines}
