# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module for builds does around its one call: the libraries, the client, the log's file, and the answer."""

from __future__ import annotations

from contextlib import ExitStack

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from .._image import Inputs
from .._jobs.door import api_client_of, line_writer
from .._jobs.watching import ClusterError, Patience
from .base import parse_base
from .cluster import OPENSHIFT_MISSING, OpenShiftBuilds
from .context import make_context
from .manifests import Recipe
from .names import BuildError, Names, check_stream
from .operation import BuildRequest, bring_about_image


def request_of(params: dict, check_mode: bool) -> BuildRequest:
    """The request that the module's options stand for; raises BuildError and OSError."""
    check_stream(params["stream"])
    inputs = Inputs(
        params["folder"],
        params["engine"] or "",
        params["base"],
        tuple(params["packages"]),
        params["revision"],
        tuple(sorted((str(name), str(value)) for name, value in (params["arguments"] or {}).items())),
    )
    # The base is the strategy's, and an argument that is empty says nothing.
    arguments = {name: value for name, value in inputs.build_arguments().items() if name != "BASE" and (value or name != "PACKAGES")}
    recipe = Recipe(
        names=Names(params["stream"], inputs.digest()),
        namespace=params["namespace"],
        context=make_context(inputs.contents()),
        base=parse_base(params["base"], params["namespace"]),
        arguments=arguments,
        labels=params["labels"] or {},
        resources=params["resources"] or {},
        node_selector=params["node_selector"] or {},
        pull_secret=params["pull_secret"] or "",
        timeout=params["timeout"],
    )
    return BuildRequest(
        recipe=recipe,
        patience=Patience(params["timeout"], params["grace"]),
        build_config=params["build_config"],
        pull_namespaces=tuple(params["pull_namespaces"]),
        used_in=tuple(params["used_in"]),
        keep=params["keep"],
        check_mode=check_mode,
    )


def build_in_cluster(module: AnsibleModule) -> None:
    """Exit the module with what became of the image, as a failure where there is none."""
    if OPENSHIFT_MISSING:
        module.fail_json(msg=missing_required_lib("openshift", reason="for OpenShift's build API"), exception=OPENSHIFT_MISSING)
    try:
        with ExitStack() as stack:
            request = request_of(module.params, module.check_mode)
            api_client = api_client_of(module)
            say = None
            if module.params["log_file"]:
                file = stack.enter_context(open(module.params["log_file"], "a", buffering=1, encoding="utf-8"))
                say = line_writer(file, module.no_log_values)
            cluster = OpenShiftBuilds(api_client, module.params["namespace"], module.check_mode, say)
            result = bring_about_image(cluster, request)
    except (BuildError, ClusterError, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in result.pop("warnings"):
        module.warn(warning)
    if result["succeeded"]:
        module.exit_json(**result)
    module.fail_json(**result)
