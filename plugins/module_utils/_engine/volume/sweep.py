# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sweep away what runs left behind that did not reach their end. Nothing unknown is touched."""

from __future__ import annotations

import os

from ..names import MANIFEST_SUFFIX, TIERS, parse_file_name
from .durable import remove_if_there, sync_folder
from .failures import storage_errors, storage_failure
from .intent import read_intent
from .pins import pinned, remove_dead_pins
from .replacing import TEMPORARY_FOLDER
from .root import Volume
from .work import FOLDER, remove_work, take_back

_SAFE = "No finished backup was touched."


def sweep(volume: Volume) -> list[str]:
    """Remove unfinished work of runs that are over, and manifests whose dump is gone; a sentence for each.

    The caller holds the locks ``dump`` and ``catalog``, so that nobody else is at work. What cannot be removed is
    told as well and tried again by the next run. Raises VolumeError when the volume cannot be read.
    """
    sentences = []
    in_use = pinned(volume)
    for folder in _folders(os.path.join(volume.private, FOLDER)):
        try:
            sentences.extend(_sweep_work(volume, folder, in_use))
        except OSError as error:
            sentences.append(storage_failure(error, "Removing the unfinished work %s" % folder, _SAFE).message)
    for tier in TIERS:
        with storage_errors("Looking for manifests without a dump in %s" % tier, _SAFE):
            sentences.extend(_sweep_manifests(volume, tier))
    with storage_errors("Sweeping %s" % volume.private, _SAFE):
        remove_dead_pins(volume)
        for path in _folders(os.path.join(volume.private, TEMPORARY_FOLDER)):
            remove_if_there(path)
    return sentences


def _folders(parent: str) -> list[str]:
    try:
        return sorted(os.path.join(parent, name) for name in os.listdir(parent))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_failure(error, "Looking for unfinished work in %s" % parent, _SAFE) from error


def _sweep_work(volume: Volume, folder: str, in_use: frozenset[str]) -> list[str]:
    sentences = []
    intent = read_intent(folder)
    if intent is not None and not os.path.lexists(volume.manifest_path(intent.tier, intent.file_name)):
        if intent.file_name in in_use:
            return []
        if take_back(volume, intent):
            sentences.append("Removed %s from %s: the run that made it ended before it was published." % (intent.file_name, intent.tier))
    remove_work(folder)
    return sentences or ["Removed the unfinished work %s of a run that did not reach its end." % os.path.basename(folder)]


def _sweep_manifests(volume: Volume, tier: str) -> list[str]:
    folder = volume.tier(tier)
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    present = set(names)
    removed = []
    for name in names:
        dump_name = name[: -len(MANIFEST_SUFFIX)]
        if not name.endswith(MANIFEST_SUFFIX) or parse_file_name(dump_name) is None or dump_name in present:
            continue
        if not os.path.lexists(os.path.join(folder, dump_name)):
            remove_if_there(os.path.join(folder, name))
            removed.append("Removed the manifest %s from %s: its dump is gone." % (name, tier))
    if removed:
        sync_folder(folder)
    return removed
