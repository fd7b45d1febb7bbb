# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: the JSON beside a dump that proves it.

Its section table is the format's promise: sections follow one another without a gap,
so that their lengths and checksums cover the whole SQL; where the stored file has a
frame for each section, it says where the frame begins, and a section can be read alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime

from .names import SUFFIX_OF_CODEC, format_name_time, parse_name_time

FORMAT = 1
GLOBALS = "globals"
DATABASE = "database"
END = "end"
WHOLE = "whole"
# The databases that every server has, as a dump takes for granted.
BUILT_IN = ("template1", "postgres")
_KINDS = (GLOBALS, DATABASE, END, WHOLE)
# The origin of a dump that came without a manifest and was damaged when it was first read: only that is known of it.
NEVER_PROVEN = "never proven"
# The last field vouches for the text of all fields before it.
_CHECKSUM = ',\n "checksum": "%s"\n}\n'
_CHECKSUM_LENGTH = len(_CHECKSUM % ("0" * 64))


class ManifestInvalid(ValueError):
    """A manifest that cannot be read or contradicts itself; the message says how."""


@dataclass(frozen=True)
class Section:
    """A run of the SQL: the globals, one database, the end, or the whole where it cannot be told apart.

    Offsets and lengths are bytes; ``stored_offset`` and ``stored_length`` are None
    where the stored file does not begin a frame of its own for this section.
    """

    kind: str
    database: str | None
    offset: int
    length: int
    sha256: str
    stored_offset: int | None = None
    stored_length: int | None = None


@dataclass(frozen=True)
class Extension:
    """An extension as installed in a database."""

    name: str
    version: str


@dataclass(frozen=True)
class DatabaseFacts:
    """What a server must offer before this database can be restored into it.

    ``objects`` counts what users made in it (0: nothing but what initdb made);
    ``size`` is ``pg_database_size`` in bytes. ``without_contents`` names the unlogged tables and sequences that are in the dump
    without their contents, as schema.name.
    """

    name: str
    owner: str
    encoding: str
    collate: str
    ctype: str
    locale_provider: str
    locale: str | None
    tablespace: str
    objects: int
    size: int
    extensions: tuple[Extension, ...] = ()
    without_contents: tuple[str, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A database of the server that is not in the dump, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Tablespace:
    """A tablespace of the server and the folder it lives in."""

    name: str
    location: str


@dataclass(frozen=True)
class Manifest:
    """Everything that is known of one backup.

    ``sequence`` grows by one with every backup of a volume, whatever the clock does; 0 for
    the predecessor's dumps. ``modified_ns`` is the dump's modification time when it was
    proven: any later write shows. ``databases`` is None where nobody could ask the server.
    ``from_standby``: a standby was dumped, and the contents of unlogged tables left out.
    ``damaged`` says why a later reading of the dump failed; such a backup is no longer good.
    """

    file_name: str
    codec: str
    stored_size: int
    stored_sha256: str
    modified_ns: int
    plain_size: int
    started: datetime
    finished: datetime
    sequence: int
    sections: tuple[Section, ...]
    origin: str = "bandr.postgres"
    engine_version: str = ""
    server_version: str | None = None
    server_version_number: int | None = None
    client_version: str | None = None
    restrict_key: str | None = None
    only_database: str | None = None
    databases: tuple[DatabaseFacts, ...] | None = None
    left_out: tuple[LeftOut, ...] = ()
    roles: tuple[str, ...] | None = None
    tablespaces: tuple[Tablespace, ...] | None = None
    warnings: tuple[str, ...] = ()
    from_standby: bool = False
    damaged: str | None = None

    @property
    def database_names(self) -> tuple[str, ...]:
        """Names of the databases in the dump, in its order; empty where sections are not known."""
        return tuple(section.database for section in self.sections if section.kind == DATABASE and section.database is not None)

    @property
    def has_sections(self) -> bool:
        """Whether databases can be told apart."""
        return not any(section.kind == WHOLE for section in self.sections)


def write_manifest(manifest: Manifest) -> str:
    """The manifest as JSON text, a line for each section and database."""
    content: dict = {"format": FORMAT}
    content.update(asdict(manifest))
    content["started"] = format_name_time(manifest.started)
    content["finished"] = format_name_time(manifest.finished)
    body = json.dumps(content, indent=1, ensure_ascii=True, sort_keys=True)[: -len("\n}")]
    return body + _CHECKSUM % _checksum(body.encode("ascii"))


def read_manifest(text: str) -> Manifest:
    """Read and check what :func:`write_manifest` wrote.

    Raises ManifestInvalid when it is not JSON, was altered, is of an unknown format, lacks a
    field, or when the sections leave a gap, overlap, or do not add up to the sizes.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ManifestInvalid("it is not JSON (%s)" % error) from error
    check_content(text.encode("utf-8", "surrogatepass"))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ManifestInvalid("it is not of format %d" % FORMAT)
    try:
        manifest = _build(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestInvalid("a field is missing or wrong (%s: %s)" % (type(error).__name__, error)) from error
    _check(manifest)
    return manifest


def check_content(content: bytes) -> None:
    """Raise ManifestInvalid unless the checksum on the last line is that of all lines before it."""
    body = memoryview(content)[:-_CHECKSUM_LENGTH]
    if content[len(body) :] != (_CHECKSUM % _checksum(body)).encode("ascii"):
        raise ManifestInvalid("its checksum does not fit: it was altered after it was written")


def _checksum(body: bytes | memoryview) -> str:
    return hashlib.sha256(body).hexdigest()


def _build(content: dict) -> Manifest:
    known = dict(content)
    del known["format"], known["checksum"]
    known["started"] = parse_name_time(known["started"])
    known["finished"] = parse_name_time(known["finished"])
    known["sections"] = tuple(Section(**entry) for entry in known["sections"])
    known["left_out"] = tuple(LeftOut(**entry) for entry in known["left_out"])
    known["warnings"] = tuple(known["warnings"])
    if known["roles"] is not None:
        known["roles"] = tuple(known["roles"])
    if known["tablespaces"] is not None:
        known["tablespaces"] = tuple(Tablespace(**entry) for entry in known["tablespaces"])
    if known["databases"] is not None:
        known["databases"] = tuple(_database(entry) for entry in known["databases"])
    return Manifest(**known)


def _database(entry: dict) -> DatabaseFacts:
    extensions = tuple(Extension(**extension) for extension in entry["extensions"])
    return DatabaseFacts(**dict(entry, extensions=extensions, without_contents=tuple(entry.get("without_contents", ()))))


def _check(manifest: Manifest) -> None:
    if manifest.codec not in SUFFIX_OF_CODEC:
        raise ManifestInvalid("it names an unknown codec %r" % (manifest.codec,))
    if not manifest.sections:
        raise ManifestInvalid("it has no sections")
    plain = stored = 0
    framed = all(section.stored_offset is not None for section in manifest.sections)
    for section in manifest.sections:
        if section.kind not in _KINDS or (section.kind == DATABASE) != (section.database is not None):
            raise ManifestInvalid("section %r is of no known kind" % (section,))
        if section.offset != plain or section.length < 0:
            raise ManifestInvalid("its sections do not follow one another at byte %d" % plain)
        plain += section.length
        if framed:
            if section.stored_offset != stored:
                raise ManifestInvalid("its frames do not follow one another at byte %d" % stored)
            stored += section.stored_length or 0
    if plain != manifest.plain_size or (framed and stored != manifest.stored_size):
        raise ManifestInvalid("its sections do not add up to its sizes")
