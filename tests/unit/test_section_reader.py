# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections read out of a stored dump while a restore runs."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import WHOLE, Manifest, Section
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.section_reader import SectionReader
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged, VolumeError
from ansible_collections.bandr.postgres.tests.volumes.samples import NOON, sample_manifest

SQL = b"SELECT 1;\n" * 1000
STORED = gzip.compress(SQL)
SECTION = Section(WHOLE, None, 0, len(SQL), hashlib.sha256(SQL).hexdigest(), 0, len(STORED))


@pytest.fixture
def stored() -> Iterator[BinaryIO]:
    """The stored dump."""
    with tempfile.TemporaryFile() as file:
        file.write(STORED)
        file.flush()
        yield file


def manifest_of(section: Section) -> Manifest:
    return replace(sample_manifest(NOON, codec="gzip"), stored_size=len(STORED), plain_size=len(SQL), sections=(section,))


@pytest.mark.parametrize("section", [SECTION, replace(SECTION, stored_offset=None, stored_length=None)], ids=["framed", "not framed"])
def test_a_section_is_read_as_it_was_dumped(stored: BinaryIO, section: Section) -> None:
    reader = SectionReader(Context(), manifest_of(section), stored)
    assert b"".join(bytes(chunk) for chunk in reader.chunks(section)) == SQL


@pytest.mark.parametrize("section", [SECTION, replace(SECTION, stored_offset=None, stored_length=None)], ids=["framed", "not framed"])
def test_a_disk_that_cannot_be_read_is_an_error_of_the_volume(stored: BinaryIO, section: Section, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    reader = SectionReader(Context(), manifest_of(section), stored)
    with pytest.raises(VolumeError, match="could not be read: Input/output error"):
        list(reader.chunks(section))


def test_the_last_piece_of_a_section_that_changed_never_comes(stored: BinaryIO) -> None:
    section = replace(SECTION, sha256="00" * 32)
    received = []
    with pytest.raises(BackupDamaged):
        for chunk in SectionReader(Context(), manifest_of(section), stored).chunks(section):
            received.append(bytes(chunk))
    assert b"".join(received) != SQL
