# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a stored backup to its end and hold every byte against its manifest."""

from __future__ import annotations

import hashlib
import os
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from typing import BinaryIO, Generator

from ..backups import Backup
from ..manifest import DATABASE, NEVER_PROVEN, WHOLE, Manifest, Section
from ..names import format_name_time, parse_file_name
from ..postgres.sections import SectionScanner, SectionStart
from ..tools.codecs import CHUNK, decode
from ..tools.errors import BackupDamaged, DumpFailed, VolumeError
from .context import Context

_WHAT_IS_SAFE = "It is not restored, promoted or counted; other backups are untouched. List the backups and take another."


def prove_backup(context: Context, backup: Backup, stored_only: bool = False) -> Manifest:
    """Read ``backup`` to its end and return the manifest that vouches for it as it lies there now.

    With a manifest, every checksum and the section table are compared; ``stored_only`` leaves it at the checksum
    of the stored bytes, since the same bytes hold the same SQL. Without one (the predecessor's dumps), the dump
    must be whole compressed data and end as ``pg_dumpall`` ends, and a manifest is made from it. Raises BackupDamaged,
    or VolumeError when the file cannot be read, or is written to meanwhile.
    """
    known = backup.manifest
    total = None if known is None else known.stored_size if stored_only else known.plain_size
    context.progress.start("proving %s/%s" % (backup.tier, backup.name), total)
    try:
        with open(backup.path, "rb", buffering=0) as file:
            modified_ns = os.fstat(file.fileno()).st_mtime_ns
            try:
                if known is None or known.origin == NEVER_PROVEN:
                    manifest = _read_through(context, backup, file)
                else:
                    manifest = (_compare_stored if stored_only else _compare)(context, backup, known, file)
            except BackupDamaged:
                _check_untouched(backup, file, modified_ns)
                raise
            _check_untouched(backup, file, modified_ns)
    except OSError as error:
        raise VolumeError("%s could not be read: %s. %s" % (backup.path, error.strerror, _WHAT_IS_SAFE)) from error
    finally:
        context.progress.done()
    return replace(manifest, modified_ns=modified_ns, damaged=None)


def _check_untouched(backup: Backup, file: BinaryIO, modified_ns: int) -> None:
    """Raise VolumeError when somebody is still copying it here: what was read says nothing then, not even that it is damaged."""
    if os.fstat(file.fileno()).st_mtime_ns != modified_ns:
        raise VolumeError("%s was written to while it was read, so nothing can be said of it. Verify it again." % backup.path)


def _damaged(backup: Backup, why: str) -> BackupDamaged:
    return BackupDamaged("Backup %s in %s is damaged: %s. %s" % (backup.name, backup.tier, why, _WHAT_IS_SAFE), why=why)


class _Stored:
    """Size and checksum of the stored bytes that pass."""

    def __init__(self) -> None:
        self.size = 0
        self.hash = hashlib.sha256()

    def observe(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.hash.update(chunk)


def _decoded(context: Context, backup: Backup, codec: str, file: BinaryIO, stored: _Stored) -> Generator[bytes, None, None]:
    chunks = decode(context.runner, codec, file, observe=stored.observe)
    try:
        for chunk in chunks:
            context.progress.advance(len(chunk))
            yield chunk
    except BackupDamaged as error:
        raise _damaged(backup, error.message.rstrip(".")) from error
    finally:
        chunks.close()


def _compare_stored(context: Context, backup: Backup, manifest: Manifest, file: BinaryIO) -> Manifest:
    stored = _Stored()
    for chunk in iter(lambda: file.read(CHUNK), b""):
        stored.observe(chunk)
        context.progress.advance(len(chunk))
    _check_stored(backup, manifest, stored)
    return manifest


def _check_stored(backup: Backup, manifest: Manifest, stored: _Stored) -> None:
    if manifest.file_name != backup.file_name:
        raise _damaged(backup, "its manifest belongs to %s" % manifest.file_name)
    if stored.size != manifest.stored_size or stored.hash.hexdigest() != manifest.stored_sha256:
        raise _damaged(backup, "its stored bytes are not those that were written")


def _compare(context: Context, backup: Backup, manifest: Manifest, file: BinaryIO) -> Manifest:
    stored = _Stored()
    sections = iter(manifest.sections)
    section = next(sections)
    left, plain_hash = section.length, hashlib.sha256()
    # Closed here, since the traceback of an error would keep a generator and its zstd alive.
    with closing(_decoded(context, backup, manifest.codec, file, stored)) as chunks:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                if left == 0:
                    _compare_section(backup, section, plain_hash.hexdigest())
                    following = next(sections, None)
                    if following is None:
                        raise _damaged(backup, "it holds more SQL than its manifest says")
                    section, left, plain_hash = following, following.length, hashlib.sha256()
                    continue
                plain_hash.update(view[:left])
                view, left = view[left:], left - min(left, len(view))
    _compare_section(backup, section, plain_hash.hexdigest())
    if left or any(rest.length for rest in sections):
        raise _damaged(backup, "it holds less SQL than its manifest says")
    _check_stored(backup, manifest, stored)
    return manifest


def _compare_section(backup: Backup, section: Section, sha256: str) -> None:
    if sha256 != section.sha256:
        what = "database %s" % section.database if section.database is not None else "the section '%s'" % section.kind
        raise _damaged(backup, "the SQL of %s is not what was dumped" % what)


def _read_through(context: Context, backup: Backup, file: BinaryIO) -> Manifest:
    name = parse_file_name(backup.file_name)
    if name is None:
        raise _damaged(backup, "its file name is not that of a backup")
    stored = _Stored()
    scanner = SectionScanner(None)
    table = _SectionTable()
    try:
        with closing(_decoded(context, backup, name.codec, file, stored)) as chunks:
            for chunk in chunks:
                for part in scanner.feed(chunk):
                    table.take(part)
        for part in scanner.finish():
            table.take(part)
    except DumpFailed as error:
        raise _damaged(backup, error.message.rstrip(".")) from error
    if not scanner.complete:
        raise _damaged(backup, "it does not end as pg_dumpall ends a dump")
    sections = table.finish()
    if not any(section.kind in (DATABASE, WHOLE) for section in sections):
        raise _damaged(backup, "it holds roles alone and no database")
    return Manifest(
        file_name=backup.file_name,
        codec=name.codec,
        stored_size=stored.size,
        stored_sha256=stored.hash.hexdigest(),
        modified_ns=0,
        plain_size=table.plain_size,
        started=backup.time,
        finished=backup.time,
        sequence=0,
        sections=sections,
        origin="predecessor" if name.codec == "gzip" else "unknown",
        warnings=("Proven by reading on %s; it came without a manifest." % format_name_time(datetime.now(timezone.utc)),),
    )


class _SectionTable:
    """The sections of SQL that was stored in one piece, without frames of their own."""

    def __init__(self) -> None:
        self.plain_size = 0
        self._start = SectionStart(WHOLE, None)
        self._offset = 0
        self._hash = hashlib.sha256()
        self._sections: list[Section] = []

    def take(self, part: SectionStart | bytes | memoryview) -> None:
        if isinstance(part, SectionStart):
            self._close()
            self._start = part
            return
        self._hash.update(part)
        self.plain_size += len(part)

    def finish(self) -> tuple[Section, ...]:
        self._close()
        return tuple(self._sections)

    def _close(self) -> None:
        length = self.plain_size - self._offset
        if length:
            self._sections.append(Section(self._start.kind, self._start.database, self._offset, length, self._hash.hexdigest()))
        self._offset, self._hash = self.plain_size, hashlib.sha256()
