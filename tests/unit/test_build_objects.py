# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build in the cluster is made of: names, base, context and the objects that are applied."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._builds.base import Base, missing_tag, parse_base
from ansible_collections.bandr.postgres.plugins.module_utils._builds.context import MOST_BYTES, Context, Part, make_context
from ansible_collections.bandr.postgres.plugins.module_utils._builds.manifests import Recipe
from ansible_collections.bandr.postgres.plugins.module_utils._builds.names import BuildError, Names, check_stream
from ansible_collections.bandr.postgres.plugins.module_utils._image import Inputs

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "0123456789abcdef" * 4
NAMES = Names("backup", DIGEST)


def recipe(**others: Any) -> Recipe:
    context = Context("FROM x\n", (Part("", {"a": b"A"}), Part("lib/inner", {"b": b"B", "c": b"\xff"})))
    return dataclasses.replace(Recipe(NAMES, "databases", context, Base("docker.io/library/postgres:17")), **others)


# --- names


def test_build_and_tag_are_named_by_the_hash_and_later_attempts_are_numbered() -> None:
    assert NAMES.stream_tag == "backup:inputs-0123456789abcdef0123"
    assert [NAMES.build(attempt) for attempt in (1, 2, 12)] == [
        "backup-0123456789abcdef0123",
        "backup-0123456789abcdef0123-2",
        "backup-0123456789abcdef0123-12",
    ]
    for attempt in (1, 2, 12):
        assert NAMES.attempt(NAMES.build(attempt)) == attempt


@pytest.mark.parametrize(
    "name", ["backup-1", "backup", "other-0123456789abcdef0123", "backup-0123456789abcdef0123-x", "backup-0123456789abcdef01234"]
)
def test_a_build_of_other_inputs_is_no_attempt(name: str) -> None:
    assert NAMES.attempt(name) == 0


@pytest.mark.parametrize("name", ["a", "postgres-backup", "a" * 40, "17-a"])
def test_a_stream_has_a_name_that_all_its_objects_can_have(name: str) -> None:
    check_stream(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a--b", "A", "a.b", "a_b", "a" * 41, "a\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(BuildError, match="its name is part of others"):
        check_stream(name)


# --- base


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("docker.io/library/postgres:17", Base("docker.io/library/postgres:17")),
        ("registry.example.com:5000/x@sha256:" + DIGEST, Base("registry.example.com:5000/x@sha256:" + DIGEST)),
        ("localhost/x:1", Base("localhost/x:1")),
        ("127.0.0.1:5000/x", Base("127.0.0.1:5000/x")),
        ("openshift/postgresql:16-el9", Base("postgresql:16-el9", is_tag=True, namespace="openshift")),
        ("mine:latest", Base("mine:latest", is_tag=True, namespace="databases")),
    ],
)
def test_the_form_of_the_base_tells_a_registry_from_a_stream(text: str, base: Base) -> None:
    assert parse_base(text, "databases") == base


@pytest.mark.parametrize("text", ["", "postgres", "library/postgres", "a/b/c:1", "UPPER:1", "x:", "x: 1"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(BuildError, match="neither an image with its registry"):
        parse_base(text, "databases")


def test_a_missing_tag_is_told_with_the_way_to_mean_a_registry() -> None:
    sentence = missing_tag(parse_base("library/postgres:17", "databases"))
    assert "oc get istag -n library" in sentence
    assert "docker.io/library/postgres:17" in sentence


# --- context


def test_files_are_divided_by_folder_and_the_containerfile_stands_alone() -> None:
    context = make_context({"Containerfile": b"FROM x\n", "run": b"1", "lib/a.py": b"", "lib/inner/a.py": b"", "lib/b.py": b"2"})
    assert context.containerfile == "FROM x\n"
    assert [(part.folder, sorted(part.files)) for part in context.parts] == [
        ("", ["run"]),
        ("lib", ["a.py", "b.py"]),
        ("lib/inner", ["a.py"]),
    ]
    # Two folders with the same content are two ConfigMaps: the same one twice would be refused.
    names = [part.name("backup") for part in context.parts]
    assert len(set(names)) == 3
    assert all(name.startswith("backup-context-") for name in names)


def test_a_folder_that_is_too_big_for_one_config_map_becomes_several() -> None:
    files = {"lib/%d" % number: b"x" * 40 for number in range(5)}
    context = make_context({"Containerfile": b"", **files}, most_bytes=100)
    assert [len(part.files) for part in context.parts] == [2, 2, 1]
    assert {part.folder for part in context.parts} == {"lib"}
    assert {name for part in context.parts for name in part.files} == {"0", "1", "2", "3", "4"}


def test_a_config_map_may_be_full_to_the_last_byte() -> None:
    assert len(make_context({"Containerfile": b"", "x": b"a" * (MOST_BYTES - 1)}).parts) == 1
    with pytest.raises(BuildError, match="a ConfigMap carries 1048576"):
        make_context({"Containerfile": b"", "x": b"a" * MOST_BYTES})


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({}, "has no Containerfile"),
        ({"Containerfile": b"", "Dockerfile": b""}, "would take the place"),
        ({"Containerfile": b"x" * 60_001}, "60001 bytes"),
        ({"Containerfile": b"", "lib/ä.py": b""}, r"lib/ä.py .* cannot be carried"),
        ({"Containerfile": b"", "..data": b""}, "cannot be carried"),
    ],
)
def test_what_no_config_map_can_carry_is_refused(contents: dict[str, bytes], words: str) -> None:
    with pytest.raises(BuildError, match=words):
        make_context(contents)


def test_the_name_of_a_part_changes_with_every_byte_name_and_folder() -> None:
    parts = [Part("", {"a": b"1"}), Part("x", {"a": b"1"}), Part("", {"a": b"2"}), Part("", {"b": b"1"}), Part("", {"a": b"1", "b": b"1"})]
    assert len({part.name("s") for part in parts}) == len(parts)
    assert Part("", {"b": b"1", "a": b"1"}).name("s") == parts[-1].name("s")


def test_the_roles_own_image_fits_into_config_maps() -> None:
    inputs = Inputs(str(ROOT / "roles/pg_backup/files/image"), str(ROOT / "plugins/module_utils/_engine"), "base:1")
    context = make_context(inputs.contents())
    assert {"", "bandr_engine", "bandr_engine/operations"} <= {part.folder for part in context.parts}
    assert "FROM ${BASE}" in context.containerfile
    files = {"/".join(filter(None, (part.folder, name))) for part in context.parts for name in part.files}
    assert files | {"Containerfile"} == {name for name, _path in inputs.files()}


# --- objects


def test_config_maps_carry_text_as_text_and_cannot_change() -> None:
    first, second = recipe().config_maps()
    assert first["data"] == {"a": "A"}
    assert "binaryData" not in first
    assert second["data"] == {"b": "B"}
    assert second["binaryData"] == {"c": base64.b64encode(b"\xff").decode()}
    assert first["immutable"] is True


def test_a_build_takes_all_parts_to_their_places_and_pushes_to_the_tag_of_its_inputs() -> None:
    build = recipe(arguments={"B": "2", "A": "1"}, pull_secret="pull", resources={"limits": {"memory": "1Gi"}}, timeout=60).build(2)
    spec = build["spec"]
    names = [one["metadata"]["name"] for one in recipe().config_maps()]
    assert build["metadata"]["name"] == NAMES.build(2)
    assert spec["source"] == {
        "dockerfile": "FROM x\n",
        "configMaps": [{"configMap": {"name": names[0]}}, {"configMap": {"name": names[1]}, "destinationDir": "lib/inner"}],
    }
    docker = spec["strategy"]["dockerStrategy"]
    assert docker["from"] == {"kind": "DockerImage", "name": "docker.io/library/postgres:17"}
    assert docker["buildArgs"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert docker["pullSecret"] == {"name": "pull"}
    assert spec["output"]["to"] == {"kind": "ImageStreamTag", "name": NAMES.stream_tag}
    assert spec["output"]["imageLabels"] == [{"name": "org.bandr.inputs", "value": DIGEST}]
    assert spec["completionDeadlineSeconds"] > 60
    assert build["metadata"]["labels"]["bandr.postgres/inputs"] == NAMES.inputs


def test_a_base_in_a_stream_is_named_with_its_namespace() -> None:
    build = recipe(base=parse_base("openshift/postgresql:16-el9", "databases")).build(1)
    docker = build["spec"]["strategy"]["dockerStrategy"]
    assert docker["from"] == {"kind": "ImageStreamTag", "name": "postgresql:16-el9", "namespace": "openshift"}
    assert "pullSecret" not in docker
    assert "buildArgs" not in docker


def test_a_build_config_has_the_same_content_and_starts_nothing_by_itself() -> None:
    config, build = recipe().build_config(), recipe().build(1)
    for part in ("source", "strategy", "output"):
        assert config["spec"][part] == build["spec"][part]
    assert "triggers" not in config["spec"]
    assert config["spec"]["successfulBuildsHistoryLimit"] == config["spec"]["failedBuildsHistoryLimit"] == 3


def test_a_namespace_gets_the_right_to_pull_and_nothing_else() -> None:
    binding = recipe().pull_binding("shop")
    assert binding["metadata"]["name"] == "backup-pull-shop"
    assert binding["metadata"]["namespace"] == "databases"
    assert binding["roleRef"]["name"] == "system:image-puller"
    assert [subject["name"] for subject in binding["subjects"]] == ["system:serviceaccounts:shop"]


def test_our_own_labels_win_over_given_ones() -> None:
    labels = recipe(labels={"team": "db", "app.kubernetes.io/name": "other"}).image_stream()["metadata"]["labels"]
    assert labels["team"] == "db"
    assert labels["app.kubernetes.io/name"] == "bandr"
