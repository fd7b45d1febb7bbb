# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of objects brought about on a cluster that is made of a dictionary."""

from __future__ import annotations

import base64
import copy

from ansible_collections.bandr.postgres.plugins.module_utils._apply import (
    Change,
    ClusterError,
    Forbidden,
    ObjectSet,
    UnknownKind,
    bring_about,
    with_secret_data,
    without_values,
)

MANAGER = "us"
KINDS = (("ConfigMap", "v1"), ("Secret", "v1"))


def thing(name: str, kind: str = "ConfigMap", server: str = "", **data: str) -> dict:
    labels = {"owner": "us", **({"server": server} if server else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "ns", "labels": labels}, "data": data}


def owned_fields(value: object) -> dict:
    """Who owns what, as the server would note it of objects that are nothing but maps and text."""
    return {"f:" + name: owned_fields(inner) for name, inner in value.items()} if isinstance(value, dict) else {}


class FakeCluster:
    """Keeps objects and what the server would keep about them, and refuses what it is told to refuse."""

    manager = MANAGER

    def __init__(self, *objects: dict, refuses: str = "", unknown: str = "", undoes: str = "", forbidden: str = "") -> None:
        self.objects = {(one["kind"], one["metadata"]["name"]): copy.deepcopy(one) for one in objects}
        self.refuses = refuses
        self.unknown = unknown
        self.undoes = undoes
        self.forbidden = forbidden
        self.asked: list[str] = []

    def list(self, kind: str, api_version: str, namespace: str, selector: str) -> list[dict]:
        assert (api_version, namespace, selector) == ("v1", "ns", "owner=us")
        self.asked.append("list %s" % kind)
        if kind == self.unknown:
            raise UnknownKind("The cluster has no %s." % kind)
        if kind == self.forbidden:
            raise Forbidden("The API server could not list %s: forbidden." % kind)
        if kind == self.refuses:
            raise ClusterError("The API server could not list %s." % kind)
        return copy.deepcopy(
            [one for key, one in self.objects.items() if key[0] == kind and (one["metadata"].get("labels") or {}).get("owner") == "us"]
        )

    def names(self, kind: str, api_version: str, namespace: str) -> set[str]:
        self.asked.append("names of %s" % kind)
        return {name for its_kind, name in self.objects if its_kind == kind}

    def get(self, definition: dict) -> dict | None:
        self.asked.append("get %s" % definition["metadata"]["name"])
        return copy.deepcopy(self.objects.get((definition["kind"], definition["metadata"]["name"])))

    def apply(self, definition: dict) -> dict:
        key = (definition["kind"], definition["metadata"]["name"])
        self.asked.append("apply %s" % key[1])
        if key[1] == self.refuses:
            raise ClusterError("The API server could not apply %s/%s: no." % key)
        before = self.objects.get(key, {"metadata": {"resourceVersion": "0"}})
        after = copy.deepcopy(definition)
        after["metadata"]["resourceVersion"] = str(int(before["metadata"].get("resourceVersion", "0")) + 1)
        fields = owned_fields({"metadata": {"labels": definition["metadata"]["labels"]}, "data": definition["data"]})
        after["metadata"]["managedFields"] = [{"manager": MANAGER, "operation": "Apply", "apiVersion": "v1", "fieldsV1": fields}]
        after["status"] = {"seen": after["metadata"]["resourceVersion"]}
        self.objects[key] = after
        answer = copy.deepcopy(after)
        if key[1] == self.undoes:
            after["data"] = {"x": "theirs"}
        return answer

    def delete(self, definition: dict) -> None:
        self.asked.append("delete %s" % definition["metadata"]["name"])
        del self.objects[(definition["kind"], definition["metadata"]["name"])]


def brought_about(cluster: FakeCluster, definitions: list[dict], owned: bool = True) -> list[Change]:
    """One set alone."""
    whole = ObjectSet("all", definitions, namespace="ns", selector="owner=us", kinds=KINDS) if owned else ObjectSet("all", definitions)
    return bring_about(cluster, [whole]).changes["all"]


def states(changes: list[Change]) -> dict[str, str]:
    return {change.title: change.state for change in changes}


def test_new_objects_are_made_and_a_second_run_changes_nothing() -> None:
    cluster = FakeCluster()
    assert states(brought_about(cluster, [thing("a", x="1"), thing("b")])) == {"ConfigMap/a": "created", "ConfigMap/b": "created"}
    assert states(brought_about(cluster, [thing("a", x="1"), thing("b")])) == {"ConfigMap/a": "unchanged", "ConfigMap/b": "unchanged"}


def test_what_differs_is_changed_and_shown() -> None:
    cluster = FakeCluster(thing("a", x="1"))
    (change,) = brought_about(cluster, [thing("a", x="2")])
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
    changes = brought_about(cluster, [thing("a")])
    assert states(changes) == {"ConfigMap/a": "unchanged", "ConfigMap/old": "deleted", "Secret/old": "deleted"}
    assert set(cluster.objects) == {("ConfigMap", "a"), ("ConfigMap", "foreign"), ("ServiceAccount", "other")}


def test_without_owned_kinds_nothing_is_deleted() -> None:
    cluster = FakeCluster(thing("old"))
    assert states(brought_about(cluster, [thing("a")], owned=False)) == {"ConfigMap/a": "created"}
    assert ("ConfigMap", "old") in cluster.objects


def test_after_an_error_the_rest_is_applied_and_nothing_is_deleted() -> None:
    cluster = FakeCluster(thing("old"), refuses="a")
    changes = brought_about(cluster, [thing("a"), thing("b")])
    assert states(changes) == {"ConfigMap/a": "failed", "ConfigMap/b": "created"}
    assert changes[0].error == "The API server could not apply ConfigMap/a: no."
    assert ("ConfigMap", "old") in cluster.objects


def test_an_object_that_lost_its_labels_is_still_compared_with_itself() -> None:
    bare = thing("a", x="1")
    bare["metadata"].pop("labels")
    (change,) = brought_about(FakeCluster(bare), [thing("a", x="1")])
    assert change.state == "changed"


def test_a_secrets_values_are_in_no_diff() -> None:
    plain = "hunter2"
    coded = base64.b64encode(plain.encode()).decode()
    (definition,) = with_secret_data([thing("s", kind="Secret")], {"s": {"password": plain}})
    assert definition["data"] == {"password": coded}
    for cluster in (FakeCluster(), FakeCluster(thing("s", kind="Secret", password="b2xk"))):
        (change,) = brought_about(cluster, [definition])
        said = change.diff()["before"] + change.diff()["after"]
        assert coded not in said
        assert "b2xk" not in said
        assert "(hidden, new)" in said
    (change,) = brought_about(FakeCluster(definition), [])
    assert coded not in change.diff()["before"]


def test_the_copy_that_kubectl_keeps_of_a_secret_is_in_no_diff() -> None:
    theirs = thing("s", kind="Secret", password="b2xk")
    theirs["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data": {"password": "b2xk"}}',
        "seen": "yes",
    }
    (change,) = brought_about(FakeCluster(theirs), [])
    assert "b2xk" not in change.diff()["before"]
    assert "seen: 'yes'" in change.diff()["before"]


def test_values_go_into_the_secret_of_that_name_only() -> None:
    definitions = [thing("s"), thing("t", kind="Secret"), thing("s", kind="Secret")]
    filled = with_secret_data(definitions, {"s": {"password": "x"}})
    assert [one.get("data") for one in filled] == [{}, {}, {"password": "eA=="}]
    assert with_secret_data(definitions, None) == definitions


def test_what_is_as_declared_is_not_sent_again() -> None:
    cluster = FakeCluster()
    definitions = [thing("a", x="1"), thing("b")]
    brought_about(cluster, definitions)
    cluster.asked.clear()
    assert states(brought_about(cluster, definitions)) == {"ConfigMap/a": "unchanged", "ConfigMap/b": "unchanged"}
    assert cluster.asked == ["list ConfigMap", "list Secret"]


def test_what_somebody_changed_by_hand_comes_back() -> None:
    cluster = FakeCluster()
    brought_about(cluster, [thing("a", x="1"), thing("b")])
    cluster.objects[("ConfigMap", "a")]["data"]["x"] = "2"
    assert states(brought_about(cluster, [thing("a", x="1"), thing("b")])) == {"ConfigMap/a": "changed", "ConfigMap/b": "unchanged"}
    assert cluster.objects[("ConfigMap", "a")]["data"] == {"x": "1"}


def test_a_field_that_is_no_longer_declared_is_a_difference() -> None:
    cluster = FakeCluster()
    brought_about(cluster, [thing("a", x="1", y="1")])
    assert states(brought_about(cluster, [thing("a", x="1")])) == {"ConfigMap/a": "changed"}


def test_what_another_controller_undoes_is_a_failure() -> None:
    (one, other) = brought_about(FakeCluster(undoes="a"), [thing("a", x="1"), thing("b")])
    assert (one.state, other.state) == ("failed", "created")
    assert "does another controller manage it?" in one.error


def of(server: str, *definitions: dict, kinds: tuple = KINDS) -> ObjectSet:
    return ObjectSet(server, definitions, "ns", "owner=us", {"server": server}, kinds)


def test_many_sets_are_looked_for_together_and_keep_to_themselves() -> None:
    strange = thing("strange", server="gone")
    cluster = FakeCluster(thing("old", server="a"), thing("keep", server="b"), strange)
    outcome = bring_about(cluster, [of("a", thing("new-a", server="a")), of("b", thing("keep", server="b"), thing("new-b", server="b"))])
    assert states(outcome.changes["a"]) == {"ConfigMap/new-a": "created", "ConfigMap/old": "deleted"}
    assert states(outcome.changes["b"]) == {"ConfigMap/keep": "unchanged", "ConfigMap/new-b": "created"}
    assert [one["metadata"]["name"] for one in outcome.others] == ["strange"]
    assert ("ConfigMap", "strange") in cluster.objects
    assert cluster.asked.count("list ConfigMap") == 2  # once before, once to read back
    assert cluster.asked.count("names of ConfigMap") == 1


def test_somebody_elses_object_of_a_declared_name_is_no_servers_left_over() -> None:
    theirs, bare = thing("theirs"), thing("bare")
    theirs["metadata"]["labels"] = {"owner": "them", "server": "gone"}
    del bare["metadata"]["labels"]
    outcome = bring_about(FakeCluster(theirs, bare), [of("a", thing("theirs", server="a"), thing("bare", server="a"))])
    assert states(outcome.changes["a"]) == {"ConfigMap/theirs": "changed", "ConfigMap/bare": "changed"}
    assert outcome.others == []


def test_an_error_of_one_set_is_none_of_the_others() -> None:
    cluster = FakeCluster(thing("old", server="a"), thing("old-b", server="b"), refuses="bad")
    outcome = bring_about(cluster, [of("a", thing("bad", server="a"), thing("good", server="a")), of("b", thing("fine", server="b"))])
    assert states(outcome.changes["a"]) == {"ConfigMap/bad": "failed", "ConfigMap/good": "created"}
    assert states(outcome.changes["b"]) == {"ConfigMap/fine": "created", "ConfigMap/old-b": "deleted"}
    assert ("ConfigMap", "old") in cluster.objects


def test_a_place_that_cannot_be_looked_at_fails_its_sets() -> None:
    outcome = bring_about(FakeCluster(refuses="Secret"), [of("a", thing("x", server="a"))])
    assert [(change.state, change.error) for change in outcome.changes["a"]] == [("failed", "The API server could not list Secret.")]


def test_a_kind_that_the_cluster_does_not_know_is_no_trouble_until_it_is_declared() -> None:
    cluster = FakeCluster(unknown="Secret")
    assert states(brought_about(cluster, [thing("a")])) == {"ConfigMap/a": "created"}
    (change,) = brought_about(cluster, [thing("s", kind="Secret")])
    assert change.error == "The cluster has no Secret."


def test_a_kind_that_may_be_out_of_our_reach_is_no_trouble_until_it_is_declared() -> None:
    def of(optional: bool, *definitions: dict) -> list[Change]:
        chosen = (("Secret", "v1"),) if optional else ()
        whole = ObjectSet("all", definitions, namespace="ns", selector="owner=us", kinds=KINDS, optional=chosen)
        return bring_about(FakeCluster(forbidden="Secret"), [whole]).changes["all"]

    assert states(of(True, thing("a"))) == {"ConfigMap/a": "created"}
    assert [change.error for change in of(False, thing("a"))] == ["The API server could not list Secret: forbidden."]
    assert [change.error for change in of(True, thing("s", kind="Secret"))] == ["The API server could not list Secret: forbidden."]


def test_an_object_is_shown_without_the_values_of_a_secret() -> None:
    secret = thing("s", kind="Secret", password="aHVudGVyMg==")
    secret["metadata"].update(managedFields=[{}], annotations={"kubectl.kubernetes.io/last-applied-configuration": "aHVudGVyMg=="})
    shown = without_values(secret)
    assert "aHVudGVyMg==" not in str(shown)
    assert list(shown["data"]) == ["password"]
    assert "managedFields" not in shown["metadata"]
    assert secret["data"]["password"] == "aHVudGVyMg=="
