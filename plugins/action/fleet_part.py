# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the part of one server out of what a task did for all of them."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Fails, changes and differs as the server did."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the part; without one the server was left out, which must not pass for success."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _valid, arguments = self.validate_argument_spec({"of": {"type": "str", "required": True}})
        variables = task_vars or {}
        # By its name and not templated, because that would copy all parts for each of them.
        whole = variables.get(arguments["of"]) or {}
        part = (whole.get("servers") or {}).get(variables["inventory_hostname"])
        if part is None:
            sentence = (
                "Nothing was done for %s: the task that works for all servers of the play was skipped or did not know it. "
                "Where a condition leaves out some servers, include the role (include_role) instead of importing it."
            )
            return dict(result, failed=True, msg=sentence % variables["inventory_hostname"])
        result.update(part)
        return result
