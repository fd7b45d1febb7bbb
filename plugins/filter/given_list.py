# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.given_list``."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.given import GivenError, list_given

DOCUMENTATION = r"""
name: given_list
short_description: Take a list as an inventory or a survey gives it
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Gives a list back, also where it comes as text, because a survey has nothing else.
options:
  _input:
    description:
      - A list, or text that says one, as JSON or with commas. A single value is a list of one, and nothing an empty list.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Show two names
  ansible.builtin.debug:
    msg: "{{ 'one, two' | bandr.postgres.given_list }}"
"""

RETURN = r"""
_value:
  description: The list.
  type: list
  elements: raw
  sample: [one, two]
"""


def given_list(value: object) -> list:
    """The list that ``value`` is or says; raises AnsibleFilterError with the sentence."""
    try:
        return list_given(value)
    except GivenError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"given_list": given_list}
