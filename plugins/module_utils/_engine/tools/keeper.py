# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a folder and the programs that work in it for no longer than their owner lives.

Started as a program of its own, it runs commands one after another, the last one for as long as it takes. When its standard
input comes to an end, because the owner is done with it or was killed, it ends what runs and removes the folder.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

from .processes import Process, Runner

LOG = "log"
_START = "import json, runpy, sys; sys.path[:] = json.loads(sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=False)"
_LOOK_SECONDS = 0.1
# PostgreSQL ends all of its processes by itself on this signal, and throws away what was not written.
_END = signal.SIGQUIT
_END_SECONDS = 10.0
_REMOVE_TRIES = 5
_OWNERS_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def start_keeper(runner: Runner, folder: str, commands: list[list[str]], environment: dict[str, str]) -> Process:
    """Let a keeper run ``commands`` in the existing ``folder``; close its standard input to end them and remove the folder.

    What they say goes to the file :data:`LOG` there. The keeper tells of each command that ended, on a line of its standard
    output: its number and its exit status.
    """
    # The module may lie in an archive that only the present path leads to.
    path = json.dumps([os.path.abspath(place) for place in sys.path if place])
    command = [sys.executable, "-IBS", "-c", _START, path, __name__, folder, json.dumps(commands)]
    return runner.start(command, environment, stdin=subprocess.PIPE)


def remove_folder(folder: str) -> bool:
    """Remove a folder whose programs may still be ending; whether it is gone."""
    for _try in range(_REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


class _Ended(Exception):
    """Somebody asked the keeper to end."""


class _Asked:
    """Whether a signal asked it; that is only noted, since an end of the owner's may come as a signal in the middle of cleaning up."""

    by_signal = False


def _note(_number: int, _frame: Any) -> None:
    _Asked.by_signal = True


def _keep(folder: str, commands: list[list[str]]) -> None:
    child: subprocess.Popen[bytes] | None = None
    try:
        for each in _OWNERS_END:
            signal.signal(each, _note)
        with open(os.path.join(folder, LOG), "ab") as log:
            for number, command in enumerate(commands):
                child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder)
                _wait(child)
                sys.stdout.write("%d %d\n" % (number, child.returncode))
                sys.stdout.flush()
                if child.returncode:
                    break
        _wait(None)
    except (_Ended, BrokenPipeError):
        pass
    finally:
        # The owner's end may be told by a signal as well, which must not cut this short.
        for each in _OWNERS_END:
            signal.signal(each, signal.SIG_IGN)
        if child is not None and child.poll() is None:
            _stop(child)
        remove_folder(folder)


def _wait(child: subprocess.Popen[bytes] | None) -> None:
    """Return when ``child`` has ended; raises _Ended when the owner has."""
    while child is None or child.poll() is None:
        if _Asked.by_signal:
            raise _Ended
        if select.select([sys.stdin.buffer], [], [], _LOOK_SECONDS)[0] and not os.read(sys.stdin.fileno(), 1):
            raise _Ended


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.send_signal(_END)
    try:
        child.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


if __name__ == "__main__":
    _keep(sys.argv[1], json.loads(sys.argv[2]))
