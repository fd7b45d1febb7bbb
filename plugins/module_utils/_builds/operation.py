# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing about one image in the cluster: look, build what is not there, tidy up, and say what was done."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Callable

from .._apply import declared_part
from .._jobs.status import COMPLETE, HOPELESS
from .._jobs.watching import ClusterError, Patience
from .base import missing_tag
from .following import Cluster, End, Following
from .manifests import Recipe
from .names import INPUTS_LABEL, BuildError
from .planning import FOLLOW, KEEP, Decision, decide
from .pruning import Holdings, find_waste

_FORBIDDEN = 403


@dataclass(frozen=True)
class BuildRequest:
    """An image to be brought about; ``pull_namespaces`` get the right to pull it, ``used_in`` may run older ones."""

    recipe: Recipe
    patience: Patience = field(default_factory=lambda: Patience(1800.0, 30.0))
    build_config: bool = False
    pull_namespaces: tuple[str, ...] = ()
    used_in: tuple[str, ...] = ()
    keep: int = 3
    check_mode: bool = False


@dataclass
class Changes:
    """What was applied or deleted, or would be, in the order in which it came."""

    done: list[dict[str, str]] = field(default_factory=list)

    def note(self, state: str, kind: str, name: str) -> None:
        """Remember one object, once: check mode meets it as often as it would be applied."""
        change = {"state": state, "kind": kind, "name": name}
        if change not in self.done:
            self.done.append(change)


def bring_about_image(
    cluster: Cluster,
    request: BuildRequest,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """See that the stream holds the image of these inputs; the result says how it went.

    Raises BuildError where nothing could be begun and ClusterError when the API server refuses or stays silent.
    """
    begun = clock()
    recipe = request.recipe
    if not cluster.serves_builds():
        raise BuildError("This cluster does not serve OpenShift's build API (build.openshift.io): nothing can be built in it.")
    changes, warnings = Changes(), []
    stream = _apply(cluster, recipe.image_stream(), changes)
    repository = (stream.get("status") or {}).get("dockerImageRepository") or ""
    # A right that we lack ourselves is told before anybody waits for a build.
    for namespace in request.pull_namespaces:
        if namespace != recipe.namespace:
            _apply(cluster, recipe.pull_binding(namespace), changes)
    image = _image_of_tag(cluster, recipe)
    decision = decide(recipe.names, bool(image), _builds_of_inputs(cluster, recipe))
    end = None
    if decision.action != KEEP:
        _look_at_base(cluster, recipe)
        if not repository and not request.check_mode:
            raise BuildError(
                "The ImageStream %s has no repository: the cluster's internal registry is switched off, so the image has no place. Nothing "
                "was built." % recipe.names.stream
            )
        if request.check_mode:
            _would_build(cluster, recipe, decision, changes)
        else:
            end = _build(cluster, request, decision, changes, clock, sleep)
            image = _image_of_build(end, recipe) if end.outcome == COMPLETE else ""
    if request.build_config and (end is None or end.outcome == COMPLETE):
        for definition in [*recipe.config_maps(), recipe.build_config()]:
            _apply(cluster, definition, changes)
    if end is not None and end.outcome == COMPLETE:
        # Only now: a run that builds nothing changes nothing, and what runs keeps its image until it was replaced.
        warnings += _prune(cluster, request, end, changes)
    return dict(_result(request, decision, end, image, repository, changes), warnings=warnings, seconds=round(clock() - begun, 1))


def _apply(cluster: Cluster, definition: dict[str, Any], changes: Changes) -> dict[str, Any]:
    kind, name = definition["kind"], definition["metadata"]["name"]
    before = cluster.get(kind, name)
    after = cluster.apply(definition)
    if before is None or declared_part(before) != declared_part(after):
        changes.note("created" if before is None else "changed", kind, name)
    return after


def _image_of_tag(cluster: Cluster, recipe: Recipe) -> str:
    tag = cluster.get("ImageStreamTag", recipe.names.stream_tag)
    return str(tag["image"]["dockerImageReference"]) if tag else ""


def _image_of_build(end: End, recipe: Recipe) -> str:
    status = end.build["status"]
    digest = ((status.get("output") or {}).get("to") or {}).get("imageDigest") or ""
    reference = status.get("outputDockerImageReference") or ""
    if not digest:
        raise BuildError("The Build %s is complete and names no digest of its image." % end.build["metadata"]["name"])
    return "%s@%s" % (reference[: -len(":" + recipe.names.tag)], digest)


def _builds_of_inputs(cluster: Cluster, recipe: Recipe) -> list[dict[str, Any]]:
    return cluster.list("Build", "%s,%s=%s" % (recipe.names.selector(), INPUTS_LABEL, recipe.names.inputs))


def _look_at_base(cluster: Cluster, recipe: Recipe) -> None:
    if not recipe.base.is_tag:
        return
    try:
        found = cluster.get("ImageStreamTag", recipe.base.name, recipe.base.namespace)
    except ClusterError as error:
        if error.status != _FORBIDDEN:
            raise
        # The builder may see what we may not.
        return
    if found is None:
        raise BuildError(missing_tag(recipe.base))


def _would_build(cluster: Cluster, recipe: Recipe, decision: Decision, changes: Changes) -> None:
    if decision.action == FOLLOW:
        changes.note("followed", "Build", recipe.names.build(decision.attempt))
        return
    for definition in [*recipe.config_maps(), recipe.build(decision.attempt)]:
        _apply(cluster, definition, changes)


def _build(
    cluster: Cluster,
    request: BuildRequest,
    decision: Decision,
    changes: Changes,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> End:
    names = request.recipe.names
    attempt = decision.attempt
    if decision.action == FOLLOW:
        build = cluster.get("Build", names.build(attempt))
        if build is not None:
            end = Following(cluster, build, clock, sleep).to_the_end(request.patience)
            if end.outcome != HOPELESS:
                return end
            # Somebody else's attempt was stuck, perhaps for a cause that is mended by now; it is cancelled, and ours begins.
            changes.note("cancelled", "Build", names.build(attempt))
        attempt += 1
    for definition in request.recipe.config_maps():
        _apply(cluster, definition, changes)
    build = _apply(cluster, request.recipe.build(attempt), changes)
    return Following(cluster, build, clock, sleep).to_the_end(request.patience)


def _prune(cluster: Cluster, request: BuildRequest, end: End, changes: Changes) -> list[str]:
    """Delete what nobody needs any more; what goes wrong here is told, and no reason to fail."""
    recipe = request.recipe
    names, selector = recipe.names, recipe.names.selector()
    try:
        used = cluster.images_in_use((recipe.namespace, *request.used_in, *request.pull_namespaces))
        holdings = Holdings(
            stream=cluster.get("ImageStream", names.stream) or {},
            builds=cluster.list("Build", selector),
            config_maps=cluster.list("ConfigMap", selector),
            build_configs=cluster.list("BuildConfig", selector),
            used_images=used,
        )
        waste = find_waste(
            names,
            holdings,
            request.keep,
            needed_config_maps=[one["metadata"]["name"] for one in recipe.config_maps()],
            since=end.build["metadata"].get("creationTimestamp") or "",
        )
        tags = ["%s:%s" % (names.stream, tag) for tag in waste.tags] if cluster.can_delete("ImageStreamTag") else []
        for kind, chosen in (("ImageStreamTag", tags), ("Build", waste.builds), ("ConfigMap", waste.config_maps)):
            for name in chosen:
                cluster.delete(kind, name)
                changes.note("deleted", kind, name)
    except ClusterError as error:
        return ["The image was built, but older ones were not tidied up. %s" % error]
    return []


def _result(request: BuildRequest, decision: Decision, end: End | None, image: str, repository: str, changes: Changes) -> dict[str, Any]:
    recipe = request.recipe
    names = recipe.names
    failed = end is not None and end.outcome != COMPLETE
    reference = "%s:%s" % (repository or "%s/%s" % (recipe.namespace, names.stream), names.tag)
    build = end.build["metadata"]["name"] if end else names.build(decision.attempt) if decision.attempt else ""
    outcome = end.outcome if end else "kept" if decision.action == KEEP else "check"
    sentence = end.sentence if end else decision.reason
    if failed:
        sentence += "\nNothing that runs was changed."
    elif end is not None:
        sentence = "The Build %s made the image %s." % (build, image)
    log = end.log if end else ""
    return {
        "changed": bool(changes.done),
        "succeeded": not failed,
        "msg": sentence,
        "outcome": outcome,
        "reason": end.reason if end else "",
        # None where there is none: nobody shall run what failed.
        "image": "" if failed else image or reference,
        "reference": reference,
        "digest": image.partition("@")[2],
        "inputs": names.digest,
        "build": build,
        "namespace": recipe.namespace,
        "stream": names.stream,
        "objects": changes.done,
        "log": log,
        "log_lines": log.splitlines(),
        "diff": _diff(changes.done),
    }


def _diff(done: Iterable[dict[str, str]]) -> dict[str, str]:
    before = [one for one in done if one["state"] != "created"]
    after = [one for one in done if one["state"] != "deleted"]
    return {
        "before": "".join("%(kind)s/%(name)s\n" % one for one in before),
        "after": "".join("%(kind)s/%(name)s%(mark)s\n" % dict(one, mark=_mark(one["state"])) for one in after),
    }


def _mark(state: str) -> str:
    return "" if state == "created" else " (%s)" % state
