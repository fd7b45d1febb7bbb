# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Password files that libpq would pass over are used all the same, and no copy stays."""

from __future__ import annotations

import os
import stat

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import UsageError
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.passfile import private_passfile


@pytest.fixture
def passfile(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "pass"
    path.write_bytes(b"h:1:*:u:p\xff\n")
    path.chmod(0o600)
    return path


def test_none_stays_none():
    with private_passfile(None) as path:
        assert path is None


def test_a_private_file_is_used_as_it_is(passfile):
    with private_passfile(str(passfile)) as path:
        assert path == str(passfile)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o440, 0o644, 0o660])
def test_a_file_that_others_may_read_is_copied_for_the_time_of_the_run(passfile, mode):
    passfile.chmod(mode)
    with pytest.raises(ValueError, match="on the way"), private_passfile(str(passfile)) as path:
        assert path != str(passfile) and stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with open(path, "rb") as file:
            assert file.read() == b"h:1:*:u:p\xff\n"
        raise ValueError("on the way")
    assert not os.path.exists(path) and stat.S_IMODE(passfile.stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_errors_of_the_run_stay_what_they_are(passfile, mode):
    passfile.chmod(mode)
    with pytest.raises(OSError, match="the run's own"), private_passfile(str(passfile)):
        raise OSError("the run's own")


def test_a_relative_path_is_meant_from_here(passfile, monkeypatch):
    monkeypatch.chdir(passfile.parent)
    with private_passfile("pass") as path:
        assert path == str(passfile)


def test_what_cannot_be_read_is_told(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(UsageError) as caught, private_passfile(str(path)):
            pass
        assert str(path) in caught.value.message and "PGPASSFILE" in caught.value.message


def test_a_copy_that_finds_no_room_is_told_in_a_sentence(passfile, monkeypatch):
    passfile.chmod(0o644)
    monkeypatch.setattr("tempfile.tempdir", str(passfile.parent / "missing"))
    with pytest.raises(UsageError, match=r"A private copy of the password file .* TMPDIR"), private_passfile(str(passfile)):
        raise AssertionError("not reached")
    monkeypatch.setattr("tempfile.tempdir", str(passfile.parent / "temporary"))

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fdopen", full)
    with pytest.raises(UsageError, match="No space left on device"), private_passfile(str(passfile)):
        raise AssertionError("not reached")
    assert list((passfile.parent / "temporary").iterdir()) == []
