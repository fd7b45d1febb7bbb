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
  - What is as declared already, is not sent again. After a change the module reads it back, because another controller may have undone it.
  - With O(sets) it does all of this for many sets at once, each for itself, as fast as one.
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
      - A cluster that does not have one of them holds none of it.
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
      optional:
        description: Whether no right to list the kind is no error, because then nothing of it can belong to the set either.
        type: bool
        default: false
  selector:
    description:
      - Labels that all objects of the set carry, as C(kubectl --selector) takes them.
    type: list
    elements: str
    default: []
  sets:
    description:
      - Several sets instead of the one that the options above describe. An error in one does not touch the others and does not fail
        the task; RV(sets) tells it.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What RV(sets) calls it.
        type: str
        required: true
      definitions:
        description: As O(definitions).
        type: list
        elements: dict
        default: []
      secret_data:
        description: As O(secret_data).
        type: dict
      namespace:
        description: Where O(sets[].selector) looks.
        type: str
        required: true
      selector:
        description: Labels of the objects of this set and of its neighbours. Sets that say the same here are looked for together.
        type: list
        elements: str
        required: true
      labels:
        description: Labels that tell the objects of this set from those of its neighbours.
        type: dict
        default: {}
      owned_kinds:
        description: As O(owned_kinds).
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
          optional:
            description: As O(owned_kinds[].optional).
            type: bool
            default: false
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
  returned: without O(sets)
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
sets:
  description: What became of each set by its name.
  returned: with O(sets)
  type: dict
  sample:
    orders:
      changed: true
      error: ''
      objects: [{kind: ConfigMap, name: settings, state: created}]
      diff: []
others:
  description: Objects that a selector found and that are of none of the sets. They stay as they are.
  returned: with O(sets)
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
      sample: billing-backup-hourly
    namespace:
      description: The namespace.
      type: str
      sample: databases
    labels:
      description: Its labels.
      type: dict
      sample: {app.kubernetes.io/instance: billing}
"""

from ansible_collections.bandr.postgres.plugins.module_utils._apply import Change, ClusterError, ObjectSet, bring_about, with_secret_data
from ansible_collections.bandr.postgres.plugins.module_utils._cluster import DynamicCluster
from ansible_collections.bandr.postgres.plugins.module_utils._quiet import QuietModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

OWNED_KINDS = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "options": {
        "kind": {"type": "str", "required": True},
        "api_version": {"type": "str", "required": True},
        "optional": {"type": "bool", "default": False},
    },
}
OPTIONS = {
    "definitions": {"type": "list", "elements": "dict", "default": []},
    "secret_data": {"type": "dict", "no_log": True},
    "namespace": {"type": "str"},
    "owned_kinds": OWNED_KINDS,
    "selector": {"type": "list", "elements": "str", "default": []},
    "sets": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "definitions": {"type": "list", "elements": "dict", "default": []},
            "secret_data": {"type": "dict", "no_log": True},
            "namespace": {"type": "str", "required": True},
            "selector": {"type": "list", "elements": "str", "required": True},
            "labels": {"type": "dict", "default": {}},
            "owned_kinds": OWNED_KINDS,
        },
    },
    "field_manager": {"type": "str", "default": "bandr.postgres"},
}


def object_set(given: dict) -> ObjectSet:
    """A set as the options describe it."""
    return ObjectSet(
        name=given.get("name", ""),
        definitions=with_secret_data(given["definitions"], given["secret_data"]),
        namespace=given["namespace"] or "",
        selector=",".join(given["selector"]),
        labels=given.get("labels", {}),
        kinds=tuple((one["kind"], one["api_version"]) for one in given["owned_kinds"]),
        optional=tuple((one["kind"], one["api_version"]) for one in given["owned_kinds"] if one["optional"]),
    )


def told(changes: list[Change], with_diff: bool) -> dict:
    """What became of a set, as Ansible shows it."""
    done = [change for change in changes if change.state not in ("unchanged", "failed")]
    return {
        "changed": bool(done),
        # A right that is missing stops many objects and is told once.
        "error": " ".join(dict.fromkeys(change.error for change in changes if change.error)),
        "objects": [{"kind": change.kind, "name": change.name, "state": change.state} for change in changes],
        "diff": [change.diff() for change in done] if with_diff else [],
    }


def execute(module: AnsibleK8SModule) -> None:
    """Bring the sets about and answer in Ansible's way."""
    params = module.params
    if params["owned_kinds"] and not (params["namespace"] and params["selector"]):
        module.fail_json(msg="owned_kinds needs namespace and selector: without them everything there would be left over.")
    cluster = DynamicCluster(get_api_client(module), params["field_manager"])
    sets = [object_set(one) for one in params["sets"] or [params]]
    outcome = bring_about(cluster, sets, look_again=not module.check_mode)
    for warning in cluster.warnings:
        module.warn(warning)
    results = {name: told(changes, module._diff) for name, changes in outcome.changes.items()}
    if params["sets"]:
        others = [dict(found["metadata"], kind=found["kind"]) for found in outcome.others]
        module.exit_json(
            changed=any(result["changed"] for result in results.values()),
            sets=results,
            others=[{key: one.get(key) for key in ("kind", "name", "namespace", "labels")} for one in others],
        )
    result = results[""]
    error = result.pop("error")
    if error:
        module.fail_json(msg=error, **result)
    module.exit_json(**result)


def main() -> None:
    """Read the options and go."""
    module = AnsibleK8SModule(module_class=QuietModule, argument_spec=dict(AUTH_ARG_SPEC, **OPTIONS), supports_check_mode=True)
    try:
        execute(module)
    except ClusterError as error:
        module.fail_json(msg=str(error))
    except CoreException as error:
        module.fail_from_exception(error)


if __name__ == "__main__":
    main()
