# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write every task's result, as a playbook would see it, to the file that RECORDED_RESULTS names: one line of JSON each."""

from __future__ import annotations

import json
import os

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: record_results
type: aggregate
short_description: Record results of tasks for tests
description:
  - Appends a line of JSON for every task that ran.
"""


class CallbackModule(CallbackBase):
    """Only listens; what people see is the default callback's."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "record_results"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result):
        """A task that went well."""
        self._record(result, False)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A task that failed, whether the play goes on or not."""
        self._record(result, True)

    def _record(self, result, failed):
        entry = {"name": result._task.get_name(), "module": result._task.action, "failed": failed, "result": result._result}
        with open(os.environ["RECORDED_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, cls=AnsibleJSONEncoder) + "\n")
