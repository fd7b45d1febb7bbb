#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_cronjob_pause
short_description: Pause Kubernetes CronJobs, and resume exactly what was paused
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Suspends CronJobs, remembers in the annotation C(bandr.postgres/paused) who did it and when, and waits until the Jobs they started are over.
  - To resume undoes a pause, also one that a killed program left behind, and leaves alone what was suspended by its owner.
options:
  namespace:
    description:
      - The namespace of the CronJobs.
    type: str
    required: true
  label_selectors:
    description:
      - Labels that the CronJobs carry.
      - Needed unless there are O(names).
    type: list
    elements: str
  names:
    description:
      - Names of the CronJobs. Those that are not there are passed over.
      - Without O(job_selectors), a pause then waits for the Jobs that these CronJobs started, whatever labels they carry.
    type: list
    elements: str
  job_selectors:
    description:
      - With O(state=paused), labels of the Jobs to wait for, by default the same as O(label_selectors).
      - With O(state=resumed), labels of Jobs that forbid to resume while one of them still runs. By default there are none.
    type: list
    elements: str
  state:
    description:
      - Whether to pause or to resume.
    type: str
    choices: [paused, resumed]
    default: paused
  by:
    description:
      - Who pauses, for people who find the annotation.
    type: str
    default: Ansible
  wait:
    description:
      - Whether to wait for the Jobs that run already.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait for them.
    type: int
    default: 3600
  grace:
    description:
      - Seconds that a Job may look as if it could never start. After them it is deleted, since it would hold everything up now
        and might start in the middle of what the pause is for.
    type: int
    default: 20
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
requirements:
  - kubernetes >= 24.2.0
  - PyYAML >= 3.11
attributes:
  check_mode:
    description: The API server is asked whether it would accept the changes; nothing is waited for.
    support: full
  diff_mode:
    description: Shows which CronJobs are suspended before and after.
    support: full
  idempotent:
    description: What is paused is not paused again.
    support: full
seealso:
  - module: bandr.postgres.k8s_job
"""

EXAMPLES = r"""
- name: Work without backups
  block:
    - name: Pause the backups of orders, and wait for the one that runs
      bandr.postgres.k8s_cronjob_pause:
        namespace: databases
        label_selectors:
          - app.kubernetes.io/instance=orders
        by: upgrade of orders

    - name: Upgrade
      ansible.builtin.include_tasks: upgrade.yml
  always:
    - name: Resume the backups of orders
      bandr.postgres.k8s_cronjob_pause:
        namespace: databases
        label_selectors:
          - app.kubernetes.io/instance=orders
        state: resumed
"""

RETURN = r"""
msg:
  description: What was done to each CronJob, in a sentence.
  returned: always
  type: str
  sample: "orders-backup-hourly: paused; orders-backup-daily: suspended by its owner and left so."
cronjobs:
  description: The CronJobs.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
      returned: always
      sample: orders-backup-hourly
    suspended:
      description: Whether it is suspended now.
      type: bool
      returned: always
      sample: true
    changed:
      description: Whether it was changed.
      type: bool
      returned: always
      sample: true
    note:
      description: What was done, or why nothing.
      type: str
      returned: always
      sample: paused
    paused_by:
      description: Who paused it; empty when it is not paused.
      type: str
      returned: always
      sample: upgrade of orders
    paused_at:
      description: When it was paused, in UTC; empty when it is not paused.
      type: str
      returned: always
      sample: '2026-11-22T10:07:00Z'
waited_for:
  description: Jobs whose end was waited for.
  returned: success
  type: list
  elements: str
  sample: [orders-backup-hourly-29401987]
deleted:
  description: Jobs that could not start and were deleted.
  returned: success
  type: list
  elements: str
  sample: []
running:
  description: Jobs that forbade to resume.
  returned: success
  type: list
  elements: str
  sample: []
"""

from datetime import datetime, timezone

from ansible_collections.bandr.postgres.plugins.module_utils._jobs.door import run_in_cluster
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.pause import Pause
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.pausing import PAUSED, RESUMED, PauseRequest, apply_pause
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import Patience
from ansible_collections.bandr.postgres.plugins.module_utils._quiet import QuietModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC


def main() -> None:
    """Read the options, pause or resume, and answer in Ansible's way."""
    module = QuietModule(
        argument_spec=dict(
            AUTH_ARG_SPEC,
            namespace={"type": "str", "required": True},
            label_selectors={"type": "list", "elements": "str"},
            names={"type": "list", "elements": "str"},
            job_selectors={"type": "list", "elements": "str"},
            state={"type": "str", "choices": [PAUSED, RESUMED], "default": PAUSED},
            by={"type": "str", "default": "Ansible"},
            wait={"type": "bool", "default": True},
            timeout={"type": "int", "default": 3600},
            grace={"type": "int", "default": 20},
        ),
        required_one_of=[("label_selectors", "names")],
        supports_check_mode=True,
    )
    params = module.params
    request = PauseRequest(
        state=params["state"],
        selector=",".join(params["label_selectors"] or ()),
        names=None if params["names"] is None else tuple(params["names"]),
        jobs=",".join(params["job_selectors"] or ()),
        pause=Pause(params["by"], datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")),
        wait=params["wait"],
        patience=Patience(params["timeout"], params["grace"]),
        check_mode=module.check_mode,
    )
    run_in_cluster(module, lambda cluster: apply_pause(cluster, request), params["namespace"])


if __name__ == "__main__":
    main()
