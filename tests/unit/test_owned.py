# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an apply would change anything, told from a CronJob as a real API server returned it."""

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._owned import declared_values, is_as_declared

DECLARED = {
    "apiVersion": "batch/v1",
    "kind": "CronJob",
    "metadata": {"name": "x", "namespace": "ns", "labels": {"a": "b"}, "annotations": {}},
    "spec": {
        "schedule": "7 * * * *",
        "jobTemplate": {
            "spec": {
                "template": {
                    "spec": {
                        "nodeSelector": {"x": "y"},
                        "imagePullSecrets": [{"name": "p"}],
                        "containers": [
                            {
                                "name": "bandr",
                                "args": ["a", "b"],
                                "env": [{"name": "PGHOST", "value": "h"}, {"name": "PGPORT", "value": "1"}],
                                "resources": {"requests": {"memory": "128Mi"}},
                            }
                        ],
                        "volumes": [{"name": "tmp", "emptyDir": {}}],
                    }
                }
            }
        },
    },
}
FIELDS = json.loads(
    r"""{"f:metadata": {"f:annotations": {}, "f:labels": {"f:a": {}}}, "f:spec": {"f:schedule": {}, "f:jobTemplate": {"f:spec":
    {"f:template": {"f:spec": {"f:nodeSelector": {}, "f:imagePullSecrets": {"k:{\"name\":\"p\"}": {}}, "f:containers":
    {"k:{\"name\":\"bandr\"}": {".": {}, "f:name": {}, "f:args": {}, "f:env": {"k:{\"name\":\"PGHOST\"}": {".": {}, "f:name": {},
    "f:value": {}}, "k:{\"name\":\"PGPORT\"}": {".": {}, "f:name": {}, "f:value": {}}}, "f:resources": {"f:requests": {"f:memory": {}}}}},
    "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}}}}}}}}"""
)


def found() -> dict:
    """The object with what the server adds to it."""
    one = copy.deepcopy(DECLARED)
    del one["metadata"]["annotations"]
    one["metadata"].update(
        uid="1", managedFields=[{"manager": "us", "operation": "Apply", "apiVersion": "batch/v1", "fieldsV1": copy.deepcopy(FIELDS)}]
    )
    one["spec"]["failedJobsHistoryLimit"] = 1
    one["spec"]["jobTemplate"]["spec"]["template"]["spec"]["dnsPolicy"] = "ClusterFirst"
    return one


def pod(one: dict) -> dict:
    return one["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def entry(one: dict) -> dict:
    return one["metadata"]["managedFields"][0]


def fields(one: dict) -> dict:
    return entry(one)["fieldsV1"]


def more_items(one: dict) -> None:
    owned = fields(one)["f:spec"]["f:jobTemplate"]["f:spec"]["f:template"]["f:spec"]["f:volumes"]
    owned['k:{"name":"old"}'] = {".": {}, "f:name": {}}


def test_what_the_server_adds_is_no_difference() -> None:
    assert is_as_declared(DECLARED, found(), "us")


def test_annotations_of_others_are_no_difference() -> None:
    one = found()
    one["metadata"]["annotations"] = {"bound": "yes"}
    assert is_as_declared(DECLARED, one, "us")


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("a value", lambda one: one["spec"].update(schedule="8 * * * *")),
        ("a value deep inside", lambda one: pod(one)["containers"][0]["env"][1].update(value="2")),
        ("an item of an atomic list", lambda one: pod(one)["containers"][0]["args"].append("c")),
        ("a map that is owned as a whole", lambda one: pod(one)["nodeSelector"].update(z="z")),
        ("a field that went", lambda one: one["metadata"]["labels"].pop("a")),
        ("an item that went", lambda one: pod(one)["containers"][0]["env"].pop()),
        ("a field that another one took", lambda one: fields(one)["f:spec"].pop("f:schedule")),
        ("a field of ours that is no longer declared", lambda one: fields(one)["f:spec"].update({"f:suspend": {}})),
        ("an item of ours that is no longer declared", more_items),
        ("another manager", lambda one: entry(one).update(manager="them")),
        ("an update in our name", lambda one: entry(one).update(operation="Update")),
        ("another version", lambda one: entry(one).update(apiVersion="batch/v2")),
        ("nobody who owns it", lambda one: one["metadata"].pop("managedFields")),
    ],
)
def test_a_difference_is_seen(what, change) -> None:
    one = found()
    change(one)
    assert not is_as_declared(DECLARED, one, "us"), what


def test_a_new_field_of_ours_is_a_difference() -> None:
    declared = copy.deepcopy(DECLARED)
    declared["spec"]["suspend"] = True
    one = found()
    one["spec"]["suspend"] = True
    assert not is_as_declared(declared, one, "us")


def test_only_what_was_declared_is_compared_after_an_apply() -> None:
    one, other = found(), found()
    other["metadata"]["annotations"] = {"bound": "yes"}
    other["status"] = {"active": [1]}
    assert declared_values(DECLARED, one) == declared_values(DECLARED, other)
    pod(other)["containers"][0]["args"] = ["a"]
    assert declared_values(DECLARED, one) != declared_values(DECLARED, other)
