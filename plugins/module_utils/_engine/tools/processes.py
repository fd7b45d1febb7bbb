# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the engine starts programs: always a list, never a shell.

Each child leads a process group of its own, because ``pg_dumpall`` that is killed leaves
its ``pg_dump`` running; ending a child therefore ends its whole group. Where the engine itself
is killed, the kernel ends the groups in its place (Linux).
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import IO, Mapping, Sequence

from .signals import postponed

_TERMINATE_SECONDS = 5.0


@dataclass(frozen=True)
class Result:
    """What a finished program left; ``returncode`` is negative for a signal."""

    returncode: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """Its standard error as text, stripped."""
        return self.stderr.decode("utf-8", "replace").strip()


class Process:
    """A running child and its process group."""

    def __init__(self, popen: subprocess.Popen, living: Sequence[set[Process]], lifeline: int | None = None) -> None:
        self._popen = popen
        self._living = living
        self._lifeline = lifeline
        for each in living:
            each.add(self)

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe into the child; only where it was asked for."""
        return _asked_for(self._popen.stdin)

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe out of the child; only where it was asked for."""
        return _asked_for(self._popen.stdout)

    @property
    def stderr(self) -> IO[bytes]:
        """The child's complaints; only where they were asked for."""
        return _asked_for(self._popen.stderr)

    @property
    def pid(self) -> int:
        """Process id, which is the group's as well."""
        return self._popen.pid

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired after ``timeout`` seconds."""
        return self._popen.wait(timeout)

    def ask_to_end(self) -> None:
        """Send the whole group a signal to end, and do not wait."""
        self._signal(signal.SIGTERM)

    def stop(self, patience: float = _TERMINATE_SECONDS) -> None:
        """End the whole group, gently first, and reap the child; what it wrote can still be read."""
        self.ask_to_end()
        try:
            self._popen.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        self._signal(signal.SIGKILL)
        self._popen.wait()

    def end(self) -> None:
        """Stop the whole group and close the pipes; safe to call at any time."""
        self.stop()
        for each in self._living:
            each.discard(self)
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._popen.pid, number)
        except (ProcessLookupError, PermissionError):
            pass


def _new_lifeline() -> tuple[int | None, int | None]:
    """A pipe whose one end only this process holds, while the other goes to a child and all that the child starts."""
    if not hasattr(fcntl, "F_SETSIG"):
        return None, None
    given, held = os.pipe()
    return held, given


def _tie(given: int | None, group: int) -> None:
    """Let the kernel end ``group`` when the held end closes, as it does whatever ends this process: SIGKILL runs no handler."""
    if given is None:
        return
    try:
        fcntl.fcntl(given, fcntl.F_SETOWN, -group)
        fcntl.fcntl(given, fcntl.F_SETSIG, signal.SIGTERM)
        fcntl.fcntl(given, fcntl.F_SETFL, fcntl.fcntl(given, fcntl.F_GETFL) | os.O_ASYNC)
    except OSError:
        # The child has ended already, or the kernel does not know how: then a child that waits goes on until it is done.
        return


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _asked_for(pipe: IO[bytes] | None) -> IO[bytes]:
    """The pipe; raises ValueError for one that was not asked for."""
    if pipe is None:
        raise ValueError("this child was started without that pipe")
    return pipe


class Runner:
    """Starts programs; tests and callers may put their own in its place.

    What it starts is ``whole``'s as well, where there is one: so a part of the programs can be ended before the rest.
    """

    def __init__(self, whole: Runner | None = None) -> None:
        self._living: set[Process] = set()
        self._sets: tuple[set[Process], ...] = (self._living,) if whole is None else (self._living, *whole._sets)

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdin: int | IO[bytes] | None = subprocess.DEVNULL,
        stdout: int | IO[bytes] | None = subprocess.PIPE,
        stderr: int | IO[bytes] | None = subprocess.PIPE,
    ) -> Process:
        """Start ``command`` with exactly ``environment``; raises FileNotFoundError or PermissionError."""
        # A signal between the start of a child and its entry here would leave it running unseen.
        with postponed():
            held, given = _new_lifeline()
            try:
                popen = subprocess.Popen(
                    list(command),
                    env=dict(environment),
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    bufsize=0,
                    start_new_session=True,
                    pass_fds=() if given is None else (given,),
                    cwd="/",
                )
                _tie(given, popen.pid)
            except BaseException:
                _close(held)
                raise
            finally:
                _close(given)
            process = Process(popen, self._sets, held)
        return process

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdin: bytes = b"",
        timeout: float | None = None,
    ) -> Result:
        """Run ``command`` to its end; raises subprocess.TimeoutExpired, its group ended, after ``timeout`` seconds."""
        process = self.start(command, environment, stdin=subprocess.PIPE)
        try:
            stdout, stderr = process._popen.communicate(stdin, timeout)
        except BaseException:
            process.end()
            raise
        status = process.wait()
        process.end()
        return Result(status, stdout, stderr)

    def stop_all(self) -> None:
        """End the groups of all children, gently first, and reap them; their pipes stay open for the threads that read them."""
        processes = tuple(self._living)
        for process in processes:
            process.ask_to_end()
        deadline = time.monotonic() + _TERMINATE_SECONDS
        for process in processes:
            process.stop(max(0.0, deadline - time.monotonic()))

    def end_all(self) -> None:
        """End every child that is still there, whoever lost sight of it; for the end of a run."""
        for process in tuple(self._living):
            process.end()
