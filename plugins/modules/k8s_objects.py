# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: k8s_objects
short_description: Apply a set of Kubernetes objects and delete what no longer belongs to it
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Applies all objects on the server's side, shows a difference for each of them,
    and deletes what carries the same labels and is not declared.
  - It is M(kubernetes.core.k8s) for a whole set. That module shows no differences for a list, and has nothing for what is left over.
  - Nothing is deleted when an object could not be applied.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
options:
  definitions:
    description:
      - The objects. Each has C(apiVersion), C(kind) and C(metadata.name); a namespace where its kind has one.
    type: list
    elements: dict
    default: []
  secret_data:
    description:
      - Values of the Secrets in O(definitions), by the Secret's name and then by key, as plain text.
      - They are never shown, neither here nor in a difference.
    type: dict
  namespace:
    description:
      - Where O(owned_kinds) are looked for.
    type: str
  owned_kinds:
    description:
      - The kinds of which all objects that O(selector) finds belong to the set. Without any, nothing is deleted.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: The kind.
        type: str
        required: true
      api_version:
        description: Its API version.
        type: str
        required: true
  selector:
    description:
      - Labels that all objects of the set carry, as C(kubectl --selector) takes them.
    type: list
    elements: str
    default: []
  field_manager:
    description:
      - The name under which the fields are owned.
    type: str
    default: bandr.postgres
requirements:
  - python >= 3.9
  - kubernetes >= 24.2.0
attributes:
  check_mode:
    description: The API server tries everything and keeps nothing.
    support: full
  diff_mode:
    description: One difference for each object that changes.
    support: full
  idempotent:
    description: Objects that are as declared stay untouched.
    support: full
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Keep exactly one ConfigMap of ours in the namespace
  bandr.postgres.k8s_objects:
    namespace: databases
    selector: [app.kubernetes.io/managed-by=example]
    owned_kinds:
      - kind: ConfigMap
        api_version: v1
    definitions:
      - apiVersion: v1
        kind: ConfigMap
        metadata:
          name: settings
          namespace: databases
          labels:
            app.kubernetes.io/managed-by: example
        data:
          colour: blue
"""

RETURN = r"""
objects:
  description: What happened to each object, or would happen in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: The kind.
      type: str
      sample: CronJob
    name:
      description: The name.
      type: str
      sample: orders-backup-hourly
    state:
      description: One of created, changed, unchanged and deleted.
      type: str
      sample: unchanged
"""

from ansible_collections.bandr.postgres.plugins.module_utils._apply import ClusterError, Selection, bring_about, with_secret_data
from ansible_collections.bandr.postgres.plugins.module_utils._cluster import DynamicCluster
from ansible_collections.kubernetes.core.plugins.module_utils.ansiblemodule import AnsibleModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

OPTIONS = {
    "definitions": {"type": "list", "elements": "dict", "default": []},
    "secret_data": {"type": "dict", "no_log": True},
    "namespace": {"type": "str"},
    "owned_kinds": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"kind": {"type": "str", "required": True}, "api_version": {"type": "str", "required": True}},
    },
    "selector": {"type": "list", "elements": "str", "default": []},
    "field_manager": {"type": "str", "default": "bandr.postgres"},
}


def execute(module: AnsibleK8SModule) -> None:
    """Bring the set about and answer in Ansible's way."""
    params = module.params
    owned = None
    if params["owned_kinds"]:
        if not (params["namespace"] and params["selector"]):
            module.fail_json(msg="owned_kinds needs namespace and selector: without them everything there would be left over.")
        kinds = tuple((one["kind"], one["api_version"]) for one in params["owned_kinds"])
        owned = Selection(params["namespace"], ",".join(params["selector"]), kinds)
    cluster = DynamicCluster(get_api_client(module), params["field_manager"])
    changes = bring_about(cluster, with_secret_data(params["definitions"], params["secret_data"]), owned)
    for warning in cluster.warnings:
        module.warn(warning)
    done = [change for change in changes if change.state not in ("unchanged", "failed")]
    result = {
        "changed": bool(done),
        "objects": [{"kind": change.kind, "name": change.name, "state": change.state} for change in changes],
        "diff": [change.diff() for change in done],
    }
    errors = [change.error for change in changes if change.error]
    if errors:
        module.fail_json(msg=" ".join(errors), **result)
    module.exit_json(**result)


def main() -> None:
    """Read the options and go."""
    module = AnsibleK8SModule(module_class=AnsibleModule, argument_spec=dict(AUTH_ARG_SPEC, **OPTIONS), supports_check_mode=True)
    try:
        execute(module)
    except ClusterError as error:
        module.fail_json(msg=str(error))
    except CoreException as error:
        module.fail_from_exception(error)


if __name__ == "__main__":
    main()
