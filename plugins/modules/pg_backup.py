#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up a PostgreSQL server, or promote a backup, and prune one tier."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup
short_description: Back up a PostgreSQL server into a tier and prune the tier
version_added: 1.0.0
description:
  - In the tier V(hourly) it dumps the whole server with C(pg_dumpall), proves the dump and keeps the newest O(count) backups.
  - In every other tier it promotes a backup of the prior tier once that holds O(prior_count) proven ones, and keeps the newest O(count).
  - A dump gets its name only after every program ended well, the end mark was seen, and all checksums were recorded and are on disk.
  - A run that does not succeed removes nothing, and the last proven backup of a tier always stays.
  - A hot standby can be dumped as well. It cannot read unlogged tables, which are in the dump without their contents, and are named as warnings.
author:
  - The bandr.postgres authors (@bandr)
extends_documentation_fragment:
  - bandr.postgres.attributes
  - bandr.postgres.volume
  - bandr.postgres.connection
attributes:
  check_mode:
    support: full
    details: The server is looked at and the plan is returned, but nothing is dumped, promoted or removed.
  diff_mode:
    support: full
    details: Shows the backups of the tier before and after.
  idempotent:
    support: partial
    details:
      - A promotion is idempotent. It changes nothing as long as the tier holds the backup that would come next.
      - Every run of the tier V(hourly) makes a backup.
options:
  tier:
    description: The tier to work on.
    type: str
    choices: [hourly, daily, weekly, monthly]
    default: hourly
  count:
    description:
      - How many proven backups the tier keeps.
      - By default 24 in V(hourly), 7 in V(daily), 4 in V(weekly) and 36 in V(monthly).
    type: int
  prior_tier:
    description:
      - The tier to promote from. By default the one before O(tier).
      - Not for the tier V(hourly), which makes its backups itself.
    type: str
    choices: [hourly, daily, weekly]
  prior_count:
    description: How many proven backups the prior tier must hold before one is promoted. By default its usual O(count).
    type: int
  promote:
    description: Which backup of the prior tier is promoted.
    type: str
    choices: [oldest, newest]
    default: oldest
  prove_promotion:
    description:
      - Read a backup to its end before it is promoted.
      - If V(false), a promotion takes the same short time whatever the size, and damage that left size and time as they were goes unseen.
    type: bool
    default: true
  database:
    description:
      - Dump this database alone, with the roles of the server.
      - Give such backups a O(root) of their own.
    type: str
  exclude_databases:
    description: Databases to leave out. They are named in the result and in the backup's manifest.
    type: list
    elements: str
    default: []
  role_passwords:
    description: Whether the passwords of roles are dumped, for which a superuser is needed.
    type: bool
    default: true
  lock_wait_seconds:
    description: How long to wait for a locked table before the run fails, at least 1.
    type: int
    default: 300
  jobs:
    description:
      - How many databases to dump at a time, the largest first. The backup is the same file whatever the number.
      - Each takes a connection and a processor of the server, and a C(pg_dump) and a compressor of its own here.
      - With more than one, O(root) needs room for what is compressed of databases whose turn in the file has not come.
      - It makes no difference for O(database).
    type: int
    default: 1
  wait_seconds:
    description: How long to wait for another run on the same volume to end before this one fails.
    type: float
    default: 0
  codec:
    description: How to compress. V(auto) takes zstd where its program is installed, else gzip.
    type: str
    choices: [auto, zstd, gzip]
    default: auto
  level:
    description: The compression level. By default 1 for zstd and 6 for gzip.
    type: int
seealso:
  - module: bandr.postgres.pg_backup_info
  - module: bandr.postgres.pg_restore
"""

EXAMPLES = r"""
- name: Make a backup and keep the newest 24
  bandr.postgres.pg_backup:
    root: /srv/backup
    host: db.example.com
    user: postgres
    password: "{{ vault_postgres_password }}"

- name: Promote the oldest hourly backup once there are 24, and keep 7 of them
  bandr.postgres.pg_backup:
    root: /srv/backup
    tier: daily
    count: 7
    prior_count: 24
"""

RETURN = r"""
msg:
  description: What was done, in a sentence.
  type: str
  returned: always
  sample: Backup 2026-11-22T10:07:00Z was made. None was removed from hourly.
tier:
  description: The tier that was worked on.
  type: str
  returned: success
  sample: hourly
backup:
  description: The backup that was made or promoted, or null when there was none to promote.
  type: dict
  returned: success
  contains:
    name:
      description: Its UTC start time, by which it is selected.
      type: str
      returned: always
      sample: "2026-11-22T10:07:00Z"
    tier:
      description: The tier it lies in.
      type: str
      returned: always
      sample: hourly
    file_name:
      description: The file name of its dump.
      type: str
      returned: always
      sample: backup-2026-11-22T10:07:00Z-dumpall.sql.zst
    path:
      description: The path of its dump.
      type: str
      returned: always
      sample: /backup/hourly/backup-2026-11-22T10:07:00Z-dumpall.sql.zst
    state:
      description: Whether it is V(proven), V(unproven) or V(damaged).
      type: str
      returned: always
      sample: proven
    why:
      description: Why it is not proven. Empty for a proven backup.
      type: str
      returned: always
      sample: ""
    size:
      description: The size of its dump as stored, in bytes.
      type: int
      returned: always
      sample: 173015040
    plain_size:
      description: The size of its SQL in bytes, or null where nobody has counted it yet.
      type: int
      returned: always
      sample: 1640000000
    started:
      description: When it was begun, in UTC.
      type: str
      returned: always
      sample: "2026-11-22T10:07:00Z"
    age_seconds:
      description: Its age by the clock of the host that runs the module.
      type: int
      returned: always
      sample: 3600
    databases:
      description: The databases in it, in the order of the dump. Empty where they are not known.
      type: list
      elements: str
      returned: always
      sample: [template1, orders, postgres]
    server_version:
      description: The version of the server it was made from, or null where it is not known.
      type: str
      returned: always
      sample: "17.10"
method:
  description: How the backup came to be, V(dump), V(link), V(copy), V(present), or null.
  type: str
  returned: success
  sample: dump
promoted_from:
  description: The tier the backup was promoted from, or null.
  type: str
  returned: success
  sample: hourly
plan:
  description: What was decided for every backup of the tier, oldest first.
  type: list
  elements: dict
  returned: success
  contains:
    action:
      description: One of V(keep), V(remove), V(promote) and V(ignore).
      type: str
      returned: always
      sample: keep
    name:
      description: The backup.
      type: str
      returned: always
      sample: "2026-11-22T10:07:00Z"
    tier:
      description: The tier it lies in.
      type: str
      returned: always
      sample: hourly
    reason:
      description: Why it is kept, removed, promoted or ignored.
      type: str
      returned: always
      sample: it is number 1 of 24 to keep, counted from the newest
removed:
  description: The backups that were removed from the tier.
  type: list
  elements: str
  returned: success
  sample: ["2026-11-21T09:07:00Z"]
left_out:
  description: The databases of the server that are not in the dump.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: The database.
      type: str
      returned: always
      sample: archive
    reason:
      description: Why it was left out.
      type: str
      returned: always
      sample: it does not allow connections (ALLOW_CONNECTIONS false)
swept:
  description: What earlier runs left unfinished and this one removed, in sentences.
  type: list
  elements: str
  returned: success
  sample: []
missing:
  description: How many proven backups the prior tier lacks before one is promoted.
  type: int
  returned: success
  sample: 0
plain_size:
  description: The size of the dump's SQL in bytes, or null.
  type: int
  returned: success
  sample: 1640000000
stored_size:
  description: The size of the dump as stored in bytes, or null.
  type: int
  returned: success
  sample: 173015040
seconds:
  description: How long the run took.
  type: float
  returned: success
  sample: 7.1
details:
  description: Facts about the failure for other tasks, such as the V(errno) of a volume that cannot be used.
  type: dict
  returned: when the volume is at fault
  sample: {errno: ENOSPC}
code:
  description: The engine's exit code for this kind of failure.
  type: int
  returned: failure
  sample: 4
reason:
  description: The kind of failure in one word.
  type: str
  returned: failure
  sample: dump
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.bandr.postgres.plugins.module_utils._args import BACKUP_SPEC, CONNECTION_SPEC, VOLUME_SPEC
from ansible_collections.bandr.postgres.plugins.module_utils._door import backup_request_of, run_operation, tier_diff
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context


def main() -> None:
    """Run one tier."""
    module = AnsibleModule(
        argument_spec=dict(VOLUME_SPEC, **CONNECTION_SPEC, **BACKUP_SPEC),
        mutually_exclusive=[("password", "passfile")],
        supports_check_mode=True,
    )

    def operation(context: Context) -> dict[str, Any]:
        result = run_backup(context, backup_request_of(module.params, module.check_mode))
        return dict(result, diff=tier_diff(result)) if module._diff else result

    run_operation(module, operation)


if __name__ == "__main__":
    main()
