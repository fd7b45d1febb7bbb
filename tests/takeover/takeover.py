# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the predecessor and its successor side by side, run by run, and fails when anything good is lost by ours."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .schedule import OPERATORS
from .story import Row, Story

_HEADINGS = """\
                                             predecessor                         ours
time              run      accident        hour  day week month  bad early  hour  day week month  bad early"""


def line_of(row: Row) -> str:
    """One run: good dumps of each tier, files that are none, good ones gone too early so far; then whether LATEST can be recovered."""
    columns = ["%s  %-8s %-12s" % (row.run.time.strftime("%Y-%m-%d %H:%M"), row.run.tier, row.run.fault)]
    columns += ["%5d%5d%5d%6d%5d%5d" % numbers for numbers in (row.old, row.ours)]
    line = "   ".join(columns)
    if row.old_recovers is not None:
        line += "  LATEST: %s, %s" % tuple("restored" if one else "NOT restored" for one in (row.old_recovers, row.ours_recovers))
    return line


def main() -> int:
    """Tell the story of one operator; 1 when ours lost anything good or could not recover."""
    parser = argparse.ArgumentParser(description="A volume of the predecessor is taken over.")
    parser.add_argument("--operator", choices=sorted(OPERATORS), default="four-hourly")
    parser.add_argument("--months", type=int, default=6, help="how long the predecessor ran before (default: %(default)s)")
    parser.add_argument("--days", type=int, default=365, help="how long both run side by side (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--accidents", action="store_true", help="show only runs that met one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bandr-takeover-") as folder:
        story = Story(OPERATORS[chosen.operator], Path(folder), chosen.seed, chosen.months, chosen.days)
        print(_HEADINGS)
        row, lost, failed = None, [], {"old": 0, "ours": 0}
        for row in story.rows():
            lost += row.lost_by_ours
            failed["old"] += row.old_recovers is False
            failed["ours"] += row.ours_recovers is False
            if not chosen.accidents or row.run.fault or row.old_recovers is False:
                print(line_of(row))
        if row is None:
            return 0
        print(
            "\nGood backups gone although they were among the newest of their tier: %d with the predecessor, %d with ours."
            % (row.old[-1], row.ours[-1])
        )
        print("LATEST could not be restored: %d times with the predecessor, %d times with ours." % (failed["old"], failed["ours"]))
        for name in lost:
            print("lost by ours: %s" % name)
        return 1 if lost or failed["ours"] else 0


if __name__ == "__main__":
    sys.exit(main())
