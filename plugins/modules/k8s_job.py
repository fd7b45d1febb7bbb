#!/usr/bin/python
# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_job
short_description: Run a Kubernetes Job to its end and bring back what it said
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Creates a Job, follows its log, and returns when the Job is complete, has failed, or can never start.
    What it said comes back as facts, the log, the termination message and the exit code.
  - A Job that can never start, because of its image, a missing Secret, claim or volume, a quota, an admission rule or a node
    that fits, is told after O(grace) seconds with the reason in a sentence, not when the time is over.
  - The module fails unless the Job completes. All return values are there when it fails as well.
options:
  definition:
    description:
      - The Job, as in a manifest.
      - Values of variables whose names say that they are secret are masked in everything that the module returns.
        Better let the Job take them from a Secret with C(secretKeyRef).
    type: dict
    required: true
  namespace:
    description:
      - The namespace of the Job, unless O(definition) names it.
    type: str
  container:
    description:
      - The container whose log, exit code and termination message are returned, by default the first one.
    type: str
  timeout:
    description:
      - Seconds to wait for the end. A Job that still runs after them is left running, since it may be in the middle of its work.
    type: int
    default: 3600
  grace:
    description:
      - Seconds that a Job may look as if it could never start before it is given up.
        Raise it where nodes are added on demand.
    type: int
    default: 20
  existing:
    description:
      - What to do about a Job that has the same name.
      - With V(attach), one that still runs is followed to its end when it was made from the same O(definition), and is an error otherwise.
        One that is over is replaced.
      - With V(replace), it is deleted in any case.
      - With V(refuse), it is an error in any case.
    type: str
    choices: [attach, replace, refuse]
    default: attach
  ended_since:
    description:
      - With O(existing=attach), a Job of the same O(definition) that was created at this time or later and is complete is not run again;
        what it said is returned instead. So a task that was interrupted can be repeated without doing its work twice.
      - A time in UTC such as V(2026-11-22T10:07:00Z).
    type: str
  delete_hopeless:
    description:
      - Whether to delete a Job that cannot start.
      - Otherwise it begins its work when somebody mends what kept it from starting, which may be hours later.
    type: bool
    default: true
  log_file:
    description:
      - A file to which each line of the log is appended as it comes, on the host that runs the module.
    type: path
  show_log:
    description:
      - Whether to show each line of the log as it comes, when the module runs on the machine that runs Ansible.
      - Lines that begin with a brace are for programs and are not shown.
    type: bool
    default: false
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
requirements:
  - kubernetes >= 24.2.0
  - PyYAML >= 3.11
attributes:
  check_mode:
    description: The API server is asked whether it would accept the Job; nothing runs.
    support: full
  diff_mode:
    description: Shows the Job.
    support: full
  idempotent:
    description: To run a Job is an action, so each call runs one, except that a Job which still runs is followed and not started twice.
    support: partial
seealso:
  - module: kubernetes.core.k8s
  - module: kubernetes.core.k8s_log
"""

EXAMPLES = r"""
- name: Migrate the schema, and know how it went
  bandr.postgres.k8s_job:
    namespace: shop
    timeout: 600
    definition:
      metadata:
        name: migrate
      spec:
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            containers:
              - name: migrate
                image: registry.example.com/shop/migrate:1.4
                env:
                  - name: PGPASSWORD
                    valueFrom:
                      secretKeyRef: {name: shop-db, key: password}
  register: migration

- name: Show its last words
  ansible.builtin.debug:
    msg: "{{ migration.log_lines[-5:] }}"
"""

RETURN = r"""
msg:
  description: One sentence about how the Job ended, or why it cannot start.
  returned: always
  type: str
  sample: "The Job migrate failed: its container ended with exit code 3. It said last: relation \"orders\" does not exist"
succeeded:
  description: Whether the Job completed.
  returned: always
  type: bool
  sample: true
outcome:
  description: How it ended; V(check) in check mode.
  returned: always
  type: str
  sample: complete
reason:
  description:
    - The reason in one word, as Kubernetes says it. V(QuotaExceeded) and V(ClaimNotFound) are told apart from others of their kind.
  returned: always
  type: str
  sample: CompletionsReached
job:
  description: The name of the Job.
  returned: always
  type: str
  sample: migrate
namespace:
  description: The namespace of the Job.
  returned: always
  type: str
  sample: shop
pod:
  description: The name of the pod of the last attempt, empty when there was none.
  returned: when not in check mode
  type: str
  sample: migrate-7xk2p
node:
  description: The node that ran the pod.
  returned: when not in check mode
  type: str
  sample: worker-3
exit_code:
  description: The container's exit code, V(null) when it did not end.
  returned: when not in check mode
  type: int
  sample: 0
termination_message:
  description: What the container wrote to its termination log.
  returned: when not in check mode
  type: str
  sample: "SUCCESS 12 steps\n{\"steps\": 12}"
result:
  description: The last line of the termination message that is a JSON object, as facts.
  returned: when not in check mode
  type: dict
  sample: {steps: 12}
log:
  description: The container's log; of a long one the last 20,000 lines.
  returned: when not in check mode
  type: str
  sample: "step 1\nstep 2\n"
log_lines:
  description: The same by lines.
  returned: when not in check mode
  type: list
  elements: str
  sample: [step 1, step 2]
attached:
  description: Whether the Job was there already and was only followed, or told.
  returned: always
  type: bool
  sample: false
ended_before:
  description: Whether the Job had ended before and was only told; see O(ended_since).
  returned: always
  type: bool
  sample: false
deleted:
  description: Whether the Job could not start and was deleted.
  returned: when not in check mode
  type: bool
  sample: false
seconds:
  description: How long it took.
  returned: when not in check mode
  type: float
  sample: 12.4
"""

from ansible_collections.bandr.postgres.plugins.module_utils._jobs.door import run_in_cluster
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.operation import EXISTING, JobRequest, run_job
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.outcome import plain_secrets
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import Patience
from ansible_collections.bandr.postgres.plugins.module_utils._quiet import QuietModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC


def main() -> None:
    """Read the options, run the Job, and answer in Ansible's way."""
    module = QuietModule(
        argument_spec=dict(
            AUTH_ARG_SPEC,
            definition={"type": "dict", "required": True},
            namespace={"type": "str"},
            container={"type": "str"},
            timeout={"type": "int", "default": 3600},
            grace={"type": "int", "default": 20},
            existing={"type": "str", "choices": list(EXISTING), "default": "attach"},
            ended_since={"type": "str"},
            delete_hopeless={"type": "bool", "default": True},
            log_file={"type": "path"},
            show_log={"type": "bool", "default": False},
        ),
        supports_check_mode=True,
    )
    params = module.params
    module.no_log_values.update(plain_secrets(params["definition"]))
    request = JobRequest(
        definition=params["definition"],
        namespace=params["namespace"],
        container=params["container"],
        existing=params["existing"],
        ended_since=params["ended_since"],
        patience=Patience(params["timeout"], params["grace"]),
        delete_hopeless=params["delete_hopeless"],
        check_mode=module.check_mode,
    )
    namespace = (params["definition"].get("metadata") or {}).get("namespace") or params["namespace"]
    run_in_cluster(module, lambda cluster: run_job(cluster, request), namespace, params["log_file"])


if __name__ == "__main__":
    main()
