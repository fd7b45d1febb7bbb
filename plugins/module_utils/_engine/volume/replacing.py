# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a file beside a dump so that everybody sees either the old one or the new one."""

from __future__ import annotations

import os

from .durable import new_word, place_new, remove_if_there, sync_folder, write_new
from .root import Volume

TEMPORARY_FOLDER = "temporary"
# A sweep may take the temporary file away; sweeps are rare, so the second try gets through.
_TRIES = 3


def write_whole(volume: Volume, path: str, content: bytes, replace: bool) -> None:
    """Write the file at ``path``, whose folder exists, and make it last.

    Raises FileExistsError when it exists and may not be replaced, and OSError otherwise; the old file is whole then.
    """
    for tries_left in reversed(range(_TRIES)):
        temporary = os.path.join(volume.make_private(TEMPORARY_FOLDER), new_word())
        try:
            write_new(temporary, content)
            if replace:
                os.rename(temporary, path)
            else:
                place_new(temporary, path)
            break
        except FileNotFoundError:
            if not tries_left:
                raise
        finally:
            remove_if_there(temporary)
    sync_folder(os.path.dirname(path))
