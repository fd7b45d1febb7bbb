# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build is called: everything follows from the stream and the hash over all inputs."""

from __future__ import annotations

import re
from dataclasses import dataclass

MANAGED_BY = "bandr.postgres"
STREAM_LABEL = "bandr.postgres/stream"
INPUTS_LABEL = "bandr.postgres/inputs"
_SHORT = 20
# Names objects and is the value of a label.
_STREAM = re.compile(r"(?=.{1,40}\Z)[a-z0-9]+(-[a-z0-9]+)*")


class BuildError(Exception):
    """A build that cannot be described or does not come to a good end; the message is a sentence."""


@dataclass(frozen=True)
class Names:
    """The names of one image's objects: ``digest`` is the sha256 over its inputs."""

    stream: str
    digest: str

    @property
    def inputs(self) -> str:
        """The hash in the length that names carry."""
        return self.digest[:_SHORT]

    @property
    def tag(self) -> str:
        """The tag of the ImageStream that holds the image of exactly these inputs."""
        return "inputs-" + self.inputs

    @property
    def stream_tag(self) -> str:
        """Stream and tag, as an ImageStreamTag is called."""
        return "%s:%s" % (self.stream, self.tag)

    def build(self, attempt: int = 1) -> str:
        """The name of a Build; the first attempt has the bare hash, so that two deploys at once start one."""
        name = "%s-%s" % (self.stream, self.inputs)
        return name if attempt == 1 else "%s-%d" % (name, attempt)

    def attempt(self, name: str) -> int:
        """The number of the attempt that ``name`` is, or 0 for a Build of other inputs."""
        head = self.build()
        if name == head:
            return 1
        number = name[len(head) + 1 :] if name.startswith(head + "-") else ""
        return int(number) if number.isdigit() else 0

    def labels(self) -> dict[str, str]:
        """The labels of everything that is made for the stream."""
        return {
            "app.kubernetes.io/name": "bandr",
            "app.kubernetes.io/component": "image",
            "app.kubernetes.io/managed-by": MANAGED_BY,
            STREAM_LABEL: self.stream,
        }

    def selector(self) -> str:
        """Finds everything that is made for the stream."""
        return ",".join("%s=%s" % item for item in sorted(self.labels().items()))


def check_stream(name: str) -> None:
    """Raise BuildError for a name that an ImageStream, a Build and a label cannot all have."""
    if not _STREAM.fullmatch(name):
        raise BuildError(
            "The stream is called %r: its name is part of others and may have 40 small letters, digits and hyphens at most." % name
        )
