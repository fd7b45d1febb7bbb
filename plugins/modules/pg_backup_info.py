#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List the backups of a volume and select one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup_info
short_description: List the backups of a volume and tell which one a selection takes
version_added: 1.0.0
description:
  - Lists every backup of a volume with its state, and every file that is none.
  - With O(from_backup), it also tells which backup a restore would take, and fails where none or more than one answers.
author:
  - The bandr.postgres authors (@bandr)
extends_documentation_fragment:
  - bandr.postgres.attributes
  - bandr.postgres.volume
attributes:
  check_mode:
    support: full
    details: The module only reads.
  diff_mode:
    support: N/A
    details: The module changes nothing.
  idempotent:
    support: full
    details: The module changes nothing.
options:
  tiers:
    description: The tiers to list.
    type: list
    elements: str
    choices: [hourly, daily, weekly, monthly]
    default: [hourly, daily, weekly, monthly]
  from_backup:
    description:
      - What to select, V(latest), a time in any form of ISO 8601 (UTC unless it has an offset), or a file name.
      - A time that no backup has is an error that names the nearest two.
    type: str
  maximum_age:
    description:
      - Fail if the latest backup is older than this, for example V(36h), V(2d) or V(PT90M).
      - Without O(from_backup), the latest is selected.
    type: str
seealso:
  - module: bandr.postgres.pg_backup
  - module: bandr.postgres.pg_restore
"""

EXAMPLES = r"""
- name: List all backups
  bandr.postgres.pg_backup_info:
    root: /srv/backup
  register: volume

- name: Fail when the newest backup is older than two hours
  bandr.postgres.pg_backup_info:
    root: /srv/backup
    from_backup: latest
    maximum_age: 2h
"""

RETURN = r"""
msg:
  description: What was done, in a sentence.
  type: str
  returned: always
  sample: There are 31 backups in /srv/backup, 31 of them proven.
backups:
  description: The backups, oldest first.
  type: list
  elements: dict
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
    in_use:
      description: Whether a restore or a verification is reading it.
      type: bool
      returned: always
      sample: false
selected:
  description: The backup that O(from_backup) selects, or null.
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
last_drill:
  description: What the volume remembers of its last drill, or null where there was none.
  type: dict
  returned: success
  contains:
    backup:
      description: The UTC start time of the backup that was drilled.
      type: str
      returned: always
      sample: "2026-11-22T03:07:00Z"
    tier:
      description: The tier that it lay in.
      type: str
      returned: always
      sample: hourly
    result:
      description: Whether it V(passed) or V(failed).
      type: str
      returned: always
      sample: passed
    reason:
      description: The kind of failure in one word. Empty where it passed.
      type: str
      returned: always
      sample: ""
    message:
      description: How it ended, in a sentence.
      type: str
      returned: always
      sample: >-
        Backup 2026-11-22T03:07:00Z passed its drill: 3 databases were restored in 40 s, 3 of them equal to the backup when dumped again.
    started:
      description: When it was begun, in UTC.
      type: str
      returned: always
      sample: "2026-11-22T03:17:00Z"
    finished:
      description: When it ended, in UTC.
      type: str
      returned: always
      sample: "2026-11-22T03:17:40Z"
    age_seconds:
      description: How long ago it ended, by the clock of the host that runs the module.
      type: int
      returned: always
      sample: 25940
    seconds:
      description: How long it took.
      type: float
      returned: always
      sample: 40.3
    last_passed:
      description: When a drill last passed, in UTC, or null where none ever did.
      type: str
      returned: always
      sample: "2026-11-22T03:17:40Z"
strays:
  description: Files in the tiers that are no backups. They are never touched.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: The file.
      type: str
      returned: always
      sample: /srv/backup/hourly/notes.txt
    why:
      description: Why it is no backup.
      type: str
      returned: always
      sample: its name is not that of a backup
volume:
  description: The room on the volume, or null where its storage does not say.
  type: dict
  returned: success
  contains:
    size:
      description: What the file system holds, in bytes. A volume that shares a file system with others tells of all of it.
      type: int
      returned: always
      sample: 10737418240
    free:
      description: What this user may still write, in bytes.
      type: int
      returned: always
      sample: 8589934592
details:
  description: Facts about the failure for other tasks, such as the V(nearest) backups to a time that none has.
  type: dict
  returned: when the volume or what was asked for is at fault
  sample: {nearest: ["2026-11-22T09:07:00Z", "2026-11-22T10:07:00Z"]}
code:
  description: The engine's exit code for this kind of failure.
  type: int
  returned: failure
  sample: 7
reason:
  description: The kind of failure in one word.
  type: str
  returned: failure
  sample: selection
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.bandr.postgres.plugins.module_utils._args import INFO_SPEC, VOLUME_SPEC
from ansible_collections.bandr.postgres.plugins.module_utils._door import duration_of, run_operation
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.listing import ListRequest, list_backups


def main() -> None:
    """List a volume."""
    module = AnsibleModule(argument_spec=dict(VOLUME_SPEC, **INFO_SPEC), supports_check_mode=True)

    def operation(context: Context) -> dict[str, Any]:
        params = module.params
        maximum_age = duration_of(params["maximum_age"])
        return list_backups(context, ListRequest(params["root"], tuple(params["tiers"]), params["from_backup"], maximum_age))

    run_operation(module, operation)


if __name__ == "__main__":
    main()
