# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work; this describes it.
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_part
short_description: Tell what a task for all servers did for one of them
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Takes a server's part out of the result of M(bandr.postgres.fleet_look) or M(bandr.postgres.fleet_apply),
    and fails, changes and shows differences as the server did.
options:
  of:
    description:
      - The name of the variable that holds the result.
    type: str
    required: true
attributes:
  check_mode:
    description: Nothing is done here.
    support: full
  diff_mode:
    description: Shows the differences of the server.
    support: full
  idempotent:
    description: Nothing is done here.
    support: full
"""

EXAMPLES = r"""
- name: Refuse what cannot work
  bandr.postgres.fleet_part:
    of: pg_backup_look
"""

RETURN = r"""
objects:
  description: What happened to each object, after M(bandr.postgres.fleet_apply).
  returned: success
  type: list
  elements: dict
  sample:
    - {kind: CronJob, name: orders-backup-hourly, state: created}
"""
