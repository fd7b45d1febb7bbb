# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups, and what became of a restore or a drill, as tables for people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from .policy.moments import format_age
from .tools.progress import format_bytes

_RESTORE_HEADINGS = ("DATABASE", "STATE", "SECONDS", "SQL")
_DRILL_HEADINGS = (*_RESTORE_HEADINGS, "COMPARISON")
_HEADINGS = ("TIER", "BACKUP", "AGE", "SIZE", "STATE", "DATABASES")


def backup_table(backups: list[dict[str, Any]], strays: list[dict[str, str]]) -> str:
    """A line for each backup, oldest first, and one for each file that is none."""
    lines = _aligned([_HEADINGS] + [_row(backup) for backup in backups])
    lines += ["%s: %s" % (backup["name"], backup["why"]) for backup in backups if backup["why"]]
    lines += ["not a backup: %s (%s)" % (stray["path"], stray["why"]) for stray in strays]
    return "\n".join(lines)


def restore_table(databases: list[dict[str, Any]], problems: list[str], warnings: list[str]) -> str:
    """A line for each database, its first errors below it, and everything that was to be said besides."""
    rows = [(entry["name"], entry["state"], "%.1f" % entry["seconds"], format_bytes(entry["bytes"])) for entry in databases]
    lines = _aligned([_RESTORE_HEADINGS, *rows]) if rows else []
    lines += ["%s: %s" % (entry["name"], error) for entry in databases for error in entry["errors"]]
    lines += ["problem: " + problem for problem in problems]
    lines += ["warning: " + warning for warning in warnings]
    return "\n".join(lines)


def drill_table(databases: list[dict[str, Any]], roles: dict[str, Any], warnings: list[str]) -> str:
    """A line for each database and one for the roles, why one is not equal below, and everything that was to be said besides."""
    rows = [
        (entry["name"], entry["state"], "%.1f" % entry["seconds"], format_bytes(entry["bytes"]), entry["comparison"]) for entry in databases
    ]
    parts = list(databases)
    if roles:
        rows.append(("roles and tablespaces", "", "", "", roles["comparison"]))
        parts.append(dict(roles, name="roles and tablespaces", errors=[]))
    lines = _aligned([_DRILL_HEADINGS, *rows])
    lines += ["%s: %s" % (part["name"], words) for part in parts for words in (*part["errors"], part["why"]) if words]
    lines += ["warning: " + warning for warning in warnings]
    return "\n".join(lines)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _row(backup: dict[str, Any]) -> tuple[str, ...]:
    databases = backup["databases"]
    return (
        backup["tier"],
        backup["name"],
        format_age(timedelta(seconds=backup["age_seconds"])),
        format_bytes(backup["size"]),
        backup["state"],
        ", ".join(databases) if len(databases) <= 4 else "%s and %d more" % (", ".join(databases[:3]), len(databases) - 3),
    )
