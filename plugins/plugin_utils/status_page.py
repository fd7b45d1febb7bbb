# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the status as one web page that needs nothing but itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Iterable, Mapping

from jinja2 import Environment, StrictUndefined

from .status import GOOD_STATES
from .status_table import age_text, kept_text, size_text

_TEMPLATE = Path(__file__).with_name("status_page.html.j2")
# The worst comes first: a server is shown as its worst tier is.
_SEVERITY = ("unknown", "failed", "stale", "paused", "suspended", "running", "new", "good")
# States are told by their word and their sign; the colour is an ornament.
_SIGNS = {"good": "✓", "new": "○", "running": "▸", "paused": "‖", "suspended": "‖", "failed": "✕", "stale": "!", "unknown": "?"}
_LOW_ROOM = 0.1


def status_page(rows: Iterable[Mapping[str, Any]], now: datetime) -> str:
    """The page as HTML; everything that comes from ``rows`` is escaped. ``now`` is aware, and told as the time of the look."""
    servers = _servers(list(rows))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters.update(age=age_text, kept=kept_text, size=size_text, moment=_moment)
    environment.globals.update(sign=_SIGNS.__getitem__, wait=lambda text: _wait(text, now))
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(servers=servers, now=now.strftime("%Y-%m-%dT%H:%M:%SZ"), summary=_summary(servers))


def _servers(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the page tells of each server, in the order in which they come."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_name.setdefault(row["server"], []).append(row)
    return [_server(name, "server-%d" % number, held) for number, (name, held) in enumerate(by_name.items(), 1)]


def _server(name: str, anchor: str, rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    state = min((row["state"] for row in rows), key=_SEVERITY.index)
    known = [row for row in rows if row["state"] != "unknown"]
    return {
        "name": name,
        "anchor": anchor,
        "state": state,
        "good": state in GOOD_STATES,
        "tiers": known,
        "troubles": [row for row in rows if row["why"]],
        "newest": min((row for row in known if row["newest"]), key=lambda row: row["age_seconds"], default=None),
        "room": _room(known),
        # Every row of a server tells the same drill.
        "drill": known[0] if known and known[0]["drill"] != "none" else None,
    }


def _room(rows: list[Mapping[str, Any]]) -> dict[str, Any] | None:
    told = next((row for row in rows if row["volume_size"] and row["volume_free"] is not None), None)
    if told is None:
        return None
    free, size = told["volume_free"], told["volume_size"]
    return {"free": free, "size": size, "used_percent": round(100 * (1 - free / size)), "low": free < _LOW_ROOM * size}


def _summary(servers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many servers are in each state, the worst first."""
    counts = [(state, sum(server["state"] == state for server in servers)) for state in _SEVERITY]
    return [{"state": state, "count": count} for state, count in counts if count]


def _moment(text: str) -> str:
    """``2026-11-22T10:07:00Z`` as ``2026-11-22 10:07``."""
    return text[:16].replace("T", " ")


def _wait(text: str, now: datetime) -> str:
    coming = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=now.tzinfo)
    return age_text(int((coming - now).total_seconds()))
