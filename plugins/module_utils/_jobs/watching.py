# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for what works in a cluster, a Job or a Build, until it ends or nothing gets better by waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from .status import FINISHED, HOPELESS, STARTING, Verdict, trouble

_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS, _PAUSE_GROWTH = 0.5, 3.0, 1.2
# How long the API server may be silent before the waiting is given up; a rolling restart takes less.
_SILENCE_SECONDS = 120.0


class ClusterError(Exception):
    """The API server refuses or does not answer; the message is a sentence, ``passing`` says it may soon answer again."""

    def __init__(self, message: str, status: int = 0, passing: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.passing = passing


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds: for the end, and for what looks hopeless to get better."""

    timeout: float = 3600.0
    grace: float = 20.0


def watch(look: Callable[[], Verdict], patience: Patience, clock: Callable[[], float], sleep: Callable[[float], None]) -> Verdict:
    """Look again and again until it is complete, failed or hopeless, or the time is over (its state is then running or starting).

    Raises ClusterError where ``look`` does and it is not a passing one, or the API server stays silent.
    """
    begun = heard = clock()
    wrong, since = "", begun
    pause = _FIRST_PAUSE_SECONDS
    verdict = Verdict(STARTING)
    while True:
        try:
            verdict = look()
            heard = clock()
        except ClusterError as error:
            if not error.passing or clock() - heard > _SILENCE_SECONDS:
                raise
        now = clock()
        if verdict.state in FINISHED:
            return verdict
        if verdict.state == HOPELESS:
            if trouble(verdict) != wrong:
                wrong, since = trouble(verdict), now
            if verdict.certain or now - since >= patience.grace:
                return verdict
        else:
            wrong = ""
        if now - begun >= patience.timeout:
            return verdict if verdict.state != HOPELESS else Verdict(STARTING, verdict.reason, verdict.message)
        sleep(min(pause, max(patience.timeout - (now - begun), 0.05)))
        pause = min(pause * _PAUSE_GROWTH, _LAST_PAUSE_SECONDS)
