# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A password file that libpq accepts: one that is mounted into a pod is readable by its group, and libpq then ignores it."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from typing import Iterator

from .errors import UsageError


@contextmanager
def private_passfile(path: str | None) -> Iterator[str | None]:
    """``path`` itself, or a private copy that lives as long as the block; raises UsageError when it cannot be read."""
    if path is None:
        yield None
        return
    # Programs are started in another folder than the one that a relative path is meant from.
    path = os.path.abspath(path)
    try:
        # libpq passes over a file that it cannot open, and says nothing.
        with open(path, "rb") as file:
            private = not os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            content = file.read()
    except OSError as error:
        raise UsageError(
            "The password file %s cannot be read: %s. Nothing was changed; check passfile, or PGPASSFILE." % (path, error.strerror)
        ) from error
    if private:
        yield path
        return
    copy = _copy(path, content)
    try:
        yield copy
    finally:
        os.unlink(copy)


def _copy(path: str, content: bytes) -> str:
    copy = None
    try:
        # mkstemp makes the file 0600 from the start.
        descriptor, copy = tempfile.mkstemp(prefix="bandr-passfile-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        if copy is not None:
            os.unlink(copy)
        raise UsageError(
            "A private copy of the password file %s, which others may read and libpq would pass over, cannot be made: %s. Nothing was "
            "changed; let TMPDIR name a folder that has room, or give the file the mode 0600." % (path, error.strerror or error)
        ) from error
    return copy
