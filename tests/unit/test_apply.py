# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of objects brought about on a cluster that is made of a dictionary."""

from __future__ import annotations

import base64
import copy

from ansible_collections.bandr.postgres.plugins.module_utils._apply import Change, ClusterError, Selection, bring_about, with_secret_data

OWNED = Selection("ns", "owner=us", (("ConfigMap", "v1"), ("Secret", "v1")))


def thing(name: str, kind: str = "ConfigMap", **data: str) -> dict:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "ns", "labels": {"owner": "us"}}, "data": data}


class FakeCluster:
    """Keeps objects, counts what the server would keep about them, and refuses what it is told to refuse."""

    def __init__(self, *objects: dict, refuses: str = "") -> None:
        self.objects = {(one["kind"], one["metadata"]["name"]): copy.deepcopy(one) for one in objects}
        self.refuses = refuses

    def list(self, kind: str, api_version: str, namespace: str, selector: str) -> list[dict]:
        assert (api_version, namespace, selector) == ("v1", "ns", "owner=us")
        found = [
            one for (its_kind, _name), one in self.objects.items() if its_kind == kind and one["metadata"].get("labels") == {"owner": "us"}
        ]
        # Items of a list carry neither kind nor version, as the API server has it.
        return [{key: value for key, value in one.items() if key not in ("kind", "apiVersion")} for one in copy.deepcopy(found)]

    def get(self, definition: dict) -> dict | None:
        return copy.deepcopy(self.objects.get((definition["kind"], definition["metadata"]["name"])))

    def apply(self, definition: dict) -> dict:
        key = (definition["kind"], definition["metadata"]["name"])
        if key[1] == self.refuses:
            raise ClusterError("The API server could not apply %s/%s: no." % key)
        before = self.objects.get(key, {"metadata": {"resourceVersion": "0"}})
        after = copy.deepcopy(definition)
        after["metadata"]["resourceVersion"] = str(int(before["metadata"].get("resourceVersion", "0")) + 1)
        after["metadata"]["managedFields"] = [{}]
        after["status"] = {"seen": after["metadata"]["resourceVersion"]}
        self.objects[key] = after
        return copy.deepcopy(after)

    def delete(self, definition: dict) -> None:
        del self.objects[(definition["kind"], definition["metadata"]["name"])]


def states(changes: list[Change]) -> dict[str, str]:
    return {change.title: change.state for change in changes}


def test_new_objects_are_made_and_a_second_run_changes_nothing() -> None:
    cluster = FakeCluster()
    assert states(bring_about(cluster, [thing("a", x="1"), thing("b")], OWNED)) == {"ConfigMap/a": "created", "ConfigMap/b": "created"}
    assert states(bring_about(cluster, [thing("a", x="1"), thing("b")], OWNED)) == {"ConfigMap/a": "unchanged", "ConfigMap/b": "unchanged"}


def test_what_differs_is_changed_and_shown() -> None:
    cluster = FakeCluster(thing("a", x="1"))
    (change,) = bring_about(cluster, [thing("a", x="2")], OWNED)
    assert change.state == "changed"
    diff = change.diff()
    assert diff["before_header"] == "ConfigMap/a"
    assert "x: '1'" in diff["before"]
    assert "x: '2'" in diff["after"]
    assert "managedFields" not in diff["after"]
    assert "status" not in diff["after"]


def test_what_is_left_over_goes_and_nothing_else() -> None:
    foreign = thing("foreign")
    foreign["metadata"]["labels"] = {"owner": "them"}
    other_kind = thing("other", kind="ServiceAccount")
    cluster = FakeCluster(thing("a"), thing("old"), thing("old", kind="Secret"), foreign, other_kind)
    changes = bring_about(cluster, [thing("a")], OWNED)
    assert states(changes) == {"ConfigMap/a": "unchanged", "ConfigMap/old": "deleted", "Secret/old": "deleted"}
    assert set(cluster.objects) == {("ConfigMap", "a"), ("ConfigMap", "foreign"), ("ServiceAccount", "other")}


def test_without_owned_kinds_nothing_is_deleted() -> None:
    cluster = FakeCluster(thing("old"))
    assert states(bring_about(cluster, [thing("a")], None)) == {"ConfigMap/a": "created"}
    assert ("ConfigMap", "old") in cluster.objects


def test_after_an_error_the_rest_is_applied_and_nothing_is_deleted() -> None:
    cluster = FakeCluster(thing("old"), refuses="a")
    changes = bring_about(cluster, [thing("a"), thing("b")], OWNED)
    assert states(changes) == {"ConfigMap/a": "failed", "ConfigMap/b": "created"}
    assert changes[0].error == "The API server could not apply ConfigMap/a: no."
    assert ("ConfigMap", "old") in cluster.objects


def test_an_object_that_lost_its_labels_is_still_compared_with_itself() -> None:
    bare = thing("a", x="1")
    bare["metadata"].pop("labels")
    (change,) = bring_about(FakeCluster(bare), [thing("a", x="1")], OWNED)
    assert change.state == "changed"


def test_a_secrets_values_are_in_no_diff() -> None:
    plain = "hunter2"
    coded = base64.b64encode(plain.encode()).decode()
    (definition,) = with_secret_data([thing("s", kind="Secret")], {"s": {"password": plain}})
    assert definition["data"] == {"password": coded}
    for cluster in (FakeCluster(), FakeCluster(thing("s", kind="Secret", password="b2xk"))):
        (change,) = bring_about(cluster, [definition], OWNED)
        said = change.diff()["before"] + change.diff()["after"]
        assert coded not in said
        assert "b2xk" not in said
        assert "(hidden, new)" in said
    (change,) = bring_about(FakeCluster(definition), [], OWNED)
    assert coded not in change.diff()["before"]


def test_values_go_into_the_secret_of_that_name_only() -> None:
    definitions = [thing("s"), thing("t", kind="Secret"), thing("s", kind="Secret")]
    filled = with_secret_data(definitions, {"s": {"password": "x"}})
    assert [one.get("data") for one in filled] == [{}, {}, {"password": "eA=="}]
    assert with_secret_data(definitions, None) == definitions
