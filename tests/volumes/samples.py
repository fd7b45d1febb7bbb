# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, dumps and manifests for the tests of the volume."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import Backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import (
    DATABASE,
    END,
    GLOBALS,
    DatabaseFacts,
    Extension,
    Manifest,
    Section,
    write_manifest,
)
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.work import new_work

NOON = datetime(2026, 11, 22, 12, 7, tzinfo=timezone.utc)
DATABASES = ("postgres", "template1", "shop", 'we ird"db\\', "smörgås")


def hours(number: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=number)


def dump_content(time: datetime) -> bytes:
    """The stored bytes of the dump of that time; no two times have the same."""
    return ("the stored bytes of the dump of %s" % time.isoformat()).encode("ascii") * 7


def sample_manifest(time: datetime = NOON, sequence: int = 1, content: bytes | None = None, codec: str = "zstd") -> Manifest:
    """A manifest that vouches for ``content`` written at ``time``."""
    content = dump_content(time) if content is None else content
    kinds = [(GLOBALS, None), *((DATABASE, name) for name in DATABASES), (END, None)]
    step = len(content) // len(kinds)
    sections = []
    for number, (kind, database) in enumerate(kinds):
        length = step if number < len(kinds) - 1 else len(content) - number * step
        sections.append(Section(kind, database, number * 100, 100, "ab" * 32, number * step, length))
    facts = tuple(
        DatabaseFacts(name, "Admin User", "UTF8", "C", "C", "libc", None, "pg_default", 3, 7654321, (Extension("plpgsql", "1.0"),))
        for name in DATABASES
    )
    return Manifest(
        file_name=DumpName(time, codec).file_name,
        codec=codec,
        stored_size=len(content),
        stored_sha256=hashlib.sha256(content).hexdigest(),
        modified_ns=int(time.timestamp()) * 10**9,
        plain_size=100 * len(kinds),
        started=time,
        finished=time + timedelta(minutes=1),
        sequence=sequence,
        sections=tuple(sections),
        server_version="17.10",
        databases=facts,
        roles=("Admin User", "postgres"),
    )


def lay_down(volume: Volume, tier: str, manifest: Manifest | None, time: datetime = NOON, codec: str = "zstd") -> str:
    """Put a dump and its manifest into a tier by hand, and return the dump's path."""
    folder = Path(volume.root, tier)
    folder.mkdir(exist_ok=True)
    time = manifest.started if manifest is not None else time
    path = folder / DumpName(time, manifest.codec if manifest is not None else codec).file_name
    path.write_bytes(dump_content(time))
    os.utime(path, (time.timestamp(), time.timestamp()))
    if manifest is not None:
        Path(str(path) + ".json").write_text(write_manifest(manifest), encoding="ascii")
    return str(path)


def publish(volume: Volume, time: datetime = NOON, sequence: int = 1, tier: str = "hourly") -> Backup:
    """Make a backup in the way the engine does."""
    manifest = sample_manifest(time, sequence)
    with new_work(volume) as work:
        write_dump(work.dump_path, manifest)
        return work.publish(tier, manifest)


def write_dump(path: str, manifest: Manifest) -> None:
    """Write the dump that ``manifest`` is about."""
    Path(path).write_bytes(dump_content(manifest.started))
    os.utime(path, ns=(manifest.modified_ns, manifest.modified_ns))


def listed(volume: Volume) -> list[tuple[str, str, str]]:
    """Tier, name and state of every backup, oldest first."""
    return [(backup.tier, backup.name, backup.state) for backup in read_catalog(volume).backups]


def files_below(folder: str) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def without_sequence(manifest: Manifest) -> Manifest:
    """The manifest as a reading of a dump without one makes it."""
    return replace(manifest, sequence=0, databases=None, roles=None)
