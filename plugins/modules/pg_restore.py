#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a PostgreSQL server from a backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_restore
short_description: Prove a backup and restore a PostgreSQL server from it
version_added: 1.0.0
description:
  - Reads the chosen backup to its end and compares its checksum before the first statement reaches the server.
  - Looks at the server and reports everything that would stop the restore in one go, before anything is touched.
  - Restores with C(psql), stops at the first error, and tells for each database whether it is whole.
  - The user that connects keeps its password and its rights. Databases that exist are refused unless O(replace=true).
author:
  - The bandr.postgres authors (@bandr)
extends_documentation_fragment:
  - bandr.postgres.attributes
  - bandr.postgres.volume
  - bandr.postgres.connection
attributes:
  check_mode:
    support: full
    details: The backup is proven and the server is looked at, but nothing is restored.
  diff_mode:
    support: full
    details: Shows the databases of the server before and after.
  idempotent:
    support: none
    details: Every run restores. Without O(replace=true), a second run is refused because the databases exist.
options:
  from_backup:
    description:
      - What to restore, V(latest), a time in any form of ISO 8601 (UTC unless it has an offset), or a file name.
      - A time that no backup has is an error that names the nearest two, never a substitute.
      - With V(none), nothing is restored and the backups are listed.
    type: str
    default: latest
  databases:
    description:
      - Restore these databases only. Roles that exist are then left as they are.
      - By default every database of the backup.
    type: list
    elements: str
  replace:
    description: Replace databases that exist.
    type: bool
    default: false
  replace_method:
    description:
      - With V(swap), the old database is set aside under another name, dropped when the new one is whole, and put back if the restore fails.
        This needs room for both.
      - With V(drop), it is dropped first.
    type: str
    choices: [swap, drop]
    default: swap
  maximum_age:
    description: Refuse a V(latest) backup that is older than this, for example V(36h), V(2d) or V(PT90M).
    type: str
  expected_databases:
    description: Fail unless the server holds all of these afterwards.
    type: list
    elements: str
  expected_count:
    description: Fail unless the server holds this many databases afterwards, with V(postgres) and the templates.
    type: int
  keep_going:
    description: Go on after errors. The task fails all the same and returns the errors of each database.
    type: bool
    default: false
  analyze:
    description: Gather the planner's statistics of every restored database.
    type: bool
    default: true
  jobs:
    description:
      - How many databases to restore at a time, the largest first; V(postgres) and V(template1) are restored before.
      - Each takes two connections and a processor of the server, and a C(psql) and a decompressor of its own here.
      - When one fails, those that were begun are restored to their ends, and no other is begun.
      - It makes no difference for backups that are one piece, such as the predecessor's.
    type: int
    default: 1
seealso:
  - module: bandr.postgres.pg_backup_info
"""

EXAMPLES = r"""
- name: Restore a fresh server from the latest backup
  bandr.postgres.pg_restore:
    root: /srv/backup
    from_backup: latest
    host: db.example.com
    password: "{{ vault_postgres_password }}"

- name: Put one database back as it was at ten o'clock
  bandr.postgres.pg_restore:
    root: /srv/backup
    from_backup: "2026-11-22T10:07:00Z"
    databases: [orders]
    replace: true
    host: db.example.com
    password: "{{ vault_postgres_password }}"
"""

RETURN = r"""
msg:
  description: What was done, in a sentence.
  type: str
  returned: always
  sample: Backup 2026-11-22T10:07:00Z was restored, 3 databases in 21 s.
backup:
  description: The backup that was restored, or null when none was asked for.
  type: dict
  returned: success, and when it was selected before the failure
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
databases:
  description: What became of each database, in the order of the backup. Empty when none was asked for.
  type: list
  elements: dict
  returned: success, and when the restore had begun
  contains:
    name:
      description: The database.
      type: str
      returned: always
      sample: orders
    state:
      description: One of V(restored), V(restored with errors), V(failed), V(skipped) and V(not started).
      type: str
      returned: always
      sample: restored
    seconds:
      description: How long it took.
      type: float
      returned: always
      sample: 4.2
    bytes:
      description: How many bytes of SQL it took.
      type: int
      returned: always
      sample: 91827364
    errors:
      description: The first errors, with the line of the database's SQL.
      type: list
      elements: str
      returned: always
      sample: []
    note:
      description: What is there now in its place.
      type: str
      returned: when the database could not be restored
      sample: the old database is back as it was
databases_before:
  description: The databases that the server had before. Empty when none was asked for.
  type: list
  elements: str
  returned: success, and when the server was looked at before the failure
  sample: [postgres, template0, template1]
problems:
  description: Everything that would stop the restore, in sentences.
  type: list
  elements: str
  returned: success, and when the server was looked at before the failure
  sample: []
backups:
  description: The backups of the volume, oldest first, as RV(bandr.postgres.pg_backup_info#module:backups) has them.
  type: list
  elements: dict
  returned: when O(from_backup=none)
  sample: []
seconds:
  description: How long the run took.
  type: float
  returned: success, and when the restore had begun
  sample: 21.4
details:
  description: Facts about the failure for other tasks, such as the V(nearest) backups to a time that none has.
  type: dict
  returned: when the volume or what was asked for is at fault
  sample: {nearest: ["2026-11-22T09:07:00Z", "2026-11-22T10:07:00Z"]}
code:
  description: The engine's exit code for this kind of failure.
  type: int
  returned: failure
  sample: 9
reason:
  description: The kind of failure in one word.
  type: str
  returned: failure
  sample: preflight
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.bandr.postgres.plugins.module_utils._args import CONNECTION_SPEC, RESTORE_SPEC, VOLUME_SPEC
from ansible_collections.bandr.postgres.plugins.module_utils._door import restore_request_of, run_operation, server_diff
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.restore import restore


def main() -> None:
    """Restore a server."""
    module = AnsibleModule(
        argument_spec=dict(VOLUME_SPEC, **CONNECTION_SPEC, **RESTORE_SPEC),
        mutually_exclusive=[("password", "passfile")],
        supports_check_mode=True,
    )

    def operation(context: Context) -> dict[str, Any]:
        result = restore(context, restore_request_of(module.params, module.check_mode))
        return dict(result, diff=server_diff(result)) if module._diff else result

    run_operation(module, operation)


if __name__ == "__main__":
    main()
