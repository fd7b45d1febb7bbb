# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names as a dump writes them: in its own encoding, bare or within double quotes."""

from __future__ import annotations

import re

_BARE = re.compile(rb"[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*")
_QUOTED = re.compile(rb'"((?:[^"]|"")*)"')
_CLIENT_ENCODING = re.compile(rb"SET client_encoding = '([A-Za-z0-9_]+)';")
# PostgreSQL's names of encodings where Python's differ by more than punctuation; bytes of SQL_ASCII are mostly UTF-8.
_PYTHON_NAMES = {
    "EUC_CN": "gb2312",
    "LATIN10": "iso8859_16",
    "LATIN9": "iso8859_15",
    "SQL_ASCII": "utf_8",
    "UHC": "cp949",
    "UTF8": "utf_8",
    "WIN866": "cp866",
    "WIN874": "cp874",
}
_WINDOWS = re.compile(r"WIN(125\d)")


def codec_of(encoding: str) -> str:
    """Python's name for PostgreSQL's ``encoding``; UTF-8 where Python has none."""
    windows = _WINDOWS.fullmatch(encoding)
    name = "cp" + windows.group(1) if windows else _PYTHON_NAMES.get(encoding, encoding.lower())
    try:
        "".encode(name)
    except LookupError:
        return "utf_8"
    return name


def find_client_encoding(sql: bytes) -> str | None:
    """The Python codec of the first ``SET client_encoding`` that stands in ``sql``."""
    match = _CLIENT_ENCODING.search(sql)
    return None if match is None else codec_of(match.group(1).decode("ascii"))


def decode_name(name: bytes, codec: str) -> str:
    """``name`` as text; bytes that are none in ``codec`` survive as surrogates."""
    return name.decode(codec, "surrogateescape")


def read_identifier(sql: bytes, position: int) -> tuple[bytes, int] | None:
    """The name of an identifier at ``position`` and where it ends, or None where none stands."""
    quoted = _QUOTED.match(sql, position)
    if quoted:
        return quoted.group(1).replace(b'""', b'"'), quoted.end()
    bare = _BARE.match(sql, position)
    if bare:
        return bare.group().lower(), bare.end()
    return None
