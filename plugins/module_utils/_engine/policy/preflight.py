# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backup fits the target: every problem at once, as sentences, before anything is touched."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Iterable, Iterator

from ..legible import legible
from ..manifest import BUILT_IN, DatabaseFacts, Manifest, Tablespace
from ..targets import ASIDE_PREFIX, LocaleNeed, Target, TargetDatabase, read_aside_note
from .changes import shown_names

_NO_ENCODING = "SQL_ASCII"
# For each database at a time psql's own and one to make room through; and one to spare.
CONNECTIONS_PER_JOB, SPARE_CONNECTIONS = 2, 1


@dataclass(frozen=True)
class Wish:
    """What is to be restored and how.

    ``names``: the databases, in the dump's order. ``chosen``: only some of the dump's databases were asked for.
    ``filled``: those that every server has (``postgres``, ``template1``) and into which the dump puts objects; ``amended``:
    those of which it only tells settings, privileges and the like.
    ``restricted``: whether the dump holds ``\\restrict`` lines. ``jobs``: databases at a time.
    """

    names: tuple[str, ...]
    chosen: bool = False
    filled: frozenset[str] = frozenset()
    amended: frozenset[str] = frozenset()
    restricted: bool = False
    replace: bool = False
    expected_databases: tuple[str, ...] = ()
    expected_count: int | None = None
    jobs: int = 1


@dataclass(frozen=True)
class Verdict:
    """``problems`` forbid the restore, ``warnings`` do not; ``replaced`` are the databases that have to make room."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    replaced: tuple[str, ...]


def examine(manifest: Manifest, target: Target, wish: Wish) -> Verdict:
    """Hold what the backup needs against what the target offers."""
    facts = wanted_facts(manifest, wish)
    replaced = _replaced(target, wish)
    problems = [
        *_of_the_server(manifest, target, wish),
        *_of_left_overs(target),
        *_of_databases(target, wish, replaced),
        *_of_names(manifest, target, wish),
        *_of_locales(target, facts),
        *_of_tablespaces(manifest, target, wish, facts),
        *_of_extensions(target, facts),
        *_of_roles(manifest, target, facts),
        *_of_expectations(target, wish),
    ]
    warnings = [
        *_older_extensions(target, facts),
        *_unused_tablespaces(manifest, target, wish),
        *_other_locales(target, wish, facts),
        *_other_tablespaces(target, wish, facts),
        *_without_contents(facts),
    ]
    return Verdict(tuple(problems), tuple(warnings), tuple(replaced))


def wanted_facts(manifest: Manifest, wish: Wish) -> list[DatabaseFacts]:
    """What the manifest says of the databases to be restored."""
    return [facts for facts in manifest.databases or () if facts.name in wish.names]


def locale_need(facts: DatabaseFacts) -> LocaleNeed:
    """The locale a database is created with."""
    return LocaleNeed(facts.locale_provider, facts.collate, facts.ctype, facts.locale)


def locales_to_probe(manifest: Manifest, target: Target, wish: Wish) -> list[LocaleNeed]:
    """The locales that no database of the target has yet."""
    if target.in_recovery:
        # Trying one would be a change, which a standby refuses.
        return []
    present = {locale_need(database.facts) for database in target.databases}
    needed = {locale_need(facts) for facts in wanted_facts(manifest, wish) if facts.name not in BUILT_IN}
    return sorted(needed - present, key=repr)


def folders_to_probe(manifest: Manifest, target: Target) -> list[str]:
    """The folders of tablespaces that the target does not have yet."""
    return sorted({place.location for place in _missing_tablespaces(manifest, target) if place.location.startswith("/")})


def tablespaces_to_skip(manifest: Manifest, target: Target, wish: Wish) -> frozenset[str]:
    """Tablespaces that cannot be created and that none of the chosen databases lives in."""
    if not wish.chosen:
        return frozenset()
    used = {facts.tablespace for facts in wanted_facts(manifest, wish)}
    impossible = [place for place in _missing_tablespaces(manifest, target) if place.location in target.folder_refusals]
    return frozenset(place.name for place in impossible if place.name not in used)


def _missing_tablespaces(manifest: Manifest, target: Target) -> list[Tablespace]:
    present = {place.name for place in target.tablespaces}
    return [place for place in manifest.tablespaces or () if place.name not in present]


def _replaced(target: Target, wish: Wish) -> list[str]:
    """Databases in the way; ``postgres`` and ``template1`` are only where both sides hold something."""
    return [database.name for database in _existing(target, wish) if database.name not in BUILT_IN or _collides(database, wish)]


def _existing(target: Target, wish: Wish) -> Iterator[TargetDatabase]:
    for name in wish.names:
        database = target.database(name)
        if database is not None:
            yield database


def _collides(database: TargetDatabase, wish: Wish) -> bool:
    return database.name in wish.filled and database.objects != 0


def _of_the_server(manifest: Manifest, target: Target, wish: Wish) -> Iterator[str]:
    if not target.superuser:
        yield "The user %s is no superuser of the target and cannot restore roles and owners; connect as a superuser." % target.user
    if target.in_recovery:
        yield "The target is a standby (in recovery) and takes no writes; restore into its primary."
    if manifest.server_version_number is not None and target.major < manifest.server_version_number // 10000:
        yield "The backup is of PostgreSQL %s and the target is the older %s; restore into version %d or newer." % (
            manifest.server_version,
            target.version,
            manifest.server_version_number // 10000,
        )
    if wish.restricted and not target.psql_knows_restrict:
        yield (
            "psql %s does not know \\restrict, which this dump uses; install client programs of a release since August 2025, "
            "or name their folder in client_folder." % target.psql_version
        )
    needed = CONNECTIONS_PER_JOB * max(1, min(wish.jobs, len(wish.names))) + SPARE_CONNECTIONS
    if target.free_connections < needed:
        yield "The target has %d free connections and a restore needs %d; end sessions or raise max_connections%s." % (
            max(0, target.free_connections),
            needed,
            ", or ask for fewer jobs" if wish.jobs > 1 else "",
        )


def _of_left_overs(target: Target) -> Iterator[str]:
    for database in target.databases:
        if not database.name.startswith(ASIDE_PREFIX):
            continue
        note = read_aside_note(database.comment)
        if note is None:
            yield "The database %s bears a name that restores use for what they set aside; rename or drop it." % database.name
        else:
            quoted = '"%s"' % note.name.replace('"', '""')
            back = "ALTER DATABASE %s RENAME TO %s; ALTER DATABASE %s ALLOW_CONNECTIONS %s" % (
                database.name,
                quoted,
                quoted,
                str(note.allows_connections).lower(),
            )
            yield (
                "The database %s is what was %s until a restore of %s set it aside and was cut off; to have it back, drop what is "
                "now %s and run %s; otherwise drop it." % (database.name, note.name, note.time, note.name, back)
            )


def _of_names(manifest: Manifest, target: Target, wish: Wish) -> Iterator[str]:
    """Names that are no text, such as those of a server without an encoding; every other server refuses them."""
    if any(database.facts.encoding == _NO_ENCODING for database in target.databases if database.name in BUILT_IN):
        return
    odd = ["database %s" % legible(name) for name in wish.names if legible(name) != name]
    odd += ["role %s" % legible(name) for name in manifest.roles or () if name not in target.roles and legible(name) != name]
    if odd:
        yield (
            "The names of %s hold bytes that are no UTF8, which the target does not take; rename them on the server and back it up "
            "again, or restore into a server whose own databases are in %s." % (" and ".join(odd), _NO_ENCODING)
        )


def _of_databases(target: Target, wish: Wish, replaced: list[str]) -> Iterator[str]:
    for name in wish.names:
        if name in BUILT_IN and target.database(name) is None:
            yield (
                "The target has no database %s, which the backup takes for granted; run CREATE DATABASE %s there, or leave it out of "
                "databases." % (name, name)
            )
    for database in _existing(target, wish):
        if database.name not in replaced:
            if not database.allows_connections:
                yield "The database %s of the target does not allow connections; run ALTER DATABASE %s ALLOW_CONNECTIONS true." % (
                    (database.name,) * 2
                )
        elif not wish.replace:
            contents = "" if database.objects is None else " and holds %s" % _objects(database.objects)
            note = target.unfinished.get(database.name)
            if note is not None:
                yield (
                    "The database %s is left over from a restore of backup %s that began at %s and did not reach its end; unless somebody "
                    "has made it anew since, it holds a part of that backup at most. Set replace to restore it whole, or drop it."
                    % (database.name, note.backup, note.begun)
                )
                continue
            yield "The database %s exists on the target%s; set replace to replace it, drop it, or leave it out of databases." % (
                database.name,
                contents,
            )
        elif database.busy is not None:
            yield "The database %s cannot be replaced: %s; end that first." % (database.name, database.busy)


def _objects(count: int) -> str:
    return {0: "nothing", 1: "1 object"}.get(count, "%d objects" % count)


def _of_locales(target: Target, facts: list[DatabaseFacts]) -> Iterator[str]:
    for need, names in _grouped((locale_need(each), each.name) for each in facts if each.name not in BUILT_IN):
        if need in target.locale_refusals:
            yield "%s cannot be created on the target: %s; install it there." % (_capital(_databases(names)), target.locale_refusals[need])


def _of_tablespaces(manifest: Manifest, target: Target, wish: Wish, facts: list[DatabaseFacts]) -> Iterator[str]:
    skipped = tablespaces_to_skip(manifest, target, wish)
    missing = {place.name for place in _missing_tablespaces(manifest, target)}
    for place in _missing_tablespaces(manifest, target):
        if place.name not in skipped and place.location in target.folder_refusals:
            yield (
                "The tablespace %s cannot be created in %s on the target: %s; make an empty folder there that its server owns, "
                "or create a tablespace of that name in another folder."
                % (place.name, place.location, target.folder_refusals[place.location])
            )
    known = missing | {place.name for place in target.tablespaces} | {"pg_default", "pg_global"}
    for name, names in _grouped((each.tablespace, each.name) for each in facts if each.tablespace not in known):
        yield "The tablespace %s of %s is neither in the backup nor on the target; create it there." % (name, _databases(names))


def _unused_tablespaces(manifest: Manifest, target: Target, wish: Wish) -> Iterator[str]:
    for name in sorted(tablespaces_to_skip(manifest, target, wish)):
        yield "The tablespace %s is not created, for its folder cannot be had; none of the chosen databases has it as its own." % name


def _of_extensions(target: Target, facts: list[DatabaseFacts]) -> Iterator[str]:
    for name, names in _grouped((each.name, database.name) for database in facts for each in database.extensions):
        if name not in target.extensions:
            yield "The extension %s, which %s uses, is not available on the target; install its package there." % (name, _databases(names))


def _older_extensions(target: Target, facts: list[DatabaseFacts]) -> Iterator[str]:
    for extension, names in _grouped((each, database.name) for database in facts for each in database.extensions):
        offered = target.extensions.get(extension.name)
        if offered is not None and _numbers(offered) < _numbers(extension.version):
            yield "The extension %s is %s in %s and will be the older %s on the target." % (
                extension.name,
                extension.version,
                _databases(names),
                offered,
            )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d+", version))


def _other_locales(target: Target, wish: Wish, facts: list[DatabaseFacts]) -> Iterator[str]:
    for each in facts:
        database = target.database(each.name)
        if each.name not in wish.filled or database is None:
            continue
        if each.encoding != database.facts.encoding or locale_need(each) != locale_need(database.facts):
            yield "The database %s keeps the target's encoding and locale (%s, %s) instead of the backup's (%s, %s)." % (
                each.name,
                database.facts.encoding,
                database.facts.collate,
                each.encoding,
                each.collate,
            )


def _other_tablespaces(target: Target, wish: Wish, facts: list[DatabaseFacts]) -> Iterator[str]:
    for each in facts:
        database = target.database(each.name)
        if database is not None and each.name in wish.filled | wish.amended and each.tablespace != database.facts.tablespace:
            yield "The database %s stays in the target's tablespace %s instead of the backup's %s." % (
                each.name,
                database.facts.tablespace,
                each.tablespace,
            )


def _without_contents(facts: list[DatabaseFacts]) -> Iterator[str]:
    for each in facts:
        if each.without_contents:
            yield "The unlogged %s of database %s come back without contents, since the backup was made from a standby." % (
                shown_names(each.without_contents),
                each.name,
            )


def _of_roles(manifest: Manifest, target: Target, facts: list[DatabaseFacts]) -> Iterator[str]:
    if manifest.roles is None:
        return
    known = target.roles | frozenset(manifest.roles)
    for owner, names in _grouped((each.owner, each.name) for each in facts if each.owner not in known):
        yield "The role %s, which owns %s, is neither in the backup nor on the target; create it there." % (owner, _databases(names))


def _of_expectations(target: Target, wish: Wish) -> Iterator[str]:
    if not wish.names:
        return
    afterwards = {database.name for database in target.databases} | set(wish.names)
    missing = [name for name in wish.expected_databases if name not in afterwards]
    if missing:
        yield "Expected %s would not be there afterwards; the backup does not hold it." % _databases(missing)
    if wish.expected_count is not None and len(afterwards) != wish.expected_count:
        yield "%d databases are expected afterwards (with postgres and the templates), and there would be %d: %s." % (
            wish.expected_count,
            len(afterwards),
            ", ".join(sorted(afterwards)),
        )


def _grouped(pairs: Iterable[tuple[Any, str]]) -> list[tuple[Any, list[str]]]:
    """(key, names) for (key, name) pairs, in the order of first appearance."""
    groups: dict[Any, list[str]] = {}
    for key, name in pairs:
        groups.setdefault(key, []).append(name)
    return list(groups.items())


def _databases(names: list[str]) -> str:
    if len(names) == 1:
        return "database %s" % names[0]
    return "databases %s and %s" % (", ".join(names[:-1]), names[-1])


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
