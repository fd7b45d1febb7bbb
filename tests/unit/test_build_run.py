# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build from the look to the result, on a cluster that is made of a dictionary."""

from __future__ import annotations

import copy
import threading
from typing import Any, Callable

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._builds.base import parse_base
from ansible_collections.bandr.postgres.plugins.module_utils._builds.context import Context, Part
from ansible_collections.bandr.postgres.plugins.module_utils._builds.log import BuildLog
from ansible_collections.bandr.postgres.plugins.module_utils._builds.manifests import Recipe
from ansible_collections.bandr.postgres.plugins.module_utils._builds.names import INPUTS_LABEL, BuildError, Names
from ansible_collections.bandr.postgres.plugins.module_utils._builds.operation import BuildRequest, bring_about_image
from ansible_collections.bandr.postgres.plugins.module_utils._jobs.watching import ClusterError, Patience

DIGEST = "sha256:" + "1" * 64
NAMES = Names("backup", "0123456789abcdef" * 4)
REPOSITORY = "registry.internal:5000/databases/backup"
IMAGE = "%s@%s" % (REPOSITORY, DIGEST)
NEW = {"phase": "New"}
RUNNING = {"phase": "Running"}
COMPLETE = {"phase": "Complete", "output": {"to": {"imageDigest": DIGEST}}, "outputDockerImageReference": "%s:%s" % (REPOSITORY, NAMES.tag)}
FAILED = {"phase": "Failed", "reason": "DockerBuildFailed", "message": "Dockerfile build strategy has failed.", "logSnippet": "no good"}
STUCK = {"phase": "New", "reason": "InvalidImageReference", "message": "Referenced image could not be resolved."}


def request(base: str = "docker.io/library/postgres:17", **more: Any) -> BuildRequest:
    recipe = Recipe(NAMES, "databases", Context("FROM x\n", (Part("", {"a": b"A"}),)), parse_base(base, "databases"))
    return BuildRequest(recipe, patience=Patience(100.0, 10.0), **more)


class FakeCluster:
    """Keeps objects; each look at a Build takes it one step along ``phases``, and a good end tags the stream."""

    def __init__(self, *phases: dict, check_mode: bool = False, registry: bool = True, served: bool = True) -> None:
        self.objects: dict[tuple[str, str, str], dict] = {}
        self.phases = list(phases)
        self.check_mode, self.registry, self.served = check_mode, registry, served
        self.deleted: list[str] = []
        self.cancelled: list[str] = []
        self.refuses: dict[str, int] = {}
        self.used: frozenset[str] = frozenset()
        self.time = 0.0

    def put(self, kind: str, name: str, namespace: str = "databases", **content: Any) -> None:
        metadata = dict({"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, **content.pop("metadata", {}))
        self.objects[(kind, namespace, name)] = {"kind": kind, "metadata": metadata, **content}

    def names(self, kind: str) -> list[str]:
        return sorted(name for its_kind, _namespace, name in self.objects if its_kind == kind)

    def serves_builds(self) -> bool:
        return self.served

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict | None:
        if kind in self.refuses:
            raise ClusterError("The cluster refuses.", self.refuses[kind], self.refuses[kind] >= 500)
        found = self.objects.get((kind, namespace or "databases", name))
        if kind == "Build" and found and found.get("moves") and self.phases:
            found["status"] = self.phases.pop(0)
            if found["status"]["phase"] == "Complete":
                self.tag()
        return copy.deepcopy(found)

    def tag(self) -> None:
        self.put("ImageStreamTag", NAMES.stream_tag, image={"dockerImageReference": IMAGE})

    def list(self, kind: str, selector: str | None = None, namespace: str | None = None) -> list[dict]:
        wanted = dict(term.split("=") for term in (selector or "").split(",") if term)
        found = [one for (its_kind, _ns, _name), one in self.objects.items() if its_kind == kind]
        return copy.deepcopy([one for one in found if wanted.items() <= (one["metadata"].get("labels") or {}).items()])

    def apply(self, definition: dict) -> dict:
        after = copy.deepcopy(definition)
        key = (definition["kind"], "databases", definition["metadata"]["name"])
        after["metadata"].update(uid=key[2], creationTimestamp="2026-02-01T00:00:00Z")
        if key[0] == "ImageStream" and self.registry:
            after["status"] = {"dockerImageRepository": REPOSITORY, "tags": []}
        if key[0] == "Build":
            after.update(status=dict(NEW), moves=True)
        if not self.check_mode:
            self.objects.setdefault(key, after)
        return copy.deepcopy(self.objects.get(key, after))

    def delete(self, kind: str, name: str) -> None:
        self.objects.pop((kind, "databases", name), None)
        self.deleted.append("%s/%s" % (kind, name))

    def cancel(self, name: str) -> None:
        self.cancelled.append(name)
        found = self.objects[("Build", "databases", name)]
        found.update(status={"phase": "Cancelled", "reason": "CancelledBuild"}, moves=False)

    def can_delete(self, kind: str) -> bool:
        return kind != "ImageStreamTag"

    def pod_of(self, build: dict) -> dict | None:
        return None

    def events_of(self, thing: dict) -> list[dict]:
        return []

    def images_in_use(self, namespaces: tuple[str, ...]) -> frozenset[str]:
        if "closed" in namespaces:
            raise ClusterError("The cluster refuses to list the CronJobs in namespace closed: no.", 403)
        return self.used

    def follow(self, name: str) -> None:
        pass

    def log_of(self, name: str, wait_seconds: float = 10.0) -> str:
        return "one\ntwo\n"

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def run(cluster: FakeCluster, wanted: BuildRequest) -> dict[str, Any]:
    return bring_about_image(cluster, wanted, lambda: cluster.time, cluster.sleep)


def states(result: dict[str, Any]) -> list[str]:
    return ["%(state)s %(kind)s" % one for one in result["objects"]]


def test_a_first_run_builds_and_a_second_does_nothing() -> None:
    cluster = FakeCluster(NEW, {"phase": "Pending"}, RUNNING, COMPLETE)
    first = run(cluster, request())
    assert (first["changed"], first["succeeded"], first["outcome"]) == (True, True, "complete")
    assert first["image"] == IMAGE
    assert states(first) == ["created ImageStream", "created ConfigMap", "created Build"]
    assert first["log_lines"] == ["one", "two"]
    second = run(cluster, request())
    assert (second["changed"], second["outcome"], second["image"], second["objects"]) == (False, "kept", IMAGE, [])


def test_a_build_that_vanished_is_not_made_again_while_its_tag_is_there() -> None:
    cluster = FakeCluster(COMPLETE)
    run(cluster, request())
    cluster.delete("Build", NAMES.build())
    again = run(cluster, request())
    assert (again["changed"], again["image"], cluster.names("Build")) == (False, IMAGE, [])


def test_check_mode_tells_all_and_makes_nothing() -> None:
    cluster = FakeCluster(check_mode=True)
    result = run(cluster, request(check_mode=True, build_config=True))
    assert (result["changed"], result["outcome"], result["digest"]) == (True, "check", "")
    assert result["image"] == "%s:%s" % (REPOSITORY, NAMES.tag)
    assert states(result) == ["created ImageStream", "created ConfigMap", "created Build", "created BuildConfig"]
    assert result["diff"]["before"] == ""
    assert "Build/" + NAMES.build() in result["diff"]["after"]
    assert cluster.objects == {}


def test_a_failure_stays_to_be_looked_at_and_the_next_run_tries_again() -> None:
    cluster = FakeCluster(RUNNING, FAILED)
    failed = run(cluster, request())
    assert (failed["succeeded"], failed["outcome"], failed["reason"]) == (False, "failed", "DockerBuildFailed")
    assert (failed["image"], failed["digest"]) == ("", "")
    assert failed["msg"].startswith("The Build %s failed (DockerBuildFailed)" % NAMES.build())
    assert failed["msg"].endswith("Nothing that runs was changed.")
    cluster.phases = [RUNNING, COMPLETE]
    again = run(cluster, request())
    assert (again["succeeded"], again["build"]) == (True, NAMES.build(2))
    assert cluster.names("Build") == [NAMES.build(), NAMES.build(2)]


def test_a_build_that_somebody_else_runs_is_followed_and_is_no_change_of_ours() -> None:
    cluster = FakeCluster(RUNNING, COMPLETE)
    cluster.apply(request().recipe.image_stream())
    cluster.apply(request().recipe.build(1))
    for definition in request().recipe.config_maps():
        cluster.apply(definition)
    result = run(cluster, request())
    assert (result["image"], result["build"], result["changed"]) == (IMAGE, NAMES.build(), False)


def test_a_build_that_cannot_start_is_told_after_the_grace_and_cancelled() -> None:
    cluster = FakeCluster(*[STUCK] * 50)
    result = run(cluster, request())
    assert (result["succeeded"], result["outcome"], result["reason"]) == (False, "hopeless", "InvalidImageReference")
    assert "The base cannot be found" in result["msg"]
    assert 10 <= cluster.time < 30
    assert cluster.cancelled == [NAMES.build()]


def test_a_reason_that_passes_within_the_grace_does_no_harm() -> None:
    cluster = FakeCluster(STUCK, STUCK, NEW, STUCK, RUNNING, COMPLETE)
    assert run(cluster, request())["image"] == IMAGE
    assert cluster.cancelled == []


def test_a_build_left_stuck_by_an_earlier_run_is_cancelled_and_a_new_one_begins() -> None:
    cluster = FakeCluster(*[STUCK] * 20)
    cluster.apply(request().recipe.build(1))

    def cancel(name: str) -> None:
        FakeCluster.cancel(cluster, name)
        cluster.phases = [RUNNING, COMPLETE]

    cluster.cancel = cancel  # type: ignore[method-assign]
    result = run(cluster, request())
    assert (result["succeeded"], result["build"], result["image"]) == (True, NAMES.build(2), IMAGE)
    assert states(result)[1:] == ["cancelled Build", "created ConfigMap", "created Build"]


def test_a_build_that_takes_too_long_is_cancelled() -> None:
    cluster = FakeCluster(*[RUNNING] * 500)
    result = run(cluster, request())
    assert (result["outcome"], result["succeeded"]) == ("timeout", False)
    assert "still ran after 100 seconds and was cancelled" in result["msg"]
    assert cluster.cancelled == [NAMES.build()]
    assert run(FakeCluster(*[NEW] * 500), request())["msg"].startswith(
        "The Build %s had not started (The cluster has not taken it up yet) after 100" % NAMES.build()
    )


def test_a_silent_api_server_is_forgiven_for_a_while_only() -> None:
    cluster = FakeCluster(RUNNING)
    cluster.apply(request().recipe.build(1))
    asked = []

    def get(kind: str, name: str, namespace: str | None = None) -> dict | None:
        if kind == "Build":
            asked.append(name)
            if 1 < len(asked) < 10:
                raise ClusterError("The API server does not answer.", passing=True)
            if len(asked) >= 10:
                cluster.phases = [COMPLETE]
        return FakeCluster.get(cluster, kind, name, namespace)

    cluster.get = get  # type: ignore[method-assign]
    assert run(cluster, request())["image"] == IMAGE


def test_a_build_that_somebody_deletes_is_an_error_in_words() -> None:
    cluster = FakeCluster(RUNNING)
    original = cluster.sleep

    def sleep(seconds: float) -> None:
        original(seconds)
        cluster.objects.pop(("Build", "databases", NAMES.build()), None)

    cluster.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(ClusterError, match="was deleted by somebody else"):
        run(cluster, request())


def test_a_cluster_without_the_api_or_without_a_registry_is_told_before_anything_is_built() -> None:
    with pytest.raises(BuildError, match=r"does not serve OpenShift's build API \(build\.openshift\.io\)"):
        run(FakeCluster(served=False), request())
    cluster = FakeCluster(registry=False)
    with pytest.raises(BuildError, match="internal registry is switched off"):
        run(cluster, request())
    assert cluster.names("Build") == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_base_that_is_no_tag_is_told_before_anything_is_built(check_mode: bool) -> None:
    cluster = FakeCluster(check_mode=check_mode)
    with pytest.raises(BuildError, match="The base postgresql:16-el9 is no tag of an ImageStream in the namespace openshift"):
        run(cluster, request("openshift/postgresql:16-el9", check_mode=check_mode))
    assert cluster.names("Build") == []
    cluster = FakeCluster(COMPLETE)
    cluster.put("ImageStreamTag", "postgresql:16-el9", "openshift")
    assert run(cluster, request("openshift/postgresql:16-el9"))["image"] == IMAGE


def test_the_right_to_pull_and_a_build_config_come_when_asked_for_and_once() -> None:
    cluster = FakeCluster(COMPLETE)
    wanted = request(pull_namespaces=("databases", "shop"), build_config=True)
    first = run(cluster, wanted)
    # The right to pull first, so that whoever may not grant it need not wait for a build to be told.
    assert states(first) == ["created ImageStream", "created RoleBinding", "created ConfigMap", "created Build", "created BuildConfig"]
    assert cluster.names("RoleBinding") == ["backup-pull-shop"]
    assert run(cluster, wanted)["changed"] is False


def test_a_failed_build_leaves_the_build_config_as_it_is() -> None:
    cluster = FakeCluster(FAILED)
    run(cluster, request(build_config=True))
    assert cluster.names("BuildConfig") == []


def test_after_a_build_old_things_go_and_only_then() -> None:
    labels = dict(NAMES.labels(), **{INPUTS_LABEL: "gone"})
    cluster = FakeCluster(COMPLETE)
    cluster.put("ConfigMap", "backup-context-old", metadata={"labels": NAMES.labels()})
    cluster.put("Build", "backup-gone", metadata={"labels": labels}, status={"phase": "Complete"})
    first = run(cluster, request())
    assert cluster.deleted == ["Build/backup-gone", "ConfigMap/backup-context-old"]
    assert states(first)[-2:] == ["deleted Build", "deleted ConfigMap"]
    cluster.put("ConfigMap", "backup-context-old", metadata={"labels": NAMES.labels()})
    assert run(cluster, request())["changed"] is False


def test_what_cannot_be_seen_is_not_tidied_up_and_no_reason_to_fail() -> None:
    cluster = FakeCluster(COMPLETE)
    cluster.put("ConfigMap", "backup-context-old", metadata={"labels": NAMES.labels()})
    result = run(cluster, request(used_in=("closed",)))
    assert result["succeeded"] is True
    assert cluster.deleted == []
    assert "older ones were not tidied up" in result["warnings"][0]


# --- the log


class Response:
    """A stream that may break."""

    def __init__(self, text: bytes, breaks: bool = False) -> None:
        self.text, self.breaks = text, breaks

    def stream(self, **_options: Any):
        yield self.text
        if self.breaks:
            raise OSError("broken pipe")


def test_a_broken_connection_costs_no_line_and_repeats_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.bandr.postgres.plugins.module_utils._builds.log._RETRY_SECONDS", 0.01)
    answers = [Response(b"1\n2\n", breaks=True), Response(b"1\n2\n3\n")]
    heard: list[str] = []
    whole = threading.Event()

    def say(line: str) -> None:
        heard.append(line)
        if line == "3":
            whole.set()

    opened: Callable[[], Response] = lambda: answers.pop(0) if len(answers) > 1 else answers[0]  # noqa: E731
    log = BuildLog(opened, say)
    log.start()
    assert whole.wait(5)
    assert log.text(5) == "1\n2\n3\n"
    assert heard == ["1", "2", "3"]
