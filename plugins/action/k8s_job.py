# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the log of a Job as it comes; everything else is the module's."""

from __future__ import annotations

import os
import tempfile
import threading
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

_LOOK_SECONDS = 0.3


class ActionModule(ActionBase):
    """Lets the module write the log to a file on this machine, and reads it meanwhile."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, on another machine or without a log to show as it is."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        wanted = boolean(arguments.get("show_log", False), strict=False)
        here = self._connection.transport == "local" and not arguments.get("log_file")
        if not (wanted and here) or self._task.check_mode or self._task.no_log:
            result.update(self._execute_module(module_args=arguments, task_vars=task_vars))
            return result
        descriptor, path = tempfile.mkstemp(prefix="bandr-job-log-")
        over = threading.Event()
        reader = threading.Thread(target=_show, args=(descriptor, (task_vars or {}).get("inventory_hostname", ""), over), daemon=True)
        reader.start()
        try:
            result.update(self._execute_module(module_args=dict(arguments, log_file=path), task_vars=task_vars))
        finally:
            over.set()
            reader.join()
            os.unlink(path)
        return result


def _show(descriptor: int, host: str, over: threading.Event) -> None:
    """Display whole lines until ``over``; a line of JSON is for programs and stays in the result alone."""
    with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
        rest = ""
        while True:
            # Asked before reading, so that what was written last is read.
            last = over.is_set()
            *lines, rest = (rest + file.read()).split("\n")
            for line in lines:
                if not line.startswith("{"):
                    Display().display("[%s] %s" % (host, line))
            if last:
                return
            over.wait(_LOOK_SECONDS)
