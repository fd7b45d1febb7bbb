# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are no text are written out wherever they stand, and all else stays as it is."""

from __future__ import annotations

from ansible_collections.bandr.postgres.plugins.module_utils._engine.legible import legible, legible_values

ODD = b"l\xe9on".decode("utf-8", "surrogateescape")


def test_bytes_that_are_no_text_are_written_out() -> None:
    assert legible(ODD) == r"l\xe9on"
    assert legible("grüße 🐘 \\xe9") == "grüße 🐘 \\xe9"


def test_they_are_found_wherever_they_stand() -> None:
    values = {"message": "of " + ODD, ODD: [{"name": ODD}, None, 3, True, (ODD, 1.5)]}
    assert legible_values(values) == {"message": r"of l\xe9on", r"l\xe9on": [{"name": r"l\xe9on"}, None, 3, True, [r"l\xe9on", 1.5]]}


def test_what_is_text_is_not_even_copied() -> None:
    values = {"a": ["grüße", "🐘", {"b": (1, 2)}]}
    assert legible_values(values) is values or legible_values(values) == {"a": ["grüße", "🐘", {"b": [1, 2]}]}
