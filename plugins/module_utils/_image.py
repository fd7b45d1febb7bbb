# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that the cluster runs: its inputs, their hash, and the three programs that can build and push it.

The tag is a hash over everything that goes in, so that an image which is already in its
registry is never built again, and a change of one byte is never missed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Callable, Protocol

ENGINE_FOLDER = "bandr_engine"
HASH_LABEL = "org.bandr.inputs"
BUILDERS = ("podman", "buildah", "docker")
_TAG_LENGTH = 20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ABSENT = ("manifest unknown", "name unknown", "not found", "404", "unauthorized", "denied", "authentication required", "no such manifest")


class ImageError(Exception):
    """An image that cannot be looked up, built or pushed; the message is a sentence."""


class Runner(Protocol):
    """How a program is started: the answer is its exit code, standard output and standard error."""

    def __call__(self, arguments: list[str]) -> tuple[int, str, str]:
        """Run ``arguments`` to their end."""


@dataclass(frozen=True)
class Inputs:
    """Everything that decides what is in the image."""

    folder: str
    engine: str
    base: str
    packages: tuple[str, ...] = ()
    revision: str = ""
    arguments: tuple[tuple[str, str], ...] = ()

    def files(self) -> Iterator[tuple[str, str]]:
        """Pairs of (path in the build context, path on this machine), in a fixed order."""
        for name in sorted(os.listdir(self.folder)):
            path = os.path.join(self.folder, name)
            if os.path.isfile(path):
                yield name, path
        for folder, folders, names in os.walk(self.engine) if self.engine else ():
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    yield os.path.join(ENGINE_FOLDER, os.path.relpath(path, self.engine)), path

    def digest(self) -> str:
        """sha256 over names, contents and arguments; the same on every machine."""
        total = hashlib.sha256()
        arguments = {"arguments": dict(self.arguments), "base": self.base, "packages": list(self.packages), "revision": self.revision}
        total.update(json.dumps(arguments, sort_keys=True).encode("utf-8"))
        for name, path in self.files():
            with open(path, "rb") as stream:
                content = hashlib.sha256(stream.read()).hexdigest()
            total.update(("\n%s %s" % (content, name)).encode("utf-8"))
        return total.hexdigest()

    def tag(self) -> str:
        """The tag that names these inputs in a registry."""
        return "inputs-" + self.digest()[:_TAG_LENGTH]

    def build_arguments(self) -> dict[str, str]:
        """The values of the Containerfile's ARGs, by their names."""
        return {"BASE": self.base, "PACKAGES": " ".join(self.packages), **dict(self.arguments)}

    def contents(self) -> dict[str, bytes]:
        """Every file by its path in the build context; raises OSError."""
        result = {}
        for name, path in self.files():
            with open(path, "rb") as stream:
                result[name] = stream.read()
        return result

    def write_context(self, target: str) -> None:
        """Copy all files below ``target``, readable for whoever builds."""
        for name, path in self.files():
            destination = os.path.join(target, name)
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            shutil.copyfile(path, destination)
            os.chmod(destination, 0o644)


@dataclass(frozen=True)
class Builder:
    """One of the programs that build images, and how it reaches the registry."""

    name: str
    run: Runner
    find: Callable[[str], str | None] = shutil.which
    tls_verify: bool = True
    authfile: str | None = None
    extra_arguments: tuple[str, ...] = field(default=())

    def digest_in_registry(self, reference: str) -> str | None:
        """The digest that ``reference`` has in its registry, or None when it is not there; raises ImageError."""
        if self.find("skopeo"):
            code, output, complaint = self.run(["skopeo", "inspect", "--raw", *self._registry_options(), "docker://" + reference])
            if code == 0:
                return "sha256:" + hashlib.sha256(output.encode("utf-8")).hexdigest()
        else:
            options = [] if self.name == "docker" else self._registry_options()
            code, output, complaint = self.run([self.name, "pull", "--quiet", *options, reference])
            if code == 0:
                return self._pulled_digest(reference)
        if any(word in complaint.lower() for word in _ABSENT):
            return None
        raise ImageError("The registry of %s did not answer as one should: %s" % (reference, last_lines(complaint)))

    def build(self, context: str, inputs: Inputs, reference: str) -> None:
        """Build ``reference`` from the files in ``context``; raises ImageError with the end of the log."""
        command = [self.name, "build", "--tag", reference, "--label", "%s=%s" % (HASH_LABEL, inputs.digest())]
        for name, value in sorted(inputs.build_arguments().items()):
            command += ["--build-arg", "%s=%s" % (name, value)]
        if self.name != "docker":
            # Kept layers make the next build short.
            command += ["--layers", *self._registry_options()]
        command += [*self.extra_arguments, "--file", os.path.join(context, "Containerfile"), context]
        code, output, complaint = self.run(command)
        if code:
            raise ImageError("%s could not build the image from %s: %s" % (self.name, inputs.base, last_lines(output + "\n" + complaint)))

    def push(self, reference: str, digest_file: str) -> str:
        """Push ``reference`` and return its digest; raises ImageError."""
        command = [self.name, "push"]
        if self.name != "docker":
            command += [*self._registry_options(), "--digestfile", digest_file]
        code, output, complaint = self.run([*command, reference])
        if code:
            raise ImageError(
                "%s could not push %s: %s. Log in to the registry on the machine that runs Ansible, or name another repository."
                % (self.name, reference, last_lines(complaint or output).rstrip("."))
            )
        if self.name == "docker":
            return self._pulled_digest(reference)
        with open(digest_file, encoding="ascii") as stream:
            return stream.read().strip()

    def _pulled_digest(self, reference: str) -> str:
        if self.name == "docker":
            command = ["docker", "image", "inspect", "--format", "{{range .RepoDigests}}{{println .}}{{end}}", reference]
        elif self.name == "podman":
            command = ["podman", "image", "inspect", "--format", "{{.Digest}}", reference]
        else:
            command = ["buildah", "inspect", "--type", "image", "--format", "{{.FromImageDigest}}", reference]
        code, output, complaint = self.run(command)
        repository = split_reference(reference)[0]
        for line in output.split() if code == 0 else ():
            name, at, digest = line.rpartition("@")
            if not at or name == repository:
                return digest
        raise ImageError("%s does not know the digest of %s: %s" % (self.name, reference, last_lines(complaint or output)))

    def _registry_options(self) -> list[str]:
        options = ["--authfile", self.authfile] if self.authfile else []
        return options if self.tls_verify else [*options, "--tls-verify=false"]


def split_reference(reference: str) -> tuple[str, str]:
    """The repository and the tag of ``host:port/path:tag``; the tag is empty when there is none."""
    head, slash, tail = reference.rpartition("/")
    name, _colon, tag = tail.partition(":")
    return head + slash + name, tag


def choose_builder(wanted: str, find: Callable[[str], str | None] = shutil.which) -> str:
    """The program to build with; ``auto`` is the first that is installed. Raises ImageError."""
    if wanted != "auto":
        if find(wanted) is None:
            raise ImageError("%s is to build the image and is not installed on the machine that runs Ansible." % wanted)
        return wanted
    for name in BUILDERS:
        if find(name):
            return name
    raise ImageError(
        "Nothing on the machine that runs Ansible can build an image: install podman, buildah or docker, "
        "or build it elsewhere and name it in pg_backup_image."
    )


def last_lines(text: str, count: int = 12) -> str:
    """The end of a program's output, where the reason is, without colours."""
    text = _COLOUR.sub("", text)
    return "\n".join([line.rstrip() for line in text.splitlines() if line.strip()][-count:])
