# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finished Job has to say: its container's termination message, exit code and a sentence for people."""

from __future__ import annotations

import json
import re
from typing import Any

from .status import COMPLETE, FAILED, HOPELESS, Verdict, container_status

_SECRET_NAME = re.compile(r"PASSW|SECRET|TOKEN|CREDENTIAL|PGADMINPASS|(^|_)(API|ACCESS|PRIVATE)_?KEY", re.IGNORECASE)
# The word by which our own programs begin says nothing that the Job's state does not.
_STATUS_WORD = re.compile(r"^(SUCCESS|FAILURE)\b[: ]*")
_MASK = "********"


def parse_termination_message(message: str) -> dict[str, Any] | None:
    """The facts in the last line that is a JSON object, or None where there is no such line."""
    for line in reversed(message.splitlines()):
        if line.lstrip().startswith("{"):
            try:
                facts = json.loads(line)
            except ValueError:
                continue
            if isinstance(facts, dict):
                return facts
    return None


def describe(name: str, verdict: Verdict, pod: dict[str, Any] | None, log: str, container: str | None = None) -> str:
    """One sentence about how the Job ``name`` ended, or why it never will."""
    if verdict.state == HOPELESS:
        return "The Job %s cannot start. %s" % (name, verdict.message)
    terminated = container_status(pod, container).get("state", {}).get("terminated") or {}
    said = _STATUS_WORD.sub("", first_line(terminated.get("message") or ""))
    if verdict.state == COMPLETE:
        return "The Job %s is complete%s" % (name, ": " + said if said else ".")
    if verdict.state != FAILED:
        return verdict.message
    if verdict.reason == "DeadlineExceeded":
        return "The Job %s failed: it ran longer than the activeDeadlineSeconds it was given, and was stopped." % name
    return "The Job %s failed: %s" % (name, _why_failed(verdict, pod or {}, terminated, said, log))


def _why_failed(verdict: Verdict, pod: dict[str, Any], terminated: dict[str, Any], said: str, log: str) -> str:
    status = pod.get("status", {})
    if status.get("reason"):
        return "its pod was ended by the cluster (%s): %s." % (status["reason"], (status.get("message") or "").strip().rstrip("."))
    if terminated.get("reason") == "OOMKilled":
        return "its container needed more memory than its limit and was killed. Raise the memory limit."
    if terminated.get("reason") in ("StartError", "ContainerCannotRun"):
        return "its container could not be started: %s." % said.rstrip(".")
    if said:
        return said
    if "exitCode" in terminated:
        last = first_line("\n".join(reversed(log.splitlines())))
        return "its container ended with exit code %d%s" % (terminated["exitCode"], ". It said last: " + last if last else ".")
    return "%s." % (verdict.message or verdict.reason)


def first_line(text: str) -> str:
    """The first line that is not empty."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def plain_secrets(definition: dict[str, Any]) -> list[str]:
    """Values of variables whose names say that they are secret, and that a definition holds in plain text."""
    return [entry["value"] for entry in _variables(definition) if _is_secret(entry)]


def without_secrets(definition: dict[str, Any]) -> dict[str, Any]:
    """A copy of a Job to show to people: no plain secrets, and nothing that the API server adds."""
    shown: dict[str, Any] = json.loads(json.dumps(definition))
    for entry in _variables(shown):
        if _is_secret(entry):
            entry["value"] = _MASK
    shown.pop("status", None)
    for key in ("managedFields", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink"):
        shown.get("metadata", {}).pop(key, None)
    return shown


def _variables(definition: dict[str, Any]) -> list[dict[str, Any]]:
    pod = ((definition.get("spec") or {}).get("template") or {}).get("spec") or {}
    containers = [container for kind in ("initContainers", "containers") for container in pod.get(kind) or []]
    return [entry for container in containers for entry in container.get("env") or []]


def _is_secret(entry: dict[str, Any]) -> bool:
    # The name of a file that holds a password is no secret.
    name = str(entry.get("name", ""))
    return bool(entry.get("value")) and bool(_SECRET_NAME.search(name)) and not name.upper().endswith(("FILE", "PATH"))
