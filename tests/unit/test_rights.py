# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A right that is missing is told in one sentence; all else that the API server forbids keeps its own words."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from kubernetes.client.exceptions import ApiException

from ansible_collections.bandr.postgres.plugins.module_utils._apply import ClusterError as Refusal
from ansible_collections.bandr.postgres.plugins.module_utils._cluster import DynamicCluster
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.cluster import KubernetesJobs
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import ClusterError
from ansible_collections.bandr.postgres.plugins.module_utils._rights import explained, missing_right
from ansible_collections.bandr.postgres.tests.cluster.rights import compare, rights_in, rights_of, role_of, without

# As Kubernetes 1.34 says it.
ACCOUNT = 'User "system:serviceaccount:databases:deployer" cannot '


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            'secrets "orders-backup" is forbidden: ' + ACCOUNT + 'patch resource "secrets" in API group "" in the namespace "databases"',
            "The service account deployer of the namespace databases may not patch secrets in the namespace databases: ",
        ),
        (
            "networkpolicies.networking.k8s.io is forbidden: "
            + ACCOUNT
            + 'list resource "networkpolicies" in API group "networking.k8s.io" in the namespace "other"',
            "The service account deployer of the namespace databases may not list networkpolicies.networking.k8s.io in the namespace other: ",
        ),
        (
            'pods "x" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "databases": RBAC: clusterrole not found',
            "The user ann may not get pods/log in the namespace databases: ",
        ),
        (
            'namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" at the cluster scope',
            "The user system:anonymous may not list namespaces in the whole cluster: ",
        ),
    ],
)
def test_a_missing_right_is_named(message, sentence):
    assert missing_right(message) == sentence + "let somebody give it that right; docs/openshift.md has a Role with all that are needed."


@pytest.mark.parametrize(
    "message",
    [
        'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1',
        'pods "x" is forbidden: violates PodSecurity "restricted:latest": unrestricted capabilities',
        'pods "x" is forbidden: unable to validate against any security context constraint: [provider restricted-v2: .spec …]',
        'jobs.batch "x" not found',
        "",
    ],
)
def test_what_is_forbidden_for_another_reason_keeps_its_words(message):
    assert missing_right(message) == ""


def refusal(status: int, message: str) -> ApiException:
    """What the client raises of an answer of the API server."""
    answer = SimpleNamespace(status=status, reason="", data=json.dumps({"message": message}).encode(), headers={}, getheaders=dict)
    return ApiException(http_resp=answer)


def refuse(status: int, message: str):
    def function(*_arguments, **_options):
        raise refusal(status, message)

    return function


def test_an_expired_token_is_told_as_what_it_is_by_every_way_to_the_cluster():
    sentence = explained(401, "Unauthorized")
    assert "expired" in sentence
    assert "Log in again" in sentence
    jobs = KubernetesJobs(SimpleNamespace(), "databases")
    with pytest.raises(ClusterError) as of_a_job:
        jobs._call("read the Job x", refuse(401, "Unauthorized"))
    assert (str(of_a_job.value), of_a_job.value.passing) == (sentence, False)
    client = SimpleNamespace(dry_run=False, resource=lambda kind, version: SimpleNamespace(get=refuse(401, "Unauthorized")))
    with pytest.raises(Refusal) as of_an_object:
        DynamicCluster(client).list("Secret", "v1", "databases", "")
    assert str(of_an_object.value) == sentence


def test_what_has_no_sentence_of_its_own_is_told_in_the_servers_words_and_ends_once():
    for message in ("It is being terminated", "It is being terminated."):
        client = SimpleNamespace(dry_run=False, resource=lambda kind, version, said=message: SimpleNamespace(get=refuse(409, said)))
        with pytest.raises(Refusal) as told:
            DynamicCluster(client).list("Secret", "v1", "databases", "")
        assert str(told.value) == "The API server could not list Secret: It is being terminated."


@pytest.mark.parametrize(
    ("method", "target", "status", "rights"),
    [
        ("GET", "/api/v1/namespaces/databases", 200, {"get namespaces"}),
        ("GET", "/api/v1/namespaces/databases/secrets?labelSelector=a%3Db", 200, {"list secrets"}),
        ("GET", "/api/v1/namespaces/databases/pods?watch=true", 200, {"watch pods"}),
        ("GET", "/api/v1/namespaces/databases/pods/x/log?follow=true", 200, {"get pods/log"}),
        ("PATCH", "/apis/batch/v1/namespaces/databases/cronjobs/x?dryRun=All", 200, {"patch cronjobs.batch"}),
        ("PATCH", "/apis/batch/v1/namespaces/databases/cronjobs/x", 201, {"patch cronjobs.batch", "create cronjobs.batch"}),
        ("POST", "/apis/batch/v1/namespaces/databases/jobs", 201, {"create jobs.batch"}),
        ("DELETE", "/apis/networking.k8s.io/v1/namespaces/d/networkpolicies/x", 200, {"delete networkpolicies.networking.k8s.io"}),
        ("DELETE", "/api/v1/namespaces/d/secrets", 200, {"deletecollection secrets"}),
        ("GET", "/api/v1", 200, set()),
        ("GET", "/apis/batch/v1", 200, set()),
        ("GET", "/version", 200, set()),
    ],
)
def test_a_request_is_known_by_the_rights_that_it_needs(method, target, status, rights):
    assert rights_of(method, target, status) == rights


def test_a_role_of_a_page_is_found_and_can_lose_one_right():
    rule = "rules: [{apiGroups: ['', batch], resources: [jobs], verbs: [get, list]}]"
    text = "Words.\n\n```yaml\nkind: Pod\n```\n\n```yaml\nkind: Role\nmetadata: {name: x}\n%s\n```\n" % rule
    role = role_of(text, "x")
    assert rights_in(role) == {"get jobs", "list jobs", "get jobs.batch", "list jobs.batch"}
    assert rights_in(without(role, "get jobs.batch")) == {"get jobs", "list jobs", "list jobs.batch"}
    with pytest.raises(LookupError):
        without(role, "get pods")
    with pytest.raises(LookupError):
        role_of(text, "y")


def test_a_role_that_gives_more_or_less_than_is_used_is_told_of(tmp_path, capsys):
    page, used = tmp_path / "page.md", tmp_path / "used.json"
    page.write_text("```yaml\nkind: Role\nmetadata: {name: x}\nrules: [{apiGroups: [''], resources: [pods, events], verbs: [list]}]\n```\n")
    used.write_text('["list pods"]')
    assert (compare(str(page), "x", str(used)), capsys.readouterr().out) == (0, "")
    used.write_text('["get pods"]')
    assert compare(str(page), "x", str(used)) == 1
    assert capsys.readouterr().out == "The Role x lacks: get pods\nNothing uses, though the Role x gives it: list pods\n"
