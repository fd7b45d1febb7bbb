# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may go after a build: a pure function of what the stream's namespace holds and of the images that are in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .names import INPUTS_LABEL, Names
from .status import is_over


@dataclass(frozen=True)
class Holdings:
    """Everything of one stream: the stream itself, its Builds, ConfigMaps and BuildConfigs, and the images that run somewhere."""

    stream: Mapping[str, Any]
    builds: Iterable[dict[str, Any]]
    config_maps: Iterable[dict[str, Any]]
    build_configs: Iterable[dict[str, Any]]
    used_images: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Waste:
    """Names of what may go."""

    tags: tuple[str, ...] = ()
    builds: tuple[str, ...] = ()
    config_maps: tuple[str, ...] = ()


def find_waste(names: Names, holdings: Holdings, keep: int, needed_config_maps: Iterable[str] = (), since: str = "") -> Waste:
    """Spare what belongs to the present inputs, what is in use or not over, and the ``keep`` newest of the rest of each kind.

    A ConfigMap that came after the time ``since`` may belong to another deploy, whose Build is about to come.
    """
    tags = _waste_of_tags(names, holdings, keep)
    kept_inputs = {tag["tag"][len("inputs-") :] for tag in _our_tags(holdings.stream)} - {tag[len("inputs-") :] for tag in tags}
    kept_inputs.add(names.inputs)
    builds = _waste_of_builds(holdings.builds, kept_inputs, keep)
    referring = [build for build in holdings.builds if build["metadata"]["name"] not in builds] + list(holdings.build_configs)
    needed = set(needed_config_maps).union(*(_sources(one) for one in referring))
    config_maps = sorted(
        one["metadata"]["name"]
        for one in holdings.config_maps
        if one["metadata"]["name"] not in needed and (one["metadata"].get("creationTimestamp") or "") < (since or "9")
    )
    return Waste(tuple(tags), tuple(builds), tuple(config_maps))


def _our_tags(stream: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [tag for tag in (stream.get("status") or {}).get("tags") or [] if tag["tag"].startswith("inputs-")]


def _waste_of_tags(names: Names, holdings: Holdings, keep: int) -> list[str]:
    spare = []
    for tag in _our_tags(holdings.stream):
        items = tag.get("items") or []
        digests = [item.get("image") or "" for item in items]
        # By digest alone: the same registry goes by several names.
        used = any(digest and digest in image for digest in digests for image in holdings.used_images)
        if tag["tag"] != names.tag and not used:
            spare.append((items[0].get("created") or "" if items else "", tag["tag"]))
    return [tag for _created, tag in sorted(spare, reverse=True)[keep:]]


def _waste_of_builds(builds: Iterable[dict[str, Any]], kept_inputs: set[str], keep: int) -> list[str]:
    """Failed Builds beyond the newest, and good ones whose tag is gone or goes."""
    failed, lost = [], []
    for build in builds:
        metadata = build["metadata"]
        if not is_over(build):
            continue
        if build["status"]["phase"] != "Complete":
            failed.append((metadata.get("creationTimestamp") or "", metadata["name"]))
        elif (metadata.get("labels") or {}).get(INPUTS_LABEL) not in kept_inputs:
            lost.append(metadata["name"])
    return sorted(lost + [name for _created, name in sorted(failed, reverse=True)[keep:]])


def _sources(thing: Mapping[str, Any]) -> set[str]:
    sources = (thing.get("spec") or {}).get("source", {}).get("configMaps") or []
    return {source["configMap"]["name"] for source in sources}
