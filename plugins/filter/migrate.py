# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.migrate``."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.migration import MigrationError, migrate

DOCUMENTATION = r"""
name: migrate
short_description: Translate the parameters of bandr-ansible
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Makes variables for an inventory of the variables that the playbooks of InformaticsMatters' C(bandr-ansible) take.
  - The volume claim, the schedules and the counts stay as they are. The password becomes a secret.
  - The playbook C(bandr.postgres.migrate) writes an inventory with it.
options:
  _input:
    description:
      - The variables of a parameter file.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Read the parameter file
  ansible.builtin.include_vars:
    file: parameters.yaml
    name: old

- name: Show what the host's variables become
  ansible.builtin.debug:
    msg: "{{ (old | bandr.postgres.migrate).variables }}"
"""

RETURN = r"""
_value:
  description:
    - C(variables) are those of the host. C(secrets) are more of them that belong into a vault.
      C(notes) are sentences on what has no heir and what is left to do.
  type: dict
  sample:
    variables:
      pg_backup_namespace: databases
      pg_backup_host: database
      pg_backup_volume_claim: database-backup
      pg_backup_tiers:
        hourly: {schedule: 14 2,6,10,14,18,22 * * *, count: 6}
    secrets:
      pg_backup_password: secret
    notes:
      - 'backup_image_tag has no heir: the image is built from the collection.'
"""


def migrated(parameters: object) -> dict:
    """Variables, secrets and notes; raises AnsibleFilterError with the sentence."""
    if not isinstance(parameters, Mapping):
        raise AnsibleFilterError("The parameters must be variables with values, not %s." % type(parameters).__name__)
    try:
        migration = migrate(parameters)
    except MigrationError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"variables": migration.variables, "secrets": migration.secrets, "notes": migration.notes}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"migrate": migrated}
