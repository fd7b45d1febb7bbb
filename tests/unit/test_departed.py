# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which servers left the inventory, by what they left behind."""

from __future__ import annotations

from ansible_collections.bandr.postgres.plugins.plugin_utils.departed import departed

CLUSTER = ("/home/me/kubeconfig", "production")
SELECTOR = ["name=bandr", "component=backup", "managed-by=bandr.postgres", "part-of=postgres"]


def left(kind: str, server: str, namespace: str = "databases") -> dict:
    labels = {"app.kubernetes.io/instance": server, **dict(("app.kubernetes.io/" + one).split("=") for one in SELECTOR)}
    return {"kind": kind, "name": server + "-backup", "namespace": namespace, "labels": labels}


def places(others: list, known: set | None = None) -> list:
    return [(one["namespace"], one["name"]) for one in departed(CLUSTER, others, known or set(), set())]


def test_a_server_is_told_once_with_what_finds_its_objects() -> None:
    (one,) = departed(CLUSTER, [left("CronJob", "billing"), left("Secret", "billing")], {("databases", "orders")}, set())
    selector = ["app.kubernetes.io/" + label for label in ["instance=billing", *SELECTOR]]
    assert one == {
        "name": "billing",
        "kubeconfig": CLUSTER[0],
        "context": CLUSTER[1],
        "namespace": "databases",
        "selector": selector,
        "kept_kinds": [],
    }


def test_what_is_called_so_by_the_play_has_not_left() -> None:
    assert places([left("CronJob", "billing"), left("CronJob", "orders")], {("databases", "orders")}) == [("databases", "billing")]


def test_each_namespace_is_told_for_itself() -> None:
    both = [left("CronJob", "billing", "shop"), left("CronJob", "billing")]
    assert places(both, {("databases", "billing")}) == [("shop", "billing")]
    assert places(both) == [("databases", "billing"), ("shop", "billing")]


def test_nothing_left_nobody() -> None:
    assert places([]) == []


def test_a_secret_that_another_server_uses_stays() -> None:
    others = [left("Secret", "billing"), left("Secret", "billing", "shop"), left("Secret", "stock"), left("CronJob", "stock")]
    kept = {
        (one["namespace"], one["name"]): one["kept_kinds"] for one in departed(CLUSTER, others, set(), {("databases", "billing-backup")})
    }
    assert kept == {("databases", "billing"): ["Secret"], ("databases", "stock"): [], ("shop", "billing"): []}
