# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ``psql`` fed with SQL, whose success is believed only when it says the last word."""

from __future__ import annotations

import re
import secrets
import subprocess
import threading
from dataclasses import dataclass, field, replace
from typing import IO, Iterable

from ..tools.codecs import widen_pipe
from ..tools.processes import Process
from .session import Session

MOST_ERRORS = 20
_READ = 1 << 16
_LONGEST_LINE = 1000
_TAIL = 4096
# With its commits checked at the end, a restore need not wait for each; the words of errors must be readable by us.
_OPTIONS = " -c synchronous_commit=off -c client_min_messages=warning -c lc_messages=C"
_ERRORS = ("ERROR", "FATAL", "PANIC", "error", "fatal")
_LINE = re.compile(r"(?:psql:<stdin>:(?P<line>\d+): )?(?:psql: )?(?P<severity>[A-Za-z]+):\s+(?P<words>.*)", re.DOTALL)
_COMMAND_ERROR = re.compile(r"psql:<stdin>:(?P<line>\d+): (?P<words>.*)", re.DOTALL)
# LINE and CONTEXT quote the script: a row, or a role's password. So do these of the details.
_MORE = ("DETAIL", "HINT")
_QUOTING = ("Failing row contains ", "Key (")


@dataclass
class Complaints:
    """The first errors and warnings of a ``psql``, and how many errors there were."""

    count: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _last: list[str] | None = None

    def take(self, line: str) -> None:
        """Look at one line of standard error."""
        match = _LINE.fullmatch(line) or _COMMAND_ERROR.fullmatch(line)
        parts = {} if match is None else match.groupdict()
        severity = parts.get("severity", "error" if match else None)
        if severity in _MORE and parts.get("line") is None:
            if self._last is not None and not parts["words"].startswith(_QUOTING):
                self._last[-1] += " (%s)" % parts["words"]
            return
        if severity is None or (parts.get("line") is None and severity not in _ERRORS):
            return
        kept = self.warnings
        if severity in _ERRORS or severity.lower() not in ("warning", "notice", "info", "log", "debug"):
            self.count += 1
            kept = self.errors
        place = "" if parts.get("line") is None else "line %s: " % parts["line"]
        self._last = None
        if severity not in ("NOTICE", "INFO") and len(kept) < MOST_ERRORS:
            kept.append(place + parts["words"])
            self._last = kept


@dataclass(frozen=True)
class Outcome:
    """How a ``psql`` ended: exit status (negative: a signal), whether it read everything, what it complained of."""

    status: int
    consumed: bool
    error_count: int
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every byte was read and executed without an end before the end."""
        return self.status == 0 and self.consumed

    @property
    def why(self) -> str:
        """The first error, or else how it ended."""
        if self.errors:
            return self.errors[0]
        if self.status < 0:
            return "psql was killed by signal %d" % -self.status
        if self.status == 0:
            return "psql ended before the end of its input"
        return "psql ended with status %d" % self.status


def feed_psql(session: Session, chunks: Iterable[bytes | memoryview], database: str | None = None, keep_going: bool = False) -> Outcome:
    """Run ``chunks`` as one script, connected to ``database`` first (default: the maintenance database).

    What ``chunks`` raises is raised, psql's process group ended before. Memory stays bounded whatever psql says.
    """
    connection = session.connection if database is None else replace(session.connection, maintenance_database=session.spelled(database))
    environment = connection.environment()
    environment["PGOPTIONS"] += _OPTIONS
    command = [session.clients.path("psql"), "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=%d" % (not keep_going), "-f", "-"]
    command += connection.to_database(environment)
    process = session.runner.start(command, environment, stdin=subprocess.PIPE)
    complaints = Complaints()
    tail = bytearray()
    listeners = [
        threading.Thread(target=_listen, args=(process.stderr, complaints), name="psql-complaints", daemon=True),
        threading.Thread(target=_keep_tail, args=(process.stdout, tail), name="psql-output", daemon=True),
    ]
    for listener in listeners:
        listener.start()
    last_word = secrets.token_hex(16)
    try:
        widen_pipe(process.stdin)
        fed = _feed(process, chunks, last_word)
        status = process.wait()
        for listener in listeners:
            listener.join()
    finally:
        process.end()
    consumed = fed and bytes(tail).endswith(last_word.encode("ascii") + b"\n")
    return Outcome(status, consumed, complaints.count, tuple(complaints.errors), tuple(complaints.warnings))


def _feed(process: Process, chunks: Iterable[bytes | memoryview], last_word: str) -> bool:
    """Write everything and an echo behind it, which only a psql that is between statements executes."""
    try:
        for chunk in chunks:
            _write(process.stdin, chunk)
        _write(process.stdin, b"\n\\echo " + last_word.encode("ascii") + b"\n")
        process.stdin.close()
    except BrokenPipeError:
        return False
    return True


def _write(pipe: IO[bytes], data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) or 0 :]


def _listen(pipe: IO[bytes], complaints: Complaints) -> None:
    rest = b""
    for data in _reads(pipe):
        lines = (rest + data).split(b"\n")
        rest = lines.pop()[:_LONGEST_LINE]
        for line in lines:
            complaints.take(line[:_LONGEST_LINE].decode("utf-8", "replace"))
    if rest:
        complaints.take(rest.decode("utf-8", "replace"))


def _keep_tail(pipe: IO[bytes], tail: bytearray) -> None:
    for data in _reads(pipe):
        tail += data
        del tail[:-_TAIL]


def _reads(pipe: IO[bytes]) -> Iterable[bytes]:
    while True:
        try:
            data = pipe.read(_READ)
        except (OSError, ValueError):
            return
        if not data:
            return
        yield data
