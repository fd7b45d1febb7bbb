# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a build as they are applied: pure functions of what goes in."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .base import Base
from .context import Context, Part
from .names import INPUTS_LABEL, Names

BUILD_API = "build.openshift.io/v1"
IMAGE_API = "image.openshift.io/v1"
RBAC_API = "rbac.authorization.k8s.io/v1"
HASH_LABEL = "org.bandr.inputs"
_KEPT_BUILDS = 3
_SECONDS_MORE = 120


@dataclass(frozen=True)
class Recipe:
    """Everything that a Build is made of. ``resources``, ``pull_secret`` and ``timeout`` leave no trace in the image."""

    names: Names
    namespace: str
    context: Context
    base: Base
    arguments: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Any] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    pull_secret: str = ""
    timeout: int = 1800

    def image_stream(self) -> dict[str, Any]:
        """The ImageStream that the image is pushed to."""
        return self._object(IMAGE_API, "ImageStream", self.names.stream, spec={"lookupPolicy": {"local": False}})

    def config_maps(self) -> list[dict[str, Any]]:
        """One ConfigMap for each part of the context. None can change, since its name is a hash over its content."""
        return [self._config_map(part) for part in self.context.parts]

    def build(self, attempt: int) -> dict[str, Any]:
        """A Build that runs as soon as it is there."""
        found = self._object(BUILD_API, "Build", self.names.build(attempt), spec=self._build_spec())
        found["metadata"]["labels"][INPUTS_LABEL] = self.names.inputs
        found["metadata"]["annotations"] = {INPUTS_LABEL: self.names.digest}
        found["spec"]["triggeredBy"] = [{"message": "bandr.postgres: these inputs have no image yet"}]
        # Ends it even when nobody waits for it any more.
        found["spec"]["completionDeadlineSeconds"] = self.timeout + _SECONDS_MORE
        return found

    def build_config(self) -> dict[str, Any]:
        """The same content for people who start builds in the console; nothing else ever starts one."""
        spec = dict(
            self._build_spec(),
            runPolicy="Serial",
            successfulBuildsHistoryLimit=_KEPT_BUILDS,
            failedBuildsHistoryLimit=_KEPT_BUILDS,
            completionDeadlineSeconds=self.timeout + _SECONDS_MORE,
        )
        return self._object(BUILD_API, "BuildConfig", self.names.stream, spec=spec)

    def pull_binding(self, namespace: str) -> dict[str, Any]:
        """Lets the pods of another namespace pull from this one."""
        subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:serviceaccounts:" + namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:image-puller"}
        return self._object(RBAC_API, "RoleBinding", "%s-pull-%s" % (self.names.stream, namespace), subjects=[subject], roleRef=role)

    def _build_spec(self) -> dict[str, Any]:
        strategy: dict[str, Any] = {"from": self.base.reference()}
        if self.arguments:
            strategy["buildArgs"] = [{"name": name, "value": value} for name, value in sorted(self.arguments.items())]
        if self.pull_secret:
            strategy["pullSecret"] = {"name": self.pull_secret}
        spec: dict[str, Any] = {
            "source": {"dockerfile": self.context.containerfile, "configMaps": [self._source(part) for part in self.context.parts]},
            "strategy": {"dockerStrategy": strategy},
            "output": {
                "to": {"kind": "ImageStreamTag", "name": self.names.stream_tag},
                "imageLabels": [{"name": HASH_LABEL, "value": self.names.digest}],
            },
        }
        if self.resources:
            spec["resources"] = dict(self.resources)
        if self.node_selector:
            spec["nodeSelector"] = dict(self.node_selector)
        return spec

    def _source(self, part: Part) -> dict[str, Any]:
        source: dict[str, Any] = {"configMap": {"name": part.name(self.names.stream)}}
        if part.folder:
            source["destinationDir"] = part.folder
        return source

    def _config_map(self, part: Part) -> dict[str, Any]:
        text, binary = {}, {}
        for name, content in part.files.items():
            try:
                text[name] = content.decode("utf-8")
            except UnicodeDecodeError:
                binary[name] = base64.b64encode(content).decode("ascii")
        more: dict[str, Any] = {"immutable": True}
        if text:
            more["data"] = text
        if binary:
            more["binaryData"] = binary
        return self._object("v1", "ConfigMap", part.name(self.names.stream), **more)

    def _object(self, api_version: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
        metadata = {"name": name, "namespace": self.namespace, "labels": dict(self.labels, **self.names.labels())}
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **more}
