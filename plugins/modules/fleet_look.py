# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work; this describes it.
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_look
short_description: Look at the clusters for all servers of a play at once
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Works out the variables of the role P(bandr.postgres.pg_backup#role) for every server of the play, asks each of their clusters once,
    and finds what could not work.
  - It belongs to that role and to a task with C(run_once), whose result M(bandr.postgres.fleet_part) gives to each server.
options:
  problems:
    description:
      - Whether the variables are held against the role's description, and the cluster against the variables, as a deploy needs it.
    type: bool
    default: false
  cronjobs:
    description:
      - Whether the CronJobs of every server are read.
    type: bool
    default: false
attributes:
  check_mode:
    description: Nothing is ever changed.
    support: full
  diff_mode:
    description: Nothing is ever changed.
    support: none
  idempotent:
    description: Nothing is ever changed.
    support: full
seealso:
  - module: bandr.postgres.fleet_part
"""

EXAMPLES = r"""
- name: Look at the clusters of all servers
  bandr.postgres.fleet_look:
    problems: true
  register: pg_backup_look
  run_once: true
"""

RETURN = r"""
token:
  description: Names this look, so that a later task does not take servers for its own that it did not see.
  returned: success
  type: str
  sample: 0a1b2c3d4e5f6071
servers:
  description: What was found for each server, or why it fails.
  returned: success
  type: dict
  sample:
    orders: {token: 0a1b2c3d4e5f6071, namespace_found: true, openshift: false, builds_served: false, cronjobs: []}
    billing: {failed: true, msg: The Secret billing-db of pg_backup_secret does not exist in the namespace databases.}
images:
  description: The images that servers want made, each once.
  returned: success
  type: list
  elements: dict
  sample:
    - repository: registry.example.com/team/postgres-backup
      base: docker.io/library/postgres:17
"""
