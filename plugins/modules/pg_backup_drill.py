#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore a backup into a throw-away server and compare what comes out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup_drill
short_description: Prove a backup by restoring it into a throw-away server
version_added: 1.0.0
description:
  - Makes a PostgreSQL server in a scratch folder, restores a backup into it as M(bandr.postgres.pg_restore) would,
    dumps the databases again, and compares them with the backup. Then the server and its files are gone, whatever happened.
  - Nobody but the user of the module reaches that server, by a socket in the folder. Nothing of the original server is touched or asked.
  - The volume remembers how the last drill ended, where it can be written, and M(bandr.postgres.pg_backup_info) tells of it.
author:
  - The bandr.postgres authors (@bandr)
extends_documentation_fragment:
  - bandr.postgres.attributes
  - bandr.postgres.volume
attributes:
  check_mode:
    support: full
    details: Programs, versions and room are looked at, but no server is started.
  diff_mode:
    support: N/A
    details: The module changes nothing but the note about the last drill.
  idempotent:
    support: N/A
    details: Every run is a drill of its own.
options:
  from_backup:
    description: What to drill, V(latest), a time in any form of ISO 8601 (UTC unless it has an offset), or a file name.
    type: str
    default: latest
  maximum_age:
    description: Fail if the V(latest) backup is older than this, for example V(36h), V(2d) or V(PT90M).
    type: str
  scratch:
    description:
      - The folder in which the server gets a folder of its own. The databases must fit there, indexes and all.
      - By default the folder for temporary files.
    type: path
  scratch_size:
    description: How much may be used there, for example V(20Gi), where the file system does not tell.
    type: str
  server_settings:
    description: Settings that the server needs for what the backup holds, for example C(shared_preload_libraries).
    type: dict
    default: {}
  compare:
    description: Whether the databases are dumped again and compared. Without it, the drill proves that the backup restores.
    type: bool
    default: true
  client_folder:
    description:
      - The folder of PostgreSQL's programs, with C(initdb) and C(postgres) among them, for example C(/usr/lib/postgresql/17/bin).
      - By default they are looked up on E(PATH). They must not be older than the server that was dumped.
    type: path
requirements:
  - PostgreSQL's server and client programs on the host that runs the module, and the extensions that the backup uses
  - A user other than root, because PostgreSQL does not run as root
seealso:
  - module: bandr.postgres.pg_backup_verify
  - module: bandr.postgres.pg_backup_info
"""

EXAMPLES = r"""
- name: Drill the latest backup
  bandr.postgres.pg_backup_drill:
    root: /srv/backup
    scratch: /var/tmp
  become: true
  become_user: postgres

- name: Drill the backup of ten o'clock without comparing
  bandr.postgres.pg_backup_drill:
    root: /srv/backup
    from_backup: "2026-11-22T10:07:00Z"
    compare: false
  become: true
  become_user: postgres
"""

RETURN = r"""
msg:
  description: How the drill ended, in a sentence.
  type: str
  returned: always
  sample: >-
    Backup 2026-11-22T10:07:00Z passed its drill: 3 databases were restored in 40 s, 3 of them equal to the backup when dumped again.
backup:
  description: The backup that was drilled.
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
  description: What became of each database, in the order of the backup. Empty when the drill did not come that far.
  type: list
  elements: dict
  returned: success, and when it had begun
  contains:
    name:
      description: The database.
      type: str
      returned: always
      sample: orders
    state:
      description: One of V(restored), V(failed), V(skipped) (every server has it, and the backup adds nothing) and V(not started).
      type: str
      returned: always
      sample: restored
    seconds:
      description: How long its restore took.
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
    comparison:
      description:
        - V(equal) when a new dump holds the same definitions and rows, V(rows equal) when all rows are the same and definitions
          cannot be compared, V(different), or V(not compared).
      type: str
      returned: always
      sample: equal
    why:
      description: Why it is not V(equal). Empty where it is.
      type: str
      returned: always
      sample: ""
globals:
  description: The comparison of roles and tablespaces.
  type: dict
  returned: success, and when it had begun
  contains:
    comparison:
      description: As that of a database.
      type: str
      returned: always
      sample: equal
    why:
      description: Why it is not V(equal). Empty where it is.
      type: str
      returned: always
      sample: ""
server_version:
  description: The version of the throw-away server, or null when the drill did not come that far.
  type: str
  returned: success, and when it had begun
  sample: "17.10"
problems:
  description: Everything that stops the restore into this server, in sentences.
  type: list
  elements: str
  returned: success, and when it had begun
  sample: []
seconds:
  description: How long the drill took.
  type: float
  returned: success, and when it had begun
  sample: 40.3
details:
  description: Facts about the failure for other tasks, such as the V(nearest) backups to a time that none has.
  type: dict
  returned: when the volume or what was asked for is at fault
  sample: {nearest: ["2026-11-22T09:07:00Z", "2026-11-22T10:07:00Z"]}
code:
  description: The engine's exit code for this kind of failure.
  type: int
  returned: failure
  sample: 12
reason:
  description: The kind of failure in one word.
  type: str
  returned: failure
  sample: drill
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.bandr.postgres.plugins.module_utils._args import DRILL_SPEC, VOLUME_SPEC
from ansible_collections.bandr.postgres.plugins.module_utils._door import drill_request_of, run_operation
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.drill import drill


def main() -> None:
    """Drill a backup."""
    module = AnsibleModule(argument_spec=dict(VOLUME_SPEC, **DRILL_SPEC), supports_check_mode=True)

    def operation(context: Context) -> dict[str, Any]:
        return drill(context, drill_request_of(module.params, module.check_mode))

    run_operation(module, operation)


if __name__ == "__main__":
    main()
