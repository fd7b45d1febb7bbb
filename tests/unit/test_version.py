# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said in two places agrees."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.bandr.postgres.plugins.module_utils._engine.version import VERSION

CHECKOUT = Path(__file__).resolve().parents[2]


def test_the_engine_names_the_version_of_the_collection() -> None:
    assert yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["version"] == VERSION


def test_galaxy_and_make_get_the_same_collections() -> None:
    depends_on = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]
    listed = yaml.safe_load((CHECKOUT / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert {entry["name"]: entry["version"] for entry in listed} == depends_on
