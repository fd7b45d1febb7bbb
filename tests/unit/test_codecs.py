# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compression, and what is said of a backup when the program that reads it, not the backup, is at fault."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.codecs import choose_codec, decode, open_frame
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged, UsageError, VolumeError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.processes import Runner

SQL = b"SELECT 'a row of a table';\n" * 20_000

needs_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="the program zstd is not installed")


def compress(codec: str, *parts: bytes) -> bytes:
    """The parts as frames, one after another."""
    stored: list[bytes] = []
    for part in parts:
        frame = open_frame(Runner(), codec, None, stored.append)
        frame.write(part)
        frame.close()
    return b"".join(stored)


def put_zstd_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let ``zstd`` be a shell script."""
    program = folder / "zstd"
    program.write_text("#!/bin/sh\n" + script, encoding="ascii")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", "%s%s%s" % (folder, os.pathsep, os.environ["PATH"]))


@pytest.mark.parametrize("codec", ["gzip", pytest.param("zstd", marks=needs_zstd)])
def test_frames_that_follow_one_another_are_read_as_one(codec: str) -> None:
    stored = compress(codec, SQL, b"", SQL[:7])
    assert b"".join(decode(Runner(), codec, io.BytesIO(stored))) == SQL + SQL[:7]


@pytest.mark.parametrize("codec", ["gzip", pytest.param("zstd", marks=needs_zstd)])
@pytest.mark.parametrize("cut", [1, 3, 100])
def test_a_frame_that_is_cut_short_is_damaged(codec: str, cut: int) -> None:
    with pytest.raises(BackupDamaged):
        list(decode(Runner(), codec, io.BytesIO(compress(codec, SQL)[:-cut])))


@needs_zstd
def test_what_stood_megabytes_before_is_found_again_by_what_every_decoder_can_hold() -> None:
    rare, other = os.urandom(1 << 20), os.urandom(5 << 20)
    stored = compress("zstd", rare + other + rare + other)
    assert len(stored) < 1.1 * (len(rare) + len(other))
    program = [str(shutil.which("zstd")), "-q", "-d", "-c", "--memory=8MB"]
    assert subprocess.run(program, input=stored, capture_output=True, check=True).stdout == rare + other + rare + other


@needs_zstd
def test_a_decoder_that_is_killed_says_nothing_about_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = compress("zstd", SQL)
    put_zstd_on_path(tmp_path, monkeypatch, "kill -9 $$\n")
    with pytest.raises(VolumeError, match="signal 9"):
        list(decode(Runner(), "zstd", io.BytesIO(stored)))


@needs_zstd
def test_a_decoder_without_memory_says_nothing_about_the_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = compress("zstd", SQL)
    words = "zstd: error 11 : Allocation error : not enough memory"
    put_zstd_on_path(tmp_path, monkeypatch, "echo '%s' >&2\nexit 11\n" % words)
    with pytest.raises(VolumeError, match="not enough memory"):
        list(decode(Runner(), "zstd", io.BytesIO(stored)))


@needs_zstd
def test_a_decoder_whose_reader_stops_early_leaves_nothing_behind() -> None:
    runner = Runner()
    chunks = decode(runner, "zstd", io.BytesIO(compress("zstd", os.urandom(8 << 20))))
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert not runner._living


@needs_zstd
def test_a_sink_that_fails_ends_the_compressor_and_is_told_to_the_writer() -> None:
    def full(_packed: bytes) -> None:
        raise OSError(28, "No space left on device")

    runner = Runner()
    frame = open_frame(runner, "zstd", None, full)
    with pytest.raises(OSError, match="No space left"):
        for _number in range(64):
            frame.write(os.urandom(1 << 20))
    frame.abort()
    assert not runner._living


@needs_zstd
def test_a_frame_can_be_dropped_at_any_time() -> None:
    runner = Runner()
    frame = open_frame(runner, "zstd", None, lambda _packed: None)
    frame.write(os.urandom(1 << 20))
    frame.abort()
    frame.abort()
    assert not runner._living


@pytest.mark.parametrize(("codec", "level"), [("gzip", 10), ("gzip", -1), ("gzip", 0), ("zstd", 20), ("zstd", 0)])
def test_a_level_that_a_codec_does_not_have_is_refused_in_a_sentence(codec: str, level: int) -> None:
    with pytest.raises(UsageError, match="level is %d" % level):
        choose_codec(codec, level)


@needs_zstd
def test_what_is_written_is_read_by_the_plain_program(tmp_path: Path) -> None:
    path = tmp_path / "dump.sql.zst"
    path.write_bytes(compress("zstd", SQL, SQL))
    assert subprocess.run(["zstd", "-q", "-d", "-c", str(path)], check=True, capture_output=True).stdout == SQL + SQL
