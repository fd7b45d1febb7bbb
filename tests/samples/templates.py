# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``oc process`` makes of a Template, by the documented rules, where there is neither ``oc`` nor template.openshift.io.

``${NAME}`` anywhere in a text is replaced by the parameter's value; ``${{NAME}}`` must be the whole text and becomes what the value
means as JSON, or stays a text where it means nothing; a reference to no parameter stays; a required parameter must have a value.

    templates.py FILE [NAME=VALUE ...]     writes the objects as a List, as oc process does
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

_IN_TEXT = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_WHOLE = re.compile(r"\$\{\{([A-Za-z0-9_]+)\}\}")


def process(template: dict[str, Any], **answers: str) -> list[dict[str, Any]]:
    """The objects of a Template with these values in place of its defaults."""
    values = {parameter["name"]: parameter.get("value", "") for parameter in template["parameters"]}
    unknown = set(answers) - set(values)
    if unknown:
        raise ValueError("unknown parameter name %s" % ", ".join(sorted(unknown)))
    values.update(answers)
    missing = [parameter["name"] for parameter in template["parameters"] if parameter.get("required") and not values[parameter["name"]]]
    if missing:
        raise ValueError("parameter %s is required and must be specified" % ", ".join(missing))
    return [_processed(one, values) for one in template["objects"]]


def _processed(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {_in_text(key, values): _processed(entry, values) for key, entry in value.items()}
    if isinstance(value, list):
        return [_processed(entry, values) for entry in value]
    if not isinstance(value, str):
        return value
    whole = _WHOLE.fullmatch(value)
    if whole and whole[1] in values:
        try:
            return json.loads(values[whole[1]])
        except ValueError:
            return values[whole[1]]
    return _in_text(value, values)


def _in_text(text: str, values: dict[str, str]) -> str:
    return _IN_TEXT.sub(lambda found: values.get(found[1], found[0]), text)


if __name__ == "__main__":
    (read,) = yaml.safe_load_all(Path(sys.argv[1]).read_text(encoding="utf-8"))
    items = process(read, **dict(answer.split("=", 1) for answer in sys.argv[2:]))
    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, sys.stdout)
