# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a build context as ConfigMaps hold them: flat keys, a folder each, a limited size."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .names import BuildError

CONTAINERFILE = "Containerfile"
# The API server takes 1 MiB of values and keys.
MOST_BYTES = 1_048_576
_MOST_CONTAINERFILE_BYTES = 60_000
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_SHORT = 12


@dataclass(frozen=True)
class Part:
    """The content of one ConfigMap: files of one ``folder`` of the context, which is empty for the context itself."""

    folder: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    def name(self, stream: str) -> str:
        """A name that changes with every byte and with the folder, so that an object of this name never has to."""
        total = hashlib.sha256(self.folder.encode("utf-8"))
        for name, content in sorted(self.files.items()):
            total.update(("\n%s %s" % (hashlib.sha256(content).hexdigest(), name)).encode("utf-8"))
        return "%s-context-%s" % (stream, total.hexdigest()[:_SHORT])


@dataclass(frozen=True)
class Context:
    """What a Build takes in: the text of the Containerfile, and the other files in parts."""

    containerfile: str
    parts: tuple[Part, ...]


def make_context(contents: Mapping[str, bytes], most_bytes: int = MOST_BYTES) -> Context:
    """Divide the files, given by their paths in the context; raises BuildError for what no ConfigMap can carry."""
    if CONTAINERFILE not in contents:
        raise BuildError("The folder of the image has no %s." % CONTAINERFILE)
    if "Dockerfile" in contents:
        raise BuildError("The folder of the image has a Dockerfile: in the cluster it would take the place of the %s." % CONTAINERFILE)
    recipe = contents[CONTAINERFILE]
    if len(recipe) > _MOST_CONTAINERFILE_BYTES:
        raise BuildError("The %s has %d bytes; the cluster takes %d at most." % (CONTAINERFILE, len(recipe), _MOST_CONTAINERFILE_BYTES))
    folders: dict[str, dict[str, bytes]] = {}
    for path, content in contents.items():
        if path != CONTAINERFILE:
            folders.setdefault(posixpath.dirname(path), {})[_key(path, content, most_bytes)] = content
    parts = [Part(folder, files) for folder in sorted(folders) for files in _divide(folders[folder], most_bytes)]
    return Context(recipe.decode("utf-8"), tuple(parts))


def _key(path: str, content: bytes, most_bytes: int) -> str:
    name = posixpath.basename(path)
    if not _KEY.fullmatch(name) or name.startswith(".."):
        raise BuildError("The file %s of the build context cannot be carried by a ConfigMap: its name has other than ASCII letters." % path)
    if len(name) + len(content) > most_bytes:
        raise BuildError("The file %s of the build context has %d bytes; a ConfigMap carries %d." % (path, len(content), most_bytes))
    return name


def _divide(files: Mapping[str, bytes], most_bytes: int) -> list[dict[str, bytes]]:
    result: list[dict[str, bytes]] = [{}]
    used = 0
    for name, content in sorted(files.items()):
        size = len(name) + len(content)
        if used + size > most_bytes:
            result.append({})
            used = 0
        result[-1][name] = content
        used += size
    return result
