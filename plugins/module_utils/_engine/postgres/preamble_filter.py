# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that an older server does not know, taken out of where pg_dump puts its settings and of nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .restrict import OPENING_LINE, RestrictReader, begins_restricted
from .statements import BLANK, COMMENT, META_COMMAND, STATEMENT, PieceReader

_SETTING = re.compile(rb"SET ([A-Za-z_][A-Za-z0-9_.]*) = [^;\n]*;")
_PREAMBLE_LINE = re.compile(rb"(?:[ \t]*|--[^\n]*|SET [^\n]*;|SELECT pg_catalog\.set_config\([^\n]*\);)\n")
_LONGEST_LINE = 1 << 13
_BEGINNINGS = (b"-- PostgreSQL database dump\n", b"-- PostgreSQL database cluster dump\n")
_CONNECT = b"\\connect "


def drop_unknown_settings(chunks: Iterable[bytes | memoryview], unknown: frozenset[bytes]) -> Iterator[bytes | memoryview]:
    """Yield ``chunks`` without the lines ``SET NAME = …;`` of pg_dump's preambles whose NAME is in ``unknown``.

    A preamble is what follows a ``\\restrict`` line, or in dumps without such lines the header or a ``\\connect``, for as long
    as it is made of settings, comments and blank lines. All else passes byte for byte.
    """
    source = map(bytes, chunks)
    opening = b""
    restricted = None
    while restricted is None:
        chunk = next(source, None)
        opening += chunk or b""
        restricted = begins_restricted(opening, chunk is None)
    if not unknown:
        yield opening
        yield from source
    elif restricted:
        yield from _filter_restricted(_after(opening, source), unknown)
    else:
        yield from _filter_unrestricted(_after(opening, source), unknown)


def _after(opening: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    yield opening
    yield from source


def _is_unknown(line: bytes, unknown: frozenset[bytes]) -> bool:
    setting = _SETTING.fullmatch(line)
    return setting is not None and setting.group(1) in unknown


def _filter_restricted(chunks: Iterator[bytes], unknown: frozenset[bytes]) -> Iterator[bytes | memoryview]:
    reader = RestrictReader()
    in_preamble = False
    held = b""
    for chunk in chunks:
        for line, data in reader.feed(chunk):
            if line is not None:
                in_preamble = line.startswith(OPENING_LINE)
                yield line
            elif not in_preamble:
                yield data or b""
            else:
                kept, held, in_preamble = _filter_lines(held + bytes(data or b""), unknown)
                if not in_preamble:
                    kept, held = kept + held, b""
                if kept:
                    yield kept
    for line, _dummy in reader.finish():
        yield line or b""
    if held:
        yield held


def _filter_lines(text: bytes, unknown: frozenset[bytes]) -> tuple[bytes, bytes, bool]:
    """What is kept of a preamble's lines, what was not looked at, and whether the preamble may go on."""
    kept: list[bytes] = []
    position = 0
    while True:
        newline = text.find(b"\n", position)
        if newline < 0:
            return b"".join(kept), text[position:], len(text) - position <= _LONGEST_LINE
        line = text[position : newline + 1]
        if not _PREAMBLE_LINE.fullmatch(line):
            return b"".join(kept), text[position:], False
        if not _is_unknown(line[:-1], unknown):
            kept.append(line)
        position = newline + 1


def _filter_unrestricted(chunks: Iterator[bytes], unknown: frozenset[bytes]) -> Iterator[bytes | memoryview]:
    reader = PieceReader()
    in_preamble = False
    dropped = False
    for chunk in _then_none(chunks):
        for piece in reader.finish() if chunk is None else reader.feed(chunk):
            data = piece.data
            if dropped and piece.kind == BLANK and data[:1] == b"\n":
                data = data[1:]
            dropped = False
            if piece.kind == META_COMMAND:
                in_preamble = bytes(data).startswith(_CONNECT)
            elif piece.kind == COMMENT:
                in_preamble = in_preamble or data in _BEGINNINGS
            elif piece.kind == STATEMENT and in_preamble:
                dropped = piece.whole and _is_unknown(bytes(data), unknown)
                in_preamble = piece.whole and _PREAMBLE_LINE.fullmatch(bytes(data) + b"\n") is not None
            elif piece.kind != BLANK:
                in_preamble = False
            if data and not dropped:
                yield data


def _then_none(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    yield from chunks
    yield None
