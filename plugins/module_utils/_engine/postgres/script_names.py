# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script would touch, for dumps whose client did not say where a database begins, and what it is itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Iterator

from .dumped_names import decode_name, find_client_encoding, read_identifier
from .statements import META_COMMAND, STATEMENT, Piece, PieceReader, gather

_CREATE_DATABASE = re.compile(rb"CREATE\s+DATABASE\s+")
_CONNECT = b"\\connect "
_HARMLESS = re.compile(rb"SET\s[^;]*;|SELECT pg_catalog\.set_config\([^;]*\);", re.DOTALL)
# What is added to dumps of the databases that every server has, and pg_dump writes of no object.
_OF_DATABASE = re.compile(
    rb"(?:ALTER|COMMENT ON|SECURITY LABEL FOR .{1,300}? ON|(?:GRANT|REVOKE) [A-Z, ]{1,80} ON) DATABASE "
    rb"|ALTER ROLE .{1,300}? IN DATABASE |(?:RE)?SET SESSION AUTHORIZATION\b",
    re.DOTALL,
)


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


@dataclass(frozen=True)
class Deeds:
    """What a script does beyond setting its own session up: with ``objects``, and else with the ``database`` as a whole."""

    objects: bool
    database: bool


def deeds_of_script(chunks: Iterable[bytes | memoryview]) -> Deeds:
    """What a script does; it is read no further than to the first statement that is about an object."""
    about_database = False
    goes_on = False
    for piece in gather(_pieces(chunks)):
        begins, goes_on = not goes_on, not piece.ends
        if piece.kind != STATEMENT or not begins:
            continue
        statement = bytes(piece.data)
        if _OF_DATABASE.match(statement):
            about_database = True
        elif not _HARMLESS.fullmatch(statement):
            return Deeds(True, about_database)
    return Deeds(False, about_database)


def _pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[Piece]:
    reader = PieceReader()
    for chunk in chunks:
        yield from reader.feed(bytes(chunk))
    yield from reader.finish()
