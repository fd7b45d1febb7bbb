# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the storage refused, as a sentence for an operator."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..tools.errors import VolumeError

_CAUSES = {
    errno.ENOSPC: ("the volume is full", "Make room on it or enlarge it, then run again."),
    errno.EDQUOT: ("the quota of the volume is used up", "Raise the quota or make room, then run again."),
    errno.EROFS: ("the volume is mounted read-only", "Mount it so that it can be written, then run again."),
    errno.ENOENT: ("a file or folder went away meanwhile", "Look whether the volume is still mounted and who else cleans it up."),
    errno.EEXIST: ("there is something of that name already", "Look what it is; it was not touched."),
    errno.EXDEV: ("that folder is a file system of its own", "Keep all tiers of a volume on one file system."),
}
_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


def storage_failure(error: OSError, doing: str, safe: str) -> VolumeError:
    """Turn ``error`` into a VolumeError.

    ``doing`` begins the sentence (``Publishing the backup X``); ``safe`` is a sentence that says what is untouched.
    """
    if error.errno in _NOT_ALLOWED:
        cause = "user id %d is not allowed to" % os.geteuid()
        cure = "Give that user, or a group it belongs to, the right to write there."
    else:
        told = "the storage answers: %s" % (error.strerror or error)
        cause, cure = _CAUSES.get(error.errno or 0, (told, "Look at the storage, then run again."))
    # Calls with two names fail because of where something was to go.
    place = error.filename if error.filename2 is None else error.filename2
    if place is not None:
        cause += " (%s)" % os.fsdecode(place)
    return VolumeError("%s failed: %s. %s %s" % (doing, cause, safe, cure), {"errno": errno.errorcode.get(error.errno or 0)})


@contextmanager
def storage_errors(doing: str, safe: str) -> Iterator[None]:
    """Raise every OSError of this block as :func:`storage_failure` has it."""
    try:
        yield
    except OSError as error:
        raise storage_failure(error, doing, safe) from error
