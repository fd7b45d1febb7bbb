# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are no text, written so that people and other programs can read them."""

from __future__ import annotations

import json
from typing import Any

# How JSON writes what stands for a byte that is no text; half of a rare letter looks the same.
_MARK = "\\udc"


def legible(text: str) -> str:
    """``text`` with its bytes that are no text written out: ``l\\xe9on``."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def legible_values(values: Any) -> Any:
    """JSON values all of whose strings are text; the very same where they were already."""
    return _written_out(values) if _MARK in json.dumps(values) else values


def _written_out(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, dict):
        return {_written_out(name): _written_out(each) for name, each in value.items()}
    return [_written_out(each) for each in value] if isinstance(value, (list, tuple)) else value
