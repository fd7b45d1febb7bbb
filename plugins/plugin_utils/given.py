# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists and maps as an inventory or a survey gives them: a survey has nothing but text, and people write numbers where text is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_dict


class GivenError(ValueError):
    """A value that is no list or no map, and no text that says one; the message is a sentence."""


def map_given(value: object, texts: bool = False) -> dict[str, Any]:
    """A map, also from JSON or ``a=b, c=d``; with ``texts`` each of its values as the text that YAML has for it. Raises GivenError."""
    if value in (None, ""):
        return {}
    try:
        found = dict(value) if isinstance(value, Mapping) else check_type_dict(value)
    except (TypeError, ValueError) as error:
        raise GivenError("%r is no map, and no text that says one as JSON or as a=b." % (value,)) from error
    return {str(key): _text(one) if texts else one for key, one in found.items()}


def list_given(value: object) -> list[Any]:
    """A list, also from JSON, from text with commas, or of a single value; raises GivenError."""
    if value in (None, ""):
        return []
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Mapping):
        raise GivenError("%r is a map where a list is meant." % (value,))
    text = str(value).strip()
    if not text.startswith("["):
        return [part for part in map(str.strip, text.split(",")) if part]
    try:
        return list(json.loads(text))
    except ValueError as error:
        raise GivenError("%r begins as a list in JSON, and is none." % text) from error


def _text(value: object) -> str:
    if value is None:
        return ""
    # YAML's true is not Python's True.
    return value if isinstance(value, str) else json.dumps(value)
