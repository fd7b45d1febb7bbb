# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of SQL holds, told so that two of them can be compared: definitions by one checksum, the rows of each table by another.

Rows come as they lie in a table, and a server that is filled anew may lay them out in another order where they are of many
lengths. So the checksums of a table's rows are added up, which is the same sum in any order and another one for other rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .dumped_names import decode_name, find_client_encoding, read_identifier
from .statements import BLANK, COMMENT, COPY_DATA, META_COMMAND, STATEMENT, Piece, PieceReader, gather

# Lines with the client's key, which may differ where all else is the same; and so may its comments.
_WITH_KEY = (b"\\restrict ", b"\\unrestrict ")
_COPY = b"COPY "
_END_OF_ROWS = b"\\."
_MODULUS = 1 << 256
# A row may be a gigabyte long; of one that is not whole yet, no more than this is kept.
_LONGEST_REST = 1 << 16


@dataclass
class Rows:
    """The rows of one table: how many, and the sum of their checksums."""

    count: int = 0
    total: int = 0

    def take(self, lines: list[bytes]) -> None:
        """Add rows."""
        self.count += len(lines)
        self.total = (self.total + sum(_number(hashlib.sha256(line)) for line in lines)) % _MODULUS

    def take_hashed(self, row: hashlib._Hash) -> None:
        """Add one row, of which this is the hash."""
        self.count += 1
        self.total = (self.total + _number(row)) % _MODULUS


@dataclass
class Contents:
    """``definitions`` is the checksum of all that is no row; ``rows`` by the COPY statement that brings them."""

    definitions: str = ""
    rows: dict[bytes, Rows] = field(default_factory=dict)
    codec: str = "utf_8"

    def differing_tables(self, other: Contents) -> list[str]:
        """A phrase for each table whose rows are others in ``other``, with both counts where they differ."""
        phrases = []
        for statement in dict.fromkeys([*self.rows, *other.rows]):
            here, there = self.rows.get(statement, Rows()), other.rows.get(statement, Rows())
            if here == there:
                continue
            counts = "" if here.count == there.count else " (%d and %d)" % (here.count, there.count)
            phrases.append(_table_of(statement, self.codec) + counts)
        return phrases


def contents_of(chunks: Iterable[bytes | memoryview]) -> Contents:
    """Read SQL to its end; memory grows with the number of tables alone."""
    contents = Contents()
    definitions = hashlib.sha256()
    reader = _RowReader()
    codec_known = False
    for piece in gather(_pieces(chunks)):
        if piece.kind == COPY_DATA:
            reader.take(bytes(piece.data), piece.ends)
            continue
        data = bytes(piece.data)
        if piece.kind in (BLANK, COMMENT) or (piece.kind == META_COMMAND and data.startswith(_WITH_KEY)):
            continue
        definitions.update(data)
        if piece.kind == STATEMENT and piece.whole:
            if not codec_known:
                found = find_client_encoding(data)
                contents.codec, codec_known = (found or contents.codec), found is not None
            if data.startswith(_COPY):
                reader.rows = contents.rows.setdefault(data, Rows())
    contents.definitions = definitions.hexdigest()
    return contents


class _RowReader:
    """Splits the data behind a COPY statement into lines, each of which is a row."""

    def __init__(self) -> None:
        self.rows = Rows()
        self._rest: bytes | None = None
        self._long: hashlib._Hash | None = None

    def take(self, data: bytes, ends: bool) -> None:
        if self._long is not None:
            head, line_end, data = data.partition(b"\n")
            self._long.update(head)
            if not line_end:
                return
            self.rows.take_hashed(self._long)
            self._long = None
        # The first line is what is left of the statement's own.
        first = self._rest is None
        lines = ((self._rest or b"") + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _LONGEST_REST:
            self._long, self._rest = hashlib.sha256(self._rest), b""
        if first:
            lines = lines[1:] if lines else lines
        if ends:
            self._rest = None
            if lines[-1:] == [_END_OF_ROWS]:
                lines.pop()
        self.rows.take(lines)


def _number(row: hashlib._Hash) -> int:
    return int.from_bytes(row.digest(), "big")


def _pieces(chunks: Iterable[bytes | memoryview]) -> Iterator[Piece]:
    reader = PieceReader()
    for chunk in chunks:
        yield from reader.feed(bytes(chunk))
    yield from reader.finish()


def _table_of(statement: bytes, codec: str) -> str:
    """The name behind COPY, as people write it."""
    parts = []
    position = len(_COPY)
    while True:
        found = read_identifier(statement, position)
        if found is None:
            break
        parts.append(decode_name(found[0], codec))
        position = found[1]
        if statement[position : position + 1] != b".":
            break
        position += 1
    return ".".join(parts) or decode_name(statement, codec)
