# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether to build: a pure function of what the cluster holds already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .names import Names
from .status import is_over

KEEP, FOLLOW, START = "keep", "follow", "start"


@dataclass(frozen=True)
class Decision:
    """What to do and why; ``attempt`` numbers the Build to follow or to start."""

    action: str
    attempt: int
    reason: str


def decide(names: Names, tag_is_there: bool, builds: Iterable[dict[str, Any]]) -> Decision:
    """Keep the image that is there, follow a Build that is not over yet, or start the next one.

    The tag alone says whether there is an image: it outlives the Build that made it, and a Build that ended well may have
    lost its image since. A Build that failed is kept to be looked at, and never the last word: its cause may have been outside.
    """
    known = {names.attempt(build["metadata"]["name"]): build for build in builds}
    known.pop(0, None)
    last = max(known, default=0)
    if tag_is_there:
        return Decision(KEEP, last, "The tag %s holds the image of these inputs." % names.stream_tag)
    for attempt in sorted(known, reverse=True):
        build = known[attempt]
        if not is_over(build) and not build["metadata"].get("deletionTimestamp"):
            return Decision(FOLLOW, attempt, "The Build %s of these inputs is not over yet." % names.build(attempt))
    if not known:
        return Decision(START, 1, "These inputs have no image yet.")
    phase = known[last]["status"]["phase"] if is_over(known[last]) else "deleted"
    if phase == "Complete":
        return Decision(START, last + 1, "The Build %s made the image, but its tag is gone." % names.build(last))
    return Decision(START, last + 1, "The last Build of these inputs, %s, is %s." % (names.build(last), phase.lower()))
