# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The action plugin of this name does the work; this describes it.
from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_apply
short_description: Apply the objects of all servers of a play at once
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Renders the templates of the role P(bandr.postgres.pg_backup#role) for every server of the play and gives all of them to
    M(bandr.postgres.k8s_objects), once for each cluster.
  - It belongs to that role and to a task with C(run_once), whose result M(bandr.postgres.fleet_part) gives to each server.
options:
  token:
    description:
      - The look that the servers come from. Those that it refused are left out.
    type: str
    required: true
  images:
    description:
      - The results of M(bandr.postgres.image_build) and M(bandr.postgres.openshift_build) for the images that the look wanted.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    description: The API server tries everything and keeps nothing.
    support: full
  diff_mode:
    description: The differences are in the part of each server.
    support: full
  idempotent:
    description: Objects that are as declared stay untouched.
    support: full
seealso:
  - module: bandr.postgres.k8s_objects
  - module: bandr.postgres.fleet_part
"""

EXAMPLES = r"""
- name: Apply the objects of all servers
  bandr.postgres.fleet_apply:
    token: "{{ pg_backup_look.token }}"
    images: "{{ pg_backup_images_pushed.results }}"
  register: pg_backup_applied
  run_once: true
"""

RETURN = r"""
servers:
  description: What became of each server's objects, or why it fails.
  returned: success
  type: dict
  sample:
    orders:
      changed: true
      objects: [{kind: CronJob, name: orders-backup-hourly, state: created}]
      diff: []
unsettled:
  description: Servers of the play that failed, or whose turn is not yet. One of them may be what the inventory seems to lack, under a new name.
  returned: success
  type: list
  elements: str
  sample: []
others:
  description: Servers that none of the play's is, and that have objects in the same namespaces.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The server.
      type: str
      sample: billing
    kubeconfig:
      description: The kubeconfig of its cluster, where one is set.
      type: str
      sample: ''
    context:
      description: The context of its cluster, where one is set.
      type: str
      sample: ''
    namespace:
      description: Its namespace.
      type: str
      sample: databases
    selector:
      description: The labels of its objects.
      type: list
      elements: str
      sample: [app.kubernetes.io/instance=billing]
    kept_kinds:
      description: Kinds of which its objects must stay, because a server of the play uses one of them.
      type: list
      elements: str
      sample: [Secret]
"""
