# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The globals of a dump made fit for a server that already has roles, tablespaces and a door.

What the target has is not created again, and nothing is dropped: what goes is decided by the restore,
never by the dump. The role that connects keeps what lets it in: its password and its right to log in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .dumped_names import decode_name, find_client_encoding, read_identifier
from .quoting import quote_literal
from .statements import BLANK, META_COMMAND, STATEMENT, Piece, PieceReader, gather

_DROP = re.compile(rb"DROP\s+(?:ROLE|TABLESPACE|DATABASE)\s")
_CREATE_ROLE = re.compile(rb"CREATE\s+ROLE\s+")
_CREATE_TABLESPACE = re.compile(rb"CREATE\s+TABLESPACE\s+")
_ALTER_ROLE = re.compile(rb"ALTER\s+ROLE\s+")
_OF_ROLE = re.compile(rb"(?:ALTER|COMMENT\s+ON|SECURITY\s+LABEL\s+FOR\s+\S+\s+ON)\s+ROLE\s+")
_OF_TABLESPACE = re.compile(rb"(?:ALTER|COMMENT\s+ON|SECURITY\s+LABEL\s+FOR\s+\S+\s+ON|(?:GRANT|REVOKE)\s+[A-Z, ]+?\s+ON)\s+TABLESPACE\s+")
_OF_EVERYBODY = re.compile(rb"ALTER\s+ROLE\s+ALL\s")
_ON_PARAMETER = re.compile(rb"(?:GRANT|REVOKE)\s+[A-Z, ]+?\s+ON\s+PARAMETER\s")
_MEMBERSHIP = re.compile(rb"GRANT\s+")
_TO = re.compile(rb"\s+TO\s+")
_ADMIN = re.compile(rb"[A-Z, ]*\bADMIN (?:OPTION|TRUE)\b")
_GRANTED_BY = re.compile(rb"[A-Z, ]*?(?P<clause> GRANTED BY )")
_END = re.compile(rb"\s*;")
_WITH = re.compile(rb"\s+WITH\b")
_CONNECT = b"\\connect "
_LITERAL = rb"(?:[eE]?'(?:[^'\\]|''|\\.)*'|NULL)"
_LOCATION = re.compile(rb"\s+LOCATION\s+(?P<folder>" + _LITERAL + rb")\s*;")
_DOOR_ATTRIBUTE = re.compile(
    rb"\s+(?:(?:NO)?SUPERUSER|(?:NO)?LOGIN|(?:ENCRYPTED\s+)?PASSWORD\s+" + _LITERAL + rb"|VALID\s+UNTIL\s+" + _LITERAL + rb""
    rb"|CONNECTION\s+LIMIT\s+-?\d+)(?=[\s;])",
    re.DOTALL,
)
_OTHER_ATTRIBUTE = re.compile(rb"\s+[A-Z]+(?=[\s;])")


@dataclass(frozen=True)
class TargetGlobals:
    """What the target has: the role that connects, and the names of all roles and tablespaces.

    ``keep_existing``: what the target has stays as it is; the dump only adds what is missing. ``first_role`` is the one
    that initdb made: memberships granted by the source's first role are granted by the target's, None: as they were.
    ``folders``: where tablespaces live, by name, instead of where the dump says.
    """

    connecting_role: str
    roles: frozenset[str]
    tablespaces: frozenset[str]
    keep_existing: bool = False
    first_role: str | None = None
    folders: Mapping[str, str] = field(default_factory=dict)


def filter_globals(globals_sql: Iterable[bytes], target: TargetGlobals) -> Iterator[bytes]:
    """Yield ``globals_sql`` without what would fail on ``target`` or shut its door; all else byte for byte.

    From the first ``\\connect`` on everything passes unread, so that a whole dump may be fed.
    """
    reader = PieceReader()
    judge = _Judge(target)
    chunks = iter(globals_sql)
    for piece in gather(_pieces(reader, chunks)):
        if piece.kind == META_COMMAND and bytes(piece.data).startswith(_CONNECT):
            yield bytes(piece.data)
            break
        kept = judge.keep(piece)
        if kept:
            yield kept
    rest = reader.take_rest()
    if rest:
        yield rest
    yield from chunks


def _pieces(reader: PieceReader, chunks: Iterator[bytes]) -> Iterator[Piece]:
    for chunk in chunks:
        yield from reader.feed(chunk)
    yield from reader.finish()


class _Judge:
    """Says of one piece after another what is left of it."""

    def __init__(self, target: TargetGlobals) -> None:
        self._target = target
        self._codec = "utf_8"
        self._dropped = False
        self._admins: set[tuple[str, str]] = set()

    def keep(self, piece: Piece) -> bytes:
        data = bytes(piece.data)
        dropped, self._dropped = self._dropped, False
        if piece.kind == BLANK and dropped and data.startswith(b"\n"):
            return data[1:]
        if piece.kind != STATEMENT or not piece.whole:
            return data
        self._codec = find_client_encoding(data) or self._codec
        kept = self._keep_statement(data)
        self._dropped = not kept
        return kept

    def _keep_statement(self, statement: bytes) -> bytes:
        if _DROP.match(statement):
            return b""
        create = _CREATE_ROLE.match(statement)
        if create:
            name, end = self._name(statement, create.end())
            return b"" if name in self._target.roles and _END.fullmatch(statement, end) else statement
        create = _CREATE_TABLESPACE.match(statement)
        if create:
            name, end = self._name(statement, create.end())
            return b"" if name in self._target.tablespaces else self._moved(statement, name, end)
        if self._target.keep_existing and self._is_of_existing(statement):
            return b""
        membership = self._membership(statement)
        if membership is not None:
            return self._granted_by_first_role(statement, *membership)
        alter = _ALTER_ROLE.match(statement)
        if alter:
            name, end = self._name(statement, alter.end())
            if name == self._target.connecting_role:
                return _without_door_attributes(statement, end)
        return statement

    def _moved(self, statement: bytes, name: str | None, position: int) -> bytes:
        """A ``CREATE TABLESPACE`` with the folder that the target has for it."""
        location = _LOCATION.search(statement, position)
        wanted = None if name is None else self._target.folders.get(name)
        if wanted is None or location is None:
            return statement
        folder = quote_literal(wanted).lstrip().encode(self._codec, "surrogateescape")
        return statement[: location.start("folder")] + folder + statement[location.end("folder") :]

    def _is_of_existing(self, statement: bytes) -> bool:
        """Whether a statement changes a role or tablespace that the target has, or what all its roles have or may do with settings."""
        if _ON_PARAMETER.match(statement) or _OF_EVERYBODY.match(statement):
            return True
        for pattern, names in ((_OF_ROLE, self._target.roles), (_OF_TABLESPACE, self._target.tablespaces)):
            found = pattern.match(statement)
            if found:
                return self._name(statement, found.end())[0] in names
        membership = self._membership(statement)
        return membership is not None and membership[1] in self._target.roles

    def _membership(self, statement: bytes) -> tuple[str, str, int] | None:
        """Role, member and where the options begin of a ``GRANT role TO member …``."""
        opening = _MEMBERSHIP.match(statement)
        if opening is None:
            return None
        role, end = self._name(statement, opening.end())
        to = _TO.match(statement, end)
        if role is None or to is None:
            return None
        member, end = self._name(statement, to.end())
        return None if member is None else (role, member, end)

    def _granted_by_first_role(self, statement: bytes, role: str, member: str, position: int) -> bytes:
        """Leave the grantor to the server where it is the source's first role: of all, it alone needs no ADMIN option."""
        if _ADMIN.match(statement, position):
            self._admins.add((role, member))
        granted = _GRANTED_BY.match(statement, position)
        if granted is None or self._target.first_role is None:
            return statement
        grantor, end = self._name(statement, granted.end())
        if grantor is None or grantor == self._target.first_role or (role, grantor) in self._admins:
            return statement
        return statement[: granted.start("clause")] + statement[end:]

    def _name(self, statement: bytes, position: int) -> tuple[str | None, int]:
        found = read_identifier(statement, position)
        return (None, position) if found is None else (decode_name(found[0], self._codec), found[1])


def _without_door_attributes(statement: bytes, position: int) -> bytes:
    """``ALTER ROLE … WITH …`` less what lets the role in; a setting (``ALTER ROLE … SET``) stays as it is."""
    opening = _WITH.match(statement, position)
    if opening is None:
        return statement
    kept = [statement[: opening.end()]]
    position = opening.end()
    while not _END.fullmatch(statement, position):
        attribute = _DOOR_ATTRIBUTE.match(statement, position)
        if attribute is None:
            attribute = _OTHER_ATTRIBUTE.match(statement, position)
            if attribute is None:
                # An attribute of a client newer than this program: better none of them than a shut door.
                return b""
            kept.append(attribute.group())
        position = attribute.end()
    return b"".join(kept) + b";" if len(kept) > 1 else b""
