# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The termination message of a container: one line for people, one for programs."""

from __future__ import annotations

import json
import os
from typing import Any, Mapping

_KUBERNETES_FILE = "/dev/termination-log"
# Kubernetes keeps this many bytes of a container's message.
_LIMIT = 4096
_KEYS = ("changed", "code", "reason", "tier", "seconds", "plain_size", "stored_size", "missing", "removed", "warnings")


def write_termination_message(environment: Mapping[str, str], word: str, result: dict[str, Any]) -> None:
    """Write ``word`` and ``result`` to the file named by BANDR_TERMINATION_LOG, or Kubernetes' own where it exists.

    Without such a file, or where it cannot be written, nothing happens: the exit code says it all the same.
    """
    path = environment.get("BANDR_TERMINATION_LOG", _KUBERNETES_FILE)
    if not os.path.exists(path) and "BANDR_TERMINATION_LOG" not in environment:
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(compose(word, result))
    except OSError:
        pass


def compose(word: str, result: dict[str, Any]) -> str:
    """The two lines, at most 4,096 bytes together: what is too long is left out, the JSON stays whole."""
    facts = {key: result[key] for key in _KEYS if key in result}
    backup = result.get("backup")
    if isinstance(backup, dict):
        facts["backup"] = backup.get("name")
    databases = result.get("databases")
    if isinstance(databases, list):
        facts["databases"] = [{key: entry.get(key) for key in ("name", "state")} for entry in databases if isinstance(entry, dict)]
    # A name may hold bytes that are no text.
    message = ("%s %s" % (word, " ".join(str(result.get("message", "")).split()))).encode("utf-8", "backslashreplace")
    for droppable in ("warnings", "removed", "databases", None):
        text = json.dumps(facts, sort_keys=True)
        room = _LIMIT - len(text) - 1
        if room >= min(len(message), _LIMIT // 2) or droppable is None:
            break
        facts.pop(droppable, None)
    short = message[: max(room - 1, 0)].decode("utf-8", "ignore")
    return "%s\n%s" % (short, text)
