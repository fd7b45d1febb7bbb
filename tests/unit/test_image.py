# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image's inputs, their hash, and the programs that build and push it."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._image import Builder, ImageError, Inputs, choose_builder, split_reference

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "registry.example.com:5000/team/backup:inputs-1"
DIGEST = "sha256:" + "0" * 64


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """A small build context."""
    folder, engine = tmp_path / "image", tmp_path / "engine"
    (engine / "tools").mkdir(parents=True)
    (engine / "__pycache__").mkdir()
    folder.mkdir()
    (folder / "Containerfile").write_text("FROM x\n")
    (engine / "names.py").write_text("A = 1\n")
    (engine / "tools" / "errors.py").write_text("B = 1\n")
    (engine / "__pycache__" / "names.pyc").write_text("")
    return Inputs(str(folder), str(engine), "base:1")


class Programs:
    """Stands in for podman and its like: answers by the first words of a command, and remembers all of them."""

    def __init__(self, **answers: tuple[int, str, str]) -> None:
        self.answers = {key.replace("_", " "): value for key, value in answers.items()}
        self.commands: list[list[str]] = []

    def __call__(self, arguments: list[str]) -> tuple[int, str, str]:
        self.commands.append(arguments)
        if "--digestfile" in arguments:
            Path(arguments[arguments.index("--digestfile") + 1]).write_text(DIGEST + "\n")
        for words, answer in self.answers.items():
            if " ".join(arguments).startswith(words):
                return answer
        return 0, "", ""


def only(*names: str):
    return lambda name: "/usr/bin/" + name if name in names else None


def test_the_context_holds_the_engine_and_no_compiled_file(inputs: Inputs, tmp_path: Path) -> None:
    target = tmp_path / "context"
    inputs.write_context(str(target))
    written = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert written == ["Containerfile", "bandr_engine/names.py", "bandr_engine/tools/errors.py"]


def test_every_input_changes_the_tag_and_nothing_else_does(inputs: Inputs) -> None:
    tags = {inputs.tag()}
    for other in ({"base": "base:2"}, {"packages": ("zstd",)}, {"revision": "2"}, {"arguments": (("A", "1"),)}):
        tags.add(dataclasses.replace(inputs, **other).tag())
    Path(inputs.engine, "names.py").write_text("A = 2\n")
    tags.add(inputs.tag())
    Path(inputs.engine, "names.py").rename(Path(inputs.engine, "named.py"))
    tags.add(inputs.tag())
    Path(inputs.folder, "Containerfile").write_text("FROM y\n")
    tags.add(inputs.tag())
    assert len(tags) == 8
    last = inputs.tag()
    Path(inputs.engine, "named.py").touch()
    Path(inputs.engine, "notes.txt").write_text("not an input")
    assert inputs.tag() == last


def test_the_roles_own_image_can_be_put_together(tmp_path: Path) -> None:
    inputs = Inputs(str(ROOT / "roles/pg_backup/files/image"), str(ROOT / "plugins/module_utils/_engine"), "base:1")
    inputs.write_context(str(tmp_path))
    for name in ("Containerfile", "bandr", "prepare", "bandr_engine/command_line.py", "bandr_engine/names.py"):
        assert (tmp_path / name).is_file(), name


def test_an_image_that_is_there_is_known_by_its_manifest() -> None:
    manifest = '{"schemaVersion": 2}\n'
    programs = Programs(skopeo_inspect=(0, manifest, ""))
    builder = Builder("podman", programs, find=only("podman", "skopeo"), tls_verify=False, authfile="/a")
    assert builder.digest_in_registry(REFERENCE) == "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    assert programs.commands == [["skopeo", "inspect", "--raw", "--authfile", "/a", "--tls-verify=false", "docker://" + REFERENCE]]


@pytest.mark.parametrize("complaint", ["manifest unknown", "HTTP 404", "unauthorized: access to the resource", "denied: x"])
def test_an_image_that_is_not_there_is_none(complaint: str) -> None:
    builder = Builder("podman", Programs(skopeo=(1, "", complaint)), find=only("skopeo"))
    assert builder.digest_in_registry(REFERENCE) is None


def test_a_registry_that_does_not_answer_is_an_error() -> None:
    builder = Builder("podman", Programs(skopeo=(1, "", "dial tcp: connection refused")), find=only("skopeo"))
    with pytest.raises(ImageError, match="connection refused"):
        builder.digest_in_registry(REFERENCE)


@pytest.mark.parametrize(("name", "inspect"), [("podman", "podman image inspect"), ("buildah", "buildah inspect --type image")])
def test_without_skopeo_the_image_is_pulled_to_learn_its_digest(name: str, inspect: str) -> None:
    programs = Programs(**{inspect: (0, DIGEST + "\n", "")})
    assert Builder(name, programs, find=only(name)).digest_in_registry(REFERENCE) == DIGEST
    assert programs.commands[0] == [name, "pull", "--quiet", REFERENCE]


def test_docker_is_asked_in_its_own_way() -> None:
    listed = "other.example.com/x@sha256:1\nregistry.example.com:5000/team/backup@%s\n" % DIGEST
    programs = Programs(docker_image_inspect=(0, listed, ""))
    builder = Builder("docker", programs, find=only("docker"), tls_verify=False)
    assert builder.digest_in_registry(REFERENCE) == builder.push(REFERENCE, "unused") == DIGEST
    assert programs.commands[::2] == [["docker", "pull", "--quiet", REFERENCE], ["docker", "push", REFERENCE]]


def test_the_end_of_a_log_comes_without_colours(inputs: Inputs) -> None:
    programs = Programs(docker_build=(1, "", "\x1b[91mE: \x1b[0mUnable to locate package\n"))
    with pytest.raises(ImageError, match="from %s: E: Unable to locate package$" % inputs.base):
        Builder("docker", programs).build("context", inputs, REFERENCE)


def test_build_and_push_name_base_registry_and_hash(inputs: Inputs, tmp_path: Path) -> None:
    programs = Programs()
    builder = Builder("buildah", programs, find=only("buildah"), tls_verify=False, extra_arguments=("--isolation=chroot",))
    inputs = dataclasses.replace(inputs, arguments=(("HTTPS_PROXY", "http://proxy:3128"),))
    builder.build(str(tmp_path), inputs, REFERENCE)
    (build,) = programs.commands
    assert "BASE=base:1" in build
    assert "HTTPS_PROXY=http://proxy:3128" in build
    assert "org.bandr.inputs=" + inputs.digest() in build
    assert "--tls-verify=false" in build
    assert build[-4:] == ["--isolation=chroot", "--file", str(tmp_path / "Containerfile"), str(tmp_path)]
    assert builder.push(REFERENCE, str(tmp_path / "digest")) == DIGEST


def test_failures_say_why_and_what_to_do(inputs: Inputs, tmp_path: Path) -> None:
    log = "\n".join("step %d" % number for number in range(100)) + "\nE: no package zstd"
    builder = Builder("podman", Programs(podman_build=(1, log, ""), podman_push=(125, "", "unauthorized")), find=only("podman"))
    with pytest.raises(ImageError, match="no package zstd") as failed:
        builder.build(str(tmp_path), inputs, REFERENCE)
    assert "step 50" not in str(failed.value)
    with pytest.raises(ImageError, match=r"unauthorized\. Log in to the registry"):
        builder.push(REFERENCE, str(tmp_path / "digest"))


def test_the_first_builder_that_is_installed_is_taken() -> None:
    assert choose_builder("auto", only("docker", "buildah")) == "buildah"
    assert choose_builder("docker", only("docker")) == "docker"
    with pytest.raises(ImageError, match="docker is to build the image and is not installed"):
        choose_builder("docker", only())
    with pytest.raises(ImageError, match="pg_backup_image"):
        choose_builder("auto", only())


@pytest.mark.parametrize(
    ("reference", "parts"),
    [("a:1/b/c:2", ("a:1/b/c", "2")), ("a:1/b", ("a:1/b", "")), ("b", ("b", "")), ("b:3", ("b", "3"))],
)
def test_a_port_is_no_tag(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts
