# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter ``bandr.postgres.given_map``."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.plugin_utils.given import GivenError, map_given

DOCUMENTATION = r"""
name: given_map
short_description: Take a map as an inventory or a survey gives it
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Gives a map back, also where it comes as text, because a survey has nothing else.
options:
  _input:
    description:
      - A map, or text that says one, as JSON or as V(a=b, c=d). Nothing is an empty map.
    type: raw
    required: true
  texts:
    description:
      - Whether each value is made text, as labels and annotations must be. V(true) and V(1234) become what YAML has for them.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show labels that are all text
  ansible.builtin.debug:
    msg: "{{ {'example.com/cost-centre': 1234, 'example.com/production': true} | bandr.postgres.given_map(texts=true) }}"
"""

RETURN = r"""
_value:
  description: The map.
  type: dict
  sample: {example.com/cost-centre: '1234', example.com/production: 'true'}
"""


def given_map(value: object, texts: bool = False) -> dict:
    """The map that ``value`` is or says; raises AnsibleFilterError with the sentence."""
    try:
        return map_given(value, texts)
    except GivenError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict:
        """The filter by its name."""
        return {"given_map": given_map}
