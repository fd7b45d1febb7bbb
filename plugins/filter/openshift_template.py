# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.openshift_template``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.openshift_template import TemplateError, make_template

DOCUMENTATION = r"""
name: openshift_template
short_description: Make a Template of OpenShift out of the objects of a server's backups
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Puts parameters in the place of what differs between servers, such as the address, the image, the schedules and the counts.
    Each has the value as its default that the objects have, so that the Template, processed as it is, becomes the same objects again.
  - The playbook C(bandr.postgres.render) writes Templates with it.
options:
  _input:
    description:
      - The objects, as M(bandr.postgres.k8s_objects) applies them.
    type: list
    elements: dict
    required: true
  name:
    description:
      - The first part of the objects' names, which becomes the parameter C(NAME).
    type: str
    required: true
  namespace:
    description:
      - Their namespace, which becomes the parameter C(NAMESPACE).
    type: str
    required: true
  head:
    description:
      - What the Template says of itself, as C(name), C(title), C(description) and C(message).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a claim as a Template
  ansible.builtin.debug:
    msg: "{{ objects | bandr.postgres.openshift_template('orders', 'databases', head) }}"
  vars:
    head:
      name: orders-pvc
      title: Volume
      description: The volume of the backups.
      message: The claim was made.
    objects:
      - apiVersion: v1
        kind: PersistentVolumeClaim
        metadata:
          name: orders-backup
          namespace: databases
        spec:
          accessModes: [ReadWriteOnce]
          resources:
            requests:
              storage: 10Gi
"""

RETURN = r"""
_value:
  description: The Template.
  type: dict
  sample:
    apiVersion: template.openshift.io/v1
    kind: Template
    metadata:
      name: orders-pvc
    message: The claim was made.
    parameters:
      - name: BACKUP_VOLUME_SIZE
        description: The size of the volume.
        required: true
        value: 10Gi
    objects:
      - apiVersion: v1
        kind: PersistentVolumeClaim
"""


def openshift_template(objects: Sequence[Mapping], name: str, namespace: str, head: Mapping) -> dict:
    """The Template of ``objects``; raises AnsibleFilterError with the sentence."""
    try:
        return make_template(objects, {"NAME": str(name), "NAMESPACE": str(namespace)}, head)
    except TemplateError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"openshift_template": openshift_template}
