# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look before a restore: what the dump holds, what the target offers, and whether they fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO, Iterable

from ..legible import legible
from ..manifest import BUILT_IN, Manifest, Section
from ..policy.preflight import Verdict, Wish, examine, folders_to_probe, locales_to_probe
from ..postgres.restrict import begins_restricted
from ..postgres.script_names import databases_of_script, deeds_of_script
from ..postgres.sections import DUMP_HEADER
from ..postgres.server import count_objects
from ..postgres.session import Session
from ..postgres.target import look_at_target, psql_knows_restrict, why_no_folder, why_no_locale
from ..targets import Target
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
    session = context.session(request.connection.knowing(target.version_number, target.superuser_logs_in))
    reader = SectionReader(context, manifest, file)
    try:
        opening = _opening(reader, manifest.sections[0])
        single = _single(request, manifest, opening)
        names = _names(request, manifest, reader, single)
        if manifest.sections[0].stored_offset is None:
            target = _count_objects(session, target, set(BUILT_IN).intersection(names))
        filled, amended = _filled(manifest, reader, names, target)
        target = _count_objects(session, target, filled | (set() if request.replace else set(names).difference(BUILT_IN)))
        wish = Wish(
            names=names,
            chosen=request.databases is not None and manifest.has_sections,
            filled=filled,
            amended=amended,
            restricted=begins_restricted(opening, True) is True,
            replace=request.replace,
            expected_databases=request.expected_databases or (),
            expected_count=request.expected_count,
            jobs=request.jobs,
        )
    finally:
        reader.close()
    manifest = _moved(manifest, request)
    target = _probe(session, manifest, target, wish)
    return Look(target, wish, examine(manifest, target, wish), single)


def _moved(manifest: Manifest, request: RestoreRequest) -> Manifest:
    """The manifest with the folders that the request has for its tablespaces."""
    folders = request.tablespace_folders
    places = tuple(replace(place, location=folders.get(place.name, place.location)) for place in manifest.tablespaces or ())
    return manifest if manifest.tablespaces is None else replace(manifest, tablespaces=places)


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
    # A name that is no text is asked for as it is told.
    told = {legible(name): name for name in manifest.database_names}
    chosen = [name if name in manifest.database_names else told.get(name, name) for name in request.databases]
    missing = [name for name in chosen if name not in manifest.database_names]
    if missing:
        raise UsageError(
            "The backup %s does not hold %s, only %s. Nothing was touched."
            % (manifest.file_name, ", ".join(missing), ", ".join(manifest.database_names))
        )
    return tuple(name for name in manifest.database_names if name in chosen)


def _count_objects(session: Session, target: Target, names: Iterable[str]) -> Target:
    """Count what is in those of these databases that can be entered."""
    counted = {
        database.name: count_objects(session, database.name)
        for database in target.databases
        if database.name in names and database.objects is None and database.allows_connections and not database.invalid
    }
    return replace(target, databases=tuple(replace(each, objects=counted.get(each.name, each.objects)) for each in target.databases))


def _filled(manifest: Manifest, reader: SectionReader, names: tuple[str, ...], target: Target) -> tuple[frozenset[str], frozenset[str]]:
    """Of the databases that every server has, those the dump puts objects into, and those of which it only tells properties."""
    if not manifest.has_sections:
        return frozenset(BUILT_IN).intersection(names), frozenset()
    filled, amended = set(), set()
    for section in manifest.sections:
        if section.database is None or section.database not in BUILT_IN or section.database not in names:
            continue
        present = target.database(section.database)
        # Without frames, a section costs all bytes before it; and a database known to be empty takes anything.
        if present is not None and present.objects == 0:
            filled.add(section.database)
            continue
        deeds = deeds_of_script(reader.unchecked(section))
        if deeds.objects:
            filled.add(section.database)
        elif deeds.database:
            amended.add(section.database)
    return frozenset(filled), frozenset(amended)


def _probe(session: Session, manifest: Manifest, target: Target, wish: Wish) -> Target:
    locales = {need: why_no_locale(session, need) for need in locales_to_probe(manifest, target, wish)}
    folders = {location: why_no_folder(session, location) for location in folders_to_probe(manifest, target)}
    return replace(
        target,
        locale_refusals={need: why for need, why in locales.items() if why is not None},
        folder_refusals={location: why for location, why in folders.items() if why is not None},
        psql_knows_restrict=not wish.restricted or psql_knows_restrict(session),
    )
