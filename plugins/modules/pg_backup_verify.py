#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read stored backups to their ends and remember the proof."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backup_verify
short_description: Read stored backups to their ends and compare every checksum
version_added: 1.0.0
description:
  - Re-reads stored backups and compares checksums, section table and end mark with the manifest.
  - A backup without a manifest, such as the predecessor's, is read through once. The proof is remembered beside it.
  - A backup that turns out damaged is marked as such. It is no longer selected, counted or promoted, and never removed.
author:
  - The bandr.postgres authors (@bandr)
extends_documentation_fragment:
  - bandr.postgres.attributes
  - bandr.postgres.volume
attributes:
  check_mode:
    support: full
    details: The backups that would be read are returned, but none is read.
  diff_mode:
    support: none
    details: The module changes no more than the recorded state of a backup, which it returns.
  idempotent:
    support: full
    details: A second run finds what the first one recorded.
options:
  from_backup:
    description:
      - What to verify, V(all), V(unproven), or one backup by V(latest), a time, or a file name.
    type: str
    default: all
  tiers:
    description: The tiers to verify.
    type: list
    elements: str
    choices: [hourly, daily, weekly, monthly]
    default: [hourly, daily, weekly, monthly]
seealso:
  - module: bandr.postgres.pg_backup_info
"""

EXAMPLES = r"""
- name: Verify everything on the volume
  bandr.postgres.pg_backup_verify:
    root: /srv/backup

- name: Verify the latest backup only
  bandr.postgres.pg_backup_verify:
    root: /srv/backup
    from_backup: latest
"""

RETURN = r"""
msg:
  description: What was done, in a sentence.
  type: str
  returned: always
  sample: "Read and proven: 31 backups."
backups:
  description: The backups that were read, or would be.
  type: list
  elements: dict
  returned: success, and when a backup is damaged
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
    verified:
      description: Whether it was read to its end and is whole.
      type: bool
      returned: always
      sample: true
damaged:
  description: The backups that are damaged, each with its tier.
  type: list
  elements: str
  returned: success, and when a backup is damaged
  sample: ["hourly/2026-11-22T10:07:00Z"]
details:
  description: Facts about the failure for other tasks, such as the V(nearest) backups to a time that none has.
  type: dict
  returned: when the volume or what was asked for is at fault
  sample: {nearest: ["2026-11-22T09:07:00Z", "2026-11-22T10:07:00Z"]}
code:
  description: The engine's exit code for this kind of failure.
  type: int
  returned: failure
  sample: 8
reason:
  description: The kind of failure in one word.
  type: str
  returned: failure
  sample: damaged
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.bandr.postgres.plugins.module_utils._args import VERIFY_SPEC, VOLUME_SPEC
from ansible_collections.bandr.postgres.plugins.module_utils._door import run_operation
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.verify import VerifyRequest, verify


def main() -> None:
    """Verify backups."""
    module = AnsibleModule(argument_spec=dict(VOLUME_SPEC, **VERIFY_SPEC), supports_check_mode=True)

    def operation(context: Context) -> dict[str, Any]:
        params = module.params
        return verify(context, VerifyRequest(params["root"], params["from_backup"], tuple(params["tiers"]), module.check_mode))

    run_operation(module, operation)


if __name__ == "__main__":
    main()
