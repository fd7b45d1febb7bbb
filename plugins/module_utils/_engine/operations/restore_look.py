# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look before a restore: what the dump holds, what the target offers, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO

from ..manifest import DATABASE, Manifest, Section
from ..policy.preflight import Verdict, Wish, examine, folders_to_probe, locales_to_probe
from ..postgres.restrict import begins_restricted
from ..postgres.script_names import databases_of_script, holds_statements
from ..postgres.sections import DUMP_HEADER
from ..postgres.session import Session
from ..postgres.target import count_objects, look_at_target, psql_knows_restrict, why_no_folder, why_no_locale
from ..targets import BUILT_IN, Target
from ..tools.errors import UsageError
from .context import Context
from .restore_request import RestoreRequest
from .section_reader import SectionReader

_OPENING = 1 << 13


@dataclass(frozen=True)
class Look:
    """What was seen. ``single``: the name to restore a dump under that holds one database without its name."""

    target: Target
    wish: Wish
    verdict: Verdict
    single: str | None = None


def look(context: Context, request: RestoreRequest, manifest: Manifest, file: BinaryIO) -> Look:
    """Look at the dump in ``file`` and at the target.

    Raises ConnectionFailed, UsageError for databases that the backup does not hold, and BackupDamaged.
    """
    session = context.session(request.connection)
    target = look_at_target(session)
    reader = SectionReader(context, manifest, file)
    try:
        opening = _opening(reader, manifest.sections[0])
        single = _single(request, manifest, opening)
        names = _names(request, manifest, reader, single)
        target = _count_objects(session, target, request, names)
        wish = Wish(
            names=names,
            chosen=request.databases is not None and manifest.has_sections,
            filled=_filled(manifest, reader, names, target),
            restricted=begins_restricted(opening, True) is True,
            replace=request.replace,
            expected_databases=request.expected_databases or (),
            expected_count=request.expected_count,
        )
    finally:
        reader.close()
    target = _probe(session, manifest, target, wish)
    return Look(target, wish, examine(manifest, target, wish), single)


def _opening(reader: SectionReader, section: Section) -> bytes:
    """The first bytes of the dump, without reading on."""
    opening = b""
    for chunk in reader.unchecked(section):
        opening += chunk[:_OPENING]
        if len(opening) >= _OPENING:
            break
    return opening


def _single(request: RestoreRequest, manifest: Manifest, opening: bytes) -> str | None:
    if manifest.has_sections or not opening.startswith(DUMP_HEADER):
        return None
    if request.databases is None or len(request.databases) != 1:
        raise UsageError(
            "Backup %s holds one database without its name (it was made by pg_dump alone). Nothing was touched; "
            "name the database to restore it as in databases." % manifest.file_name
        )
    return request.databases[0]


def _names(request: RestoreRequest, manifest: Manifest, reader: SectionReader, single: str | None) -> tuple[str, ...]:
    if single is not None:
        return (single,)
    if not manifest.has_sections:
        if request.databases is not None:
            raise UsageError(
                "In backup %s databases cannot be told apart, for the program that made it is too old. Nothing was touched; "
                "restore the whole of it by leaving out databases." % manifest.file_name
            )
        return databases_of_script(chunk for section in manifest.sections for chunk in reader.chunks(section))
    if request.databases is None:
        return manifest.database_names
    missing = [name for name in request.databases if name not in manifest.database_names]
    if missing:
        raise UsageError(
            "The backup %s does not hold %s, only %s. Nothing was touched."
            % (manifest.file_name, ", ".join(missing), ", ".join(manifest.database_names))
        )
    return tuple(name for name in manifest.database_names if name in request.databases)


def _count_objects(session: Session, target: Target, request: RestoreRequest, names: tuple[str, ...]) -> Target:
    """Count what is in the databases that stand in the way."""
    counted = {
        database.name: count_objects(session, database.name)
        for database in target.databases
        if database.name in names and (database.name in BUILT_IN or not request.replace) and not database.invalid
    }
    databases = [replace(database, objects=counted.get(database.name)) for database in target.databases]
    return replace(target, databases=tuple(databases))


def _filled(manifest: Manifest, reader: SectionReader, names: tuple[str, ...], target: Target) -> frozenset[str]:
    """For which of the databases that every server has the dump holds statements; asked only where it matters."""
    if not manifest.has_sections:
        return frozenset(name for name in BUILT_IN if name in names)
    filled = set()
    for section in manifest.sections:
        if section.kind != DATABASE or section.database not in BUILT_IN or section.database not in names:
            continue
        present = target.database(section.database)
        # Without frames of their own, sections cost all bytes before them; an empty database takes anything.
        unasked = section.stored_offset is None and present is not None and present.objects == 0
        if unasked or holds_statements(reader.unchecked(section)):
            filled.add(section.database)
    return frozenset(filled)


def _probe(session: Session, manifest: Manifest, target: Target, wish: Wish) -> Target:
    locales = {need: why_no_locale(session, need) for need in locales_to_probe(manifest, target, wish)}
    folders = {location: why_no_folder(session, location) for location in folders_to_probe(manifest, target)}
    return replace(
        target,
        locale_refusals={need: why for need, why in locales.items() if why is not None},
        folder_refusals={location: why for location, why in folders.items() if why is not None},
        psql_knows_restrict=not wish.restricted or psql_knows_restrict(session),
    )
