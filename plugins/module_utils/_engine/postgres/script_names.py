# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script would touch, for dumps whose client did not say where a database begins, and what it is itself."""

from __future__ import annotations

import re
from typing import Iterable, Iterator

from .dumped_names import decode_name, find_client_encoding, read_identifier
from .statements import META_COMMAND, STATEMENT, Piece, PieceReader, gather

_CREATE_DATABASE = re.compile(rb"CREATE\s+DATABASE\s+")
_CONNECT = b"\\connect "
_HARMLESS = re.compile(rb"SET\s[^;]*;|SELECT pg_catalog\.set_config\([^;]*\);", re.DOTALL)


def databases_of_script(chunks: Iterable[bytes | memoryview]) -> tuple[str, ...]:
    """The databases that a script creates or connects to, in order of appearance."""
    codec = "utf_8"
    names: dict[str, None] = {}
    for piece in gather(_pieces(chunks)):
        data = bytes(piece.data) if piece.whole else b""
        position = None
        if piece.kind == STATEMENT and piece.whole:
            codec = find_client_encoding(data) or codec
            create = _CREATE_DATABASE.match(data)
            position = create.end() if create else None
        elif piece.kind == META_COMMAND and data.startswith(_CONNECT):
            position = len(_CONNECT)
        found = None if position is None else read_identifier(data, position)
        if found is not None:
            names[decode_name(found[0], codec)] = None
    return tuple(names)


def holds_statements(chunks: Iterable[bytes | memoryview]) -> bool:
    """Whether a script does anything but set its own session up."""
    return any(piece.kind == STATEMENT and not _HARMLESS.fullmatch(bytes(piece.data)) for piece in gather(_pieces(chunks)))


def _pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[Piece]:
    reader = PieceReader()
    for chunk in chunks:
        yield from reader.feed(bytes(chunk))
    yield from reader.finish()
