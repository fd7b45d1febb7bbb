# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the status as lines of text, and how its numbers are written."""

from __future__ import annotations

from typing import Any, Iterable, Mapping

_COLUMNS = ("SERVER", "TIER", "NEWEST", "AGE", "KEPT", "SIZE", "LAST RUN", "NEXT RUN", "LAST DRILL", "FREE", "STATE")


def status_table(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The rows as lines with aligned columns, then a line for each tier that is not well and says why."""
    held = list(rows)
    # A drill is of a server, not of a tier: the server's first row tells of it.
    first = {row["server"]: number for number, row in reversed(list(enumerate(held)))}
    cells = [list(_COLUMNS)] + [_cells(row, first[row["server"]] == number) for number, row in enumerate(held)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return lines + ["%s: %s" % (" ".join(filter(None, (row["server"], row["tier"]))), row["why"]) for row in held if row["why"]]


def _cells(row: Mapping[str, Any], is_first: bool) -> list[str]:
    if row["state"] == "unknown":
        return [row["server"], *[""] * (len(_COLUMNS) - 2), "unknown"]
    return [
        row["server"],
        row["tier"],
        row["newest"] or "none",
        age_text(row["age_seconds"]),
        kept_text(row),
        size_text(row["size"]),
        row["last_run"] or "never",
        row["next_run"] or "none",
        drill_text(row) if is_first else "",
        "" if row["volume_free"] is None else size_text(row["volume_free"]),
        row["state"],
    ]


def kept_text(row: Mapping[str, Any]) -> str:
    """How many backups a tier holds of how many, as in ``23 of 24 (1 not proven)``."""
    kept = "%d of %s" % (row["kept"], "?" if row["wanted"] is None else row["wanted"])
    return kept + (" (%d not proven)" % row["not_proven"] if row["not_proven"] else "")


def drill_text(row: Mapping[str, Any]) -> str:
    """The last drill in a few words, as in ``passed 7 h 12 min ago``."""
    age = row["drill_age_seconds"]
    return row["drill"] if age is None else "%s %s ago" % (row["drill"], age_text(age))


def age_text(seconds: int | None) -> str:
    """An age as people say it, in two units at most; nothing for None."""
    if seconds is None:
        return ""
    minutes = max(0, seconds) // 60
    if minutes < 60:
        return "%d min" % minutes
    hours = minutes // 60
    return "%d h %d min" % (hours, minutes % 60) if hours < 48 else "%d d %d h" % (hours // 24, hours % 24)


def size_text(octets: int) -> str:
    """A number of bytes in the unit that suits it."""
    size = float(octets)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return ("%d %s" if unit == "B" else "%.1f %s") % (size, unit)
        size /= 1024
    return "%.1f TiB" % size
