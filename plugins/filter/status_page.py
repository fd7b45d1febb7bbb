# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.status_page``."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.status_page import status_page

DOCUMENTATION = r"""
name: status_page
short_description: Write the state of backups as a web page
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes one HTML page of what P(bandr.postgres.backup_status#filter) returns for any number of servers.
  - The page needs no script and nothing from elsewhere, so that it can be kept, mailed, or served by anything.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Write a page for everybody to see
  ansible.builtin.copy:
    content: "{{ pg_backup_status | bandr.postgres.status_page }}"
    dest: /var/www/html/backups.html
    mode: '0644'
"""

RETURN = r"""
_value:
  description: The page.
  type: str
"""


def page(rows: list) -> str:
    """The page as of now; raises AnsibleFilterError for what are no rows."""
    try:
        return status_page(rows, datetime.now(timezone.utc))
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError("These are no rows as bandr.postgres.backup_status returns them: %s" % error) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"status_page": page}
