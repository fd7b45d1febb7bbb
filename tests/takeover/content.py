# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps small enough to make thousands of them, and whole enough to be proven."""

from __future__ import annotations

import gzip
import zlib
from datetime import datetime

_BEGIN = b"""--
-- PostgreSQL database cluster dump
--

SET default_transaction_read_only = off;
SET client_encoding = 'UTF8';

--
-- Databases
--

--
-- Database "docs" dump
--

CREATE DATABASE docs WITH TEMPLATE = template0 ENCODING = 'UTF8';

\\connect docs

"""
_END = b"\n--\n-- PostgreSQL database cluster dump complete\n--\n\n"


def sql_of(time: datetime) -> bytes:
    """The SQL of the dump of that moment; no two are the same."""
    return _BEGIN + ("SELECT '%s';\n" % time.isoformat()).encode("ascii") * 3 + _END


def stored_dump(time: datetime) -> bytes:
    """The same, as both programs may store it."""
    return gzip.compress(sql_of(time), 1, mtime=0)


def is_whole(stored: bytes) -> bool:
    """Whether a stored dump can be read to its end mark."""
    try:
        return gzip.decompress(stored).endswith(_END)
    except (EOFError, OSError, zlib.error):
        return False
