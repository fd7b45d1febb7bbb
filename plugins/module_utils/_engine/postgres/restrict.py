# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dump whose data stands between ``\\restrict TOKEN`` and ``\\unrestrict TOKEN`` lines, taken apart.

What is restricted is the server's word, and may hold anything but the token; the few lines
outside are the client's own. So the inside is only searched for its one closing line.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

from ..tools.errors import DumpFailed

OPENING_LINE = b"\\restrict "
_CLOSE = b"\\unrestrict "
# A client's own lines are short; a longer one is passed on in parts.
_LONGEST_LINE = 1 << 13
_LONGEST_OPENING = 1 << 12
# Eight letters that are rare in data: a search for a long key of them skips furthest. 63 of them are 189 random bits.
_KEY_LETTERS = "GHKQVWXZ"
_KEY_LENGTH = 63
_CLIENT_LINES = re.compile(rb"(?:[ \t]*\n|--[^\n]*\n|\\(?:connect|encoding) [^\n]*\n)*")


def new_restrict_key() -> str:
    """A key for one dump that nobody can guess, made of what is found fastest."""
    return "".join(secrets.choice(_KEY_LETTERS) for _letter in range(_KEY_LENGTH))


def begins_restricted(sql: bytes, final: bool) -> bool | None:
    """Whether the first line of ``sql`` that is more than a comment or ``\\connect`` opens a restricted block.

    None where more bytes are needed to tell; ``final`` says that there are none.
    """
    match = _CLIENT_LINES.match(sql)
    first = sql[match.end() if match else 0 :]
    if b"\n" not in first and len(sql) < _LONGEST_OPENING and not final:
        return None
    return first.startswith(OPENING_LINE)


class RestrictReader:
    """Splits SQL into lines outside and data inside of restricted blocks.

    ``feed`` yields ``(line, None)`` for each whole line outside and ``(None, data)`` for data inside, in order and
    without loss. With ``expected_key`` every block must carry that token. ``last_block_end`` holds the bytes just
    before the last block's closing line, up to ``remember`` of them.
    """

    def __init__(self, expected_key: str | None = None, remember: int = 0) -> None:
        self._expected = None if expected_key is None else expected_key.encode("ascii")
        self._remember = remember
        self._needle: bytes | None = None
        self._held = b""
        self._tail = b""
        self.last_block_end = b""

    @property
    def outside(self) -> bool:
        """Whether the last byte fed lies outside of every restricted block."""
        return self._needle is None

    def feed(self, chunk: bytes) -> Iterator[tuple[bytes | None, bytes | memoryview | None]]:
        """Take the next bytes; raises DumpFailed for a block with another token than the expected one."""
        position = 0
        while position < len(chunk):
            if self._needle is None:
                newline = chunk.find(b"\n", position)
                end = newline + 1 if newline >= 0 else len(chunk)
                line = self._held + chunk[position:end]
                position = end
                if newline < 0 and len(line) <= _LONGEST_LINE:
                    self._held = line
                else:
                    self._held = b""
                    self._look_at(line)
                    yield line, None
            else:
                end = self._block_end(self._needle, chunk, position)
                yield None, (chunk if position == 0 and end == len(chunk) else memoryview(chunk)[position:end])
                position = end

    def finish(self) -> Iterator[tuple[bytes | None, bytes | memoryview | None]]:
        """Yield what was held back: at most a line without its newline."""
        if self._held:
            yield self._held, None
            self._held = b""

    def _look_at(self, line: bytes) -> None:
        if not line.startswith(OPENING_LINE):
            return
        token = line[len(OPENING_LINE) :].rstrip(b"\r\n")
        if self._expected is not None and token != self._expected:
            raise DumpFailed(
                "The dump holds a \\restrict line with another key than the one this run gave to pg_dumpall, so its databases "
                "cannot be told apart safely. The dump was not kept and nothing else changed; check that pg_dumpall is "
                "PostgreSQL's own program."
            )
        self._needle = b"\n" + _CLOSE + token + b"\n"
        self._tail = b"\n"

    def _block_end(self, needle: bytes, chunk: bytes, position: int) -> int:
        """Where the block's closing line ends in ``chunk``, or its length; keeps what the next chunk's seam needs."""
        reach = len(needle) - 1
        keep = reach + self._remember
        # The closing line may have begun in earlier chunks: look at the seam before the chunk itself.
        seam = self._tail[-reach:]
        found = (seam + chunk[position : position + reach]).find(needle)
        if found >= 0:
            end = position + found + len(needle) - len(seam)
        else:
            found = chunk.find(needle, position)
            end = found + len(needle) if found >= 0 else len(chunk)
        latest = chunk[max(position, end - keep) : end]
        text = (self._tail + latest)[-keep:]
        if found >= 0:
            self.last_block_end = text[:-reach]
            self._needle = None
            self._tail = b""
        else:
            self._tail = text
        return end
