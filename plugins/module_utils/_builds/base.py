# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a build starts from: a tag of an ImageStream or an image of a registry, told apart by their form alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .names import BuildError

_STREAM_TAG = re.compile(r"(?:(?P<namespace>[a-z0-9][a-z0-9-]*)/)?(?P<name>[a-z0-9]+(?:[._-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Base:
    """``name`` is the pull specification of an image, or, with ``is_tag``, the NAME:TAG of an ImageStreamTag in ``namespace``."""

    name: str
    is_tag: bool = False
    namespace: str = ""

    def reference(self) -> dict[str, Any]:
        """The base as a docker strategy's ``from``."""
        if not self.is_tag:
            return {"kind": "DockerImage", "name": self.name}
        return {"kind": "ImageStreamTag", "name": self.name, "namespace": self.namespace}


def parse_base(text: str, namespace: str) -> Base:
    """Read what the user calls the base; raises BuildError.

    With a registry's host it is an image there; without one, as in ``openshift/postgresql:16-el9``, a tag of an ImageStream in
    the namespace before the slash, or else in ``namespace``.
    """
    host, slash, _rest = text.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return Base(text)
    found = _STREAM_TAG.fullmatch(text)
    if not found:
        raise BuildError(
            "The base %r is neither an image with its registry (docker.io/library/postgres:17) nor a tag of an ImageStream "
            "(openshift/postgresql:16-el9). Nothing was built." % text
        )
    return Base(found.group("name"), is_tag=True, namespace=found.group("namespace") or namespace)


def missing_tag(base: Base) -> str:
    """The sentence for a base that is no tag of any ImageStream."""
    return (
        "The base %(name)s is no tag of an ImageStream in the namespace %(namespace)s (oc get istag -n %(namespace)s lists them). Nothing was "
        "built. An image of a registry has to be named with it, as in docker.io/%(namespace)s/%(name)s." % vars(base)
    )
