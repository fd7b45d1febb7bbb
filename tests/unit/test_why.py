# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the predecessor's defects and their tests say the same."""

from __future__ import annotations

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    return ROW.findall((CHECKOUT / "docs" / "why.md").read_text(encoding="utf-8"))


def test_every_defect_has_one_row_in_order():
    assert [int(number) for number, *_rest in rows()] == list(range(1, 28))


def test_every_row_names_its_tests_and_every_test_is_named():
    tests = re.findall(r"^def (test_\w+)", (CHECKOUT / "tests" / "integration" / "test_predecessor_defects.py").read_text(), re.MULTILINE)
    named = []
    for number, _then, _now, names in rows():
        found = re.findall(r"`(test_\w+)`", names)
        assert found, number
        assert all(name.startswith("test_predecessor_defect_%02d_" % int(number)) for name in found), (number, found)
        named += found
    assert sorted(named) == sorted(tests)


def test_every_row_is_sentences():
    for number, then, now, _names in rows():
        assert then.endswith(".") and now.endswith("."), number
