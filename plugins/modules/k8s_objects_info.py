# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_objects_info
short_description: Read many Kubernetes objects at once
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Answers many questions over one connection, where M(kubernetes.core.k8s_info) is started anew for each.
  - Of a Secret it returns the keys and never a value.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
options:
  questions:
    description:
      - What to read. A question that the API server refuses does not fail the task; its RV(answers[].error) says why.
    type: list
    elements: dict
    required: true
    suboptions:
      kind:
        description: The kind of the objects.
        type: str
        required: true
      api_version:
        description: Its API version.
        type: str
        default: v1
      namespace:
        description: Their namespace, where the kind has one.
        type: str
      name:
        description: The name of one object. Without it all objects are read that O(questions[].selector) finds.
        type: str
      selector:
        description: Labels that the objects carry, as C(kubectl --selector) takes them.
        type: list
        elements: str
        default: []
requirements:
  - python >= 3.9
  - kubernetes >= 24.2.0
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
  - module: kubernetes.core.k8s_info
"""

EXAMPLES = r"""
- name: Read a namespace, its volume claims, and which keys a Secret has
  bandr.postgres.k8s_objects_info:
    questions:
      - kind: Namespace
        name: databases
      - kind: PersistentVolumeClaim
        namespace: databases
      - kind: Secret
        namespace: databases
        name: orders-db
"""

RETURN = r"""
answers:
  description: One answer for each question, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    objects:
      description: The objects that were found.
      type: list
      elements: dict
      sample:
        - {apiVersion: v1, kind: Secret, metadata: {name: orders-db, namespace: databases}, data: {password: (hidden)}}
    known:
      description: Whether the cluster has objects of that kind at all.
      type: bool
      sample: true
    error:
      description: Why there is no answer; empty where there is one.
      type: str
      sample: ''
"""

from concurrent.futures import ThreadPoolExecutor

from ansible_collections.bandr.postgres.plugins.module_utils._apply import ClusterError, UnknownKind, without_values
from ansible_collections.bandr.postgres.plugins.module_utils._cluster import DynamicCluster
from ansible_collections.bandr.postgres.plugins.module_utils._quiet import QuietModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

WORKERS = 4
OPTIONS = {
    "questions": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "kind": {"type": "str", "required": True},
            "api_version": {"type": "str", "default": "v1"},
            "namespace": {"type": "str"},
            "name": {"type": "str"},
            "selector": {"type": "list", "elements": "str", "default": []},
        },
    },
}


def answer(cluster: DynamicCluster, question: dict) -> dict:
    """What the cluster says to one question."""
    kind, api_version, namespace = question["kind"], question["api_version"], question["namespace"] or ""
    try:
        if question["name"]:
            metadata = {"name": question["name"], "namespace": namespace or None}
            one = cluster.get({"kind": kind, "apiVersion": api_version, "metadata": metadata})
            found = [] if one is None else [one]
        else:
            found = cluster.list(kind, api_version, namespace, ",".join(question["selector"]))
    except ClusterError as error:
        return {"objects": [], "known": not isinstance(error, UnknownKind), "error": str(error)}
    return {"objects": [without_values(one) for one in found], "known": True, "error": ""}


def main() -> None:
    """Read the options and ask."""
    module = AnsibleK8SModule(module_class=QuietModule, argument_spec=dict(AUTH_ARG_SPEC, **OPTIONS), supports_check_mode=True)
    try:
        cluster = DynamicCluster(get_api_client(module))
        with ThreadPoolExecutor(WORKERS) as pool:
            answers = list(pool.map(lambda question: answer(cluster, question), module.params["questions"]))
    except CoreException as error:
        module.fail_from_exception(error)
    module.exit_json(changed=False, answers=answers)


if __name__ == "__main__":
    main()
