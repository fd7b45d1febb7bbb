# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of failure has an exit code of its own, and the README lists them all."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools import errors

README = Path(__file__).resolve().parents[2] / "README.md"
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EngineError)]


def test_no_two_kinds_share_a_code_or_a_reason() -> None:
    assert len({kind.code for kind in KINDS}) == len({kind.reason for kind in KINDS}) == len(KINDS)


def test_the_readme_lists_every_code_with_its_reason() -> None:
    rows = re.findall(r"^\| ([0-9, ]+) \| `(\w+)` \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    listed = {(int(code), reason) for codes, reason in rows for code in codes.split(",")}
    interrupted = {(number, errors.Interrupted.reason) for number in (129, 130, 143)}
    assert listed == {(kind.code, kind.reason) for kind in KINDS} | interrupted
