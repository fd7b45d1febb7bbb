# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs whole commands in turn and keeps their times and memory."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import Callable, Mapping


@dataclass
class Contender:
    """A pipeline of commands (never a shell), what to do before each run, and what its runs took.

    ``seconds`` are wall time; ``processor`` is what its processes used of it, the PostgreSQL server aside;
    ``memory`` is the largest process of the run in bytes, the PostgreSQL server aside.
    """

    name: str
    pipeline: list[list[str]]
    environment: Mapping[str, str]
    output: str = os.devnull
    before: Callable[[], None] = lambda: None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: int = 0

    def run(self) -> None:
        """Run once; raises SystemExit when a command fails."""
        self.before()
        used = _used()
        begun = time.monotonic()
        processes: list[subprocess.Popen[bytes]] = []
        source = None
        with open(self.output, "wb") as sink:
            for number, command in enumerate(self.pipeline):
                last = number == len(self.pipeline) - 1
                process = subprocess.Popen(
                    command, env=dict(self.environment), stdin=source, stdout=sink if last else subprocess.PIPE, stderr=subprocess.DEVNULL
                )
                if source is not None:
                    source.close()
                source = process.stdout
                processes.append(process)
            for process, command in zip(processes, self.pipeline):
                _pid, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                self.memory = max(self.memory, usage.ru_maxrss * 1024)
                if process.returncode:
                    raise SystemExit("%s: %s ended with %d" % (self.name, command[0], process.returncode))
        self.seconds.append(time.monotonic() - begun)
        self.processor.append(_used() - used)

    @property
    def median(self) -> float:
        """Median of the wall times."""
        return statistics.median(self.seconds)

    @property
    def median_of_processor(self) -> float:
        """Median of the processor times, which other users of the machine disturb less."""
        return statistics.median(self.processor)


def _used() -> float:
    """Processor time of everything that was started from here and has ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def interleave(contenders: list[Contender], rounds: int) -> None:
    """One run of each to warm up, then ``rounds`` of all in turn, the order turned round every time."""
    for contender in contenders:
        contender.run()
        contender.seconds.clear()
        contender.processor.clear()
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            contender.run()


def ratio(one: Contender, other: Contender) -> float:
    """Median of the ratios of runs made in the same round."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds))
