# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of a dump found while it streams by: the globals, each database, the end.

A comment of the client opens a section, and only where the server's data cannot speak: outside
of ``\\restrict`` blocks, or, in dumps of older clients, where a statement may begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from ..manifest import DATABASE, END, GLOBALS, WHOLE
from ..tools.errors import DumpFailed
from .dumped_names import decode_name, find_client_encoding
from .restrict import RestrictReader, begins_restricted
from .statements import BLANK, COMMENT, META_COMMAND, Piece, PieceReader

CLUSTER_HEADER = b"--\n-- PostgreSQL database cluster dump\n--\n"
CLUSTER_END = b"--\n-- PostgreSQL database cluster dump complete\n--\n\n"
DUMP_HEADER = b"--\n-- PostgreSQL database dump\n--\n"
DUMP_END = b"--\n-- PostgreSQL database dump complete\n--\n\n"

_RULE = b"--\n"
_CLUSTER_END_LINE = b"-- PostgreSQL database cluster dump complete\n"
_DATABASE_LINE = re.compile(rb'-- Database "(.*)" dump\n', re.DOTALL)
_LONGEST_OPENING = 1 << 12


@dataclass(frozen=True)
class SectionStart:
    """From here on bytes belong to a section of this kind (of manifest.py), of this database if of one.

    The name is decoded from the dump's own encoding; bytes that are none in it survive as surrogates.
    """

    kind: str
    database: str | None = None


Part = Union[SectionStart, bytes, memoryview]


class SectionScanner:
    """Feed it a dump in chunks of any size; it yields its bytes again, with section starts between them.

    ``databases`` names the databases seen so far, in order. ``complete`` tells, after ``finish``, whether the dump
    ended exactly as its client ends one. With ``expected_key`` the dump must be restricted by that key.
    """

    def __init__(self, expected_key: str | None = None) -> None:
        self._expected_key = expected_key
        self._opening: bytes | None = b""
        self._end_mark: bytes | None = None
        self._restricted: RestrictReader | None = None
        self._pieces: PieceReader | None = None
        self._kind: str | None = None
        self._codec = "utf_8"
        self._rule_held = False
        self._closing = b""
        self._end_length = 0
        self._finished = False
        self.databases: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Part]:
        """Take the next bytes; raises DumpFailed where the dump is not restricted by the expected key."""
        if self._opening is not None:
            self._opening += chunk
            if not self._open(False):
                return
            chunk, self._opening = self._opening, None
            yield SectionStart(self._kind or WHOLE)
        if self._restricted is not None:
            for line, data in self._restricted.feed(chunk):
                yield from self._line(line) if line is not None else self._data(data)
        elif self._pieces is not None:
            for piece in self._pieces.feed(chunk):
                yield from self._piece(piece)
        elif chunk:
            yield chunk

    def finish(self) -> Iterator[Part]:
        """Yield what was held back, now that nothing follows."""
        if self._opening is not None:
            self._open(True)
            chunk, self._opening = self._opening, None
            yield SectionStart(self._kind or WHOLE)
            yield from self.feed(chunk)
        if self._restricted is not None:
            for line, _dummy in self._restricted.finish():
                yield from self._line(line or b"")
        elif self._pieces is not None:
            for piece in self._pieces.finish():
                yield from self._piece(piece)
        if self._rule_held:
            self._rule_held = False
            yield self._note(_RULE)
        self._finished = True

    @property
    def complete(self) -> bool:
        """Whether everything was fed and the dump's own last lines stood at its very end."""
        if not self._finished or self._end_mark is None:
            return False
        if self._restricted is not None and self._end_mark == DUMP_END:
            return self._restricted.last_block_end == b"\n" + DUMP_END and self._closing == b"\n"
        if self._kind == END and self._end_length != len(CLUSTER_END):
            return False
        return self._closing.endswith(b"\n" + self._end_mark)

    def _open(self, final: bool) -> bool:
        """Tell from the first lines what the dump is; False where more of them are needed."""
        opening = self._opening or b""
        for header, end_mark, kind in ((CLUSTER_HEADER, CLUSTER_END, GLOBALS), (DUMP_HEADER, DUMP_END, WHOLE)):
            if opening.startswith(header):
                restricted = begins_restricted(opening, final)
                codec = find_client_encoding(opening)
                if restricted is None or (codec is None and len(opening) < _LONGEST_OPENING and not final):
                    return False
                self._kind, self._end_mark = kind, end_mark
                self._codec = codec or self._codec
                self._choose_reader(restricted)
                return True
            if header.startswith(opening) and not final:
                return False
        self._kind = WHOLE
        return True

    def _choose_reader(self, restricted: bool) -> None:
        if restricted:
            self._restricted = RestrictReader(self._expected_key, remember=len(DUMP_END) + 1)
        elif self._expected_key is None:
            self._pieces = PieceReader()
        else:
            raise DumpFailed(
                "pg_dumpall was given a restrict key, but its output does not begin with a \\restrict line, so its databases "
                "cannot be told apart safely. The dump was not kept and nothing else changed; check that pg_dumpall is "
                "PostgreSQL's own program."
            )

    def _piece(self, piece: Piece) -> Iterator[Part]:
        if piece.kind == BLANK or (piece.kind in (COMMENT, META_COMMAND) and piece.whole):
            yield from self._line(bytes(piece.data))
        else:
            yield from self._data(piece.data)

    def _line(self, line: bytes) -> Iterator[Part]:
        """A line of the client's own: where sections begin."""
        if self._rule_held:
            self._rule_held = False
            start = self._section_of(line)
            if start is not None:
                self._kind = start.kind
                yield start
            yield self._note(_RULE)
        if line == _RULE and self._kind in (GLOBALS, DATABASE):
            self._rule_held = True
            return
        if line.startswith(b"\\connect ") and self._kind == GLOBALS:
            # Clients up to version 11 do not say where a database begins.
            self._kind = WHOLE
            yield SectionStart(WHOLE)
        yield self._note(line)

    def _section_of(self, line: bytes) -> SectionStart | None:
        if line == _CLUSTER_END_LINE:
            return SectionStart(END)
        match = _DATABASE_LINE.fullmatch(line)
        if match is None:
            return None
        name = decode_name(match.group(1), self._codec)
        self.databases.append(name)
        return SectionStart(DATABASE, name)

    def _data(self, data: bytes | memoryview | None) -> Iterator[Part]:
        if self._rule_held:
            self._rule_held = False
            yield self._note(_RULE)
        self._closing = b""
        if self._kind == END:
            self._end_length += len(data or b"")
        if data:
            yield data

    def _note(self, line: bytes) -> bytes:
        """Remember the last lines, for ``complete``."""
        if line.startswith(b"\\"):
            self._closing = b""
        else:
            self._closing = (self._closing + line)[-len(CLUSTER_END) - 1 :]
        if self._kind == END:
            self._end_length += len(line)
        return line
