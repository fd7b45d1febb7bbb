# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that left the inventory, by the objects that they left behind in a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

INSTANCE = "app.kubernetes.io/instance"
# What finds all objects of one server, as pg_backup_owner_selector has it.
_LABELS = (INSTANCE, *("app.kubernetes.io/" + label for label in ("name", "component", "managed-by", "part-of")))


def departed(
    cluster: tuple[str, str], others: Iterable[dict[str, Any]], known: set[tuple[str, str]], used_secrets: set[tuple[str, str]]
) -> list[dict[str, Any]]:
    """The servers of ``cluster`` that are none of those ``known``, each a namespace and a name.

    ``others`` are objects with ``kind``, ``name``, ``namespace`` and ``labels`` that belong to no server of the play. A server whose
    Secret is one of ``used_secrets``, each a namespace and a name, keeps its Secrets: ``kept_kinds`` says so.
    """
    found: dict[tuple[str, ...], set[str]] = {}
    for one in others:
        labels = one["labels"] or {}
        if (one["namespace"], labels.get(INSTANCE, "")) in known:
            continue
        kept = found.setdefault((one["namespace"], *(labels.get(label, "") for label in _LABELS)), set())
        if one["kind"] == "Secret" and (one["namespace"], one["name"]) in used_secrets:
            kept.add("Secret")
    return [
        {
            "name": labels[0],
            "kubeconfig": cluster[0],
            "context": cluster[1],
            "namespace": namespace,
            "selector": ["%s=%s" % pair for pair in zip(_LABELS, labels)],
            "kept_kinds": sorted(kept),
        }
        for (namespace, *labels), kept in sorted(found.items(), key=lambda one: one[0])
    ]
