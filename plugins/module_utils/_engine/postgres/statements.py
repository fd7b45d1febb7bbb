# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of psql's SQL taken apart into comments, meta-commands, statements and COPY data.

It knows enough of the language never to take what stands in a literal, a function's body or a
table's row for anything else, and holds back less than 10 KiB whatever the length of a statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

BLANK = "blank"
COMMENT = "comment"
META_COMMAND = "meta-command"
STATEMENT = "statement"
COPY_DATA = "copy data"

# Enough to see a token whole: a dollar quote's tag, or the end of a COPY statement.
_HOLD = 256
_LONGEST_LINE = 1 << 13
_COPY = b"COPY "
_FROM_STDIN = b" FROM stdin;"
_END_OF_COPY = b"\n\\.\n"
_WORD = rb"A-Za-z0-9_\x80-\xff"
_TOKEN = re.compile(
    rb"(?<![" + _WORD + rb"$])[eE]'|['\";]|--|/\*"
    rb"|(?<![" + _WORD + rb"$])\$(?:[A-Za-z_\x80-\xff][" + _WORD + rb"]*)?\$"
)
_WHITE = re.compile(rb"[ \t\r\n\f\v]+")
_ESCAPE_OR_QUOTE = re.compile(rb"[\\']")
_BLOCK_COMMENT = re.compile(rb"/\*|\*/")
_PLAIN_STRINGS = re.compile(rb"SET\s+standard_conforming_strings\s*(?:=|TO)\s*'?(on|off)'?;", re.IGNORECASE)


class Piece(NamedTuple):
    """A run of one kind of text; ``whole`` where it is a comment line, meta-command or statement in one piece.

    ``ends`` marks the last piece of what it belongs to.
    """

    kind: str
    data: bytes | memoryview
    whole: bool
    ends: bool


class PieceReader:
    """Feed it chunks, get :class:`Piece` objects whose data, one after another, is the input."""

    def __init__(self) -> None:
        self._buffer = b""
        self._given = 0
        self._position = 0
        self._state = self._between
        self._kind = BLANK
        self._whole = True
        self._copy = False
        self._tag = b""
        self._depth = 0
        self._escapes = False
        self._final = False

    @property
    def between_statements(self) -> bool:
        """Whether everything given out so far ends where a new statement may begin."""
        return self._state == self._between

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Take the next bytes and yield the pieces that they settle."""
        self._buffer += chunk
        yield from self._run()
        if self._kind == COPY_DATA:
            cut = self._position
        elif self._kind == STATEMENT:
            cut = max(self._given, self._position - _HOLD)
        else:
            cut = self._given
        if cut > self._given:
            yield self._give(cut, False)
        self._buffer = self._buffer[cut:]
        self._position -= cut
        self._given = 0

    def finish(self) -> Iterator[Piece]:
        """Yield what was held back, now that nothing follows."""
        self._final = True
        yield from self._run()
        if self._given < len(self._buffer):
            yield self._give(len(self._buffer), False)
        self.take_rest()

    def take_rest(self) -> bytes:
        """The bytes fed but not given out; the reader forgets them."""
        rest = self._buffer[self._given :]
        self._buffer = b""
        self._given = self._position = 0
        return rest

    def _run(self) -> Iterator[Piece]:
        while self._position < len(self._buffer):
            state = self._state
            before = self._position
            piece = state()
            if piece is not None:
                yield piece
            elif self._position == before and self._state == state:
                return

    def _give(self, end: int, ends: bool) -> Piece:
        """Give out the buffer up to ``end``."""
        view = memoryview(self._buffer)[self._given : end]
        piece = Piece(self._kind, view if self._kind == COPY_DATA else bytes(view), self._whole and ends, ends)
        self._given = end
        self._whole = ends
        if ends:
            self._kind = BLANK
            self._state = self._between
            self._position = end
        return piece

    # Each state moves the position, and the state, as far as the buffer allows; without either it waits for more.

    def _between(self) -> Piece | None:
        start = self._position
        white = _WHITE.match(self._buffer, start)
        if white:
            return self._give(white.end(), True)
        opening = self._buffer[start : start + len(_COPY)]
        if len(opening) < len(_COPY) and b"\n" not in opening and not self._final:
            return None
        if opening.startswith((b"--", b"\\")):
            self._kind = COMMENT if opening.startswith(b"--") else META_COMMAND
            self._state = self._line
            return None
        self._kind = STATEMENT
        self._copy = opening == _COPY
        self._state = self._statement
        return None

    def _line(self) -> Piece | None:
        newline = self._buffer.find(b"\n", self._position)
        if newline >= 0:
            return self._give(newline + 1, True)
        if len(self._buffer) - self._given > _LONGEST_LINE:
            self._position = len(self._buffer)
            return self._give(len(self._buffer), False)
        return None

    def _statement(self) -> Piece | None:
        token = _TOKEN.search(self._buffer, self._position)
        if token is None:
            self._position = len(self._buffer) if self._final else max(self._position, len(self._buffer) - _HOLD)
            return None
        text = token.group()
        self._position = token.end()
        if text == b";":
            return self._end_of_statement()
        if text == b"'":
            self._state = self._escape_string if self._escapes else self._string
        elif text[-1:] == b"'":
            self._state = self._escape_string
        elif text == b'"':
            self._state = self._identifier
        elif text == b"--":
            self._state = self._line_comment
        elif text == b"/*":
            self._depth = 1
            self._state = self._block_comment
        else:
            self._tag = text
            self._state = self._dollar_string
        return None

    def _end_of_statement(self) -> Piece:
        end = self._position
        is_copy = self._copy and self._buffer.endswith(_FROM_STDIN, 0, end)
        piece = self._give(end, True)
        setting = _PLAIN_STRINGS.fullmatch(piece.data) if piece.whole else None
        if setting:
            self._escapes = setting.group(1).lower() == b"off"
        if is_copy:
            self._kind = COPY_DATA
            self._state = self._copy_data
        return piece

    def _until(self, mark: bytes) -> None:
        found = self._buffer.find(mark, self._position)
        if found < 0:
            self._position = max(self._position, len(self._buffer) - len(mark) + 1)
        else:
            self._position = found + len(mark)
            self._state = self._statement

    def _string(self) -> None:
        self._until(b"'")

    def _identifier(self) -> None:
        self._until(b'"')

    def _dollar_string(self) -> None:
        self._until(self._tag)

    def _line_comment(self) -> None:
        self._until(b"\n")

    def _escape_string(self) -> None:
        special = _ESCAPE_OR_QUOTE.search(self._buffer, self._position)
        if special is None:
            self._position = len(self._buffer)
            return
        self._position = special.start()
        pair = self._buffer[special.start() : special.start() + 2]
        if len(pair) < 2 and not self._final:
            return
        if pair == b"''" or pair.startswith(b"\\"):
            self._position += len(pair)
        else:
            self._position += 1
            self._state = self._statement

    def _block_comment(self) -> None:
        mark = _BLOCK_COMMENT.search(self._buffer, self._position)
        if mark is None:
            self._position = max(self._position, len(self._buffer) - 1)
            return
        self._position = mark.end()
        self._depth += 1 if mark.group() == b"/*" else -1
        if self._depth == 0:
            self._state = self._statement

    def _copy_data(self) -> Piece | None:
        found = self._buffer.find(_END_OF_COPY, self._position)
        if found >= 0:
            return self._give(found + len(_END_OF_COPY), True)
        self._position = max(self._position, len(self._buffer) - len(_END_OF_COPY) + 1)
        return None


def gather(pieces: Iterable[Piece], longest: int = 1 << 16) -> Iterator[Piece]:
    """Join the pieces of each statement, so that one of up to ``longest`` bytes comes whole; a longer one stays in pieces."""
    parts: list[bytes] = []
    length = 0
    begun = False
    for piece in pieces:
        if piece.kind != STATEMENT or piece.whole:
            yield piece
            continue
        parts.append(bytes(piece.data))
        length += len(piece.data)
        if piece.ends or length > longest:
            yield Piece(STATEMENT, b"".join(parts), piece.ends and not begun and length <= longest, piece.ends)
            begun = not piece.ends
            parts, length = [], 0
    if parts:
        yield Piece(STATEMENT, b"".join(parts), False, False)
