# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module for the cluster does around its one call: the client, the log's file, and the answer."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Callable, TextIO

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

from .watching import ClusterError

if TYPE_CHECKING:
    from .cluster import KubernetesJobs


def api_client_of(module: AnsibleModule) -> Any:
    """kubernetes.core's client, so that every way to authenticate works as in its own modules."""
    wrapped = AnsibleK8SModule(module_class=lambda: module, check_pyyaml=False)
    try:
        return get_api_client(module=wrapped).client.client
    except CoreException as error:
        raise ClusterError("%s." % str(error).rstrip(".")) from error


def run_in_cluster(
    module: AnsibleModule, operation: Callable[[KubernetesJobs], dict[str, Any]], namespace: str | None, log_file: str | None = None
) -> None:
    """Exit the module with what ``operation`` returns, as a failure where it says that it did not succeed."""
    try:
        with ExitStack() as stack:
            api_client = api_client_of(module)
            # Only now is it known that the library is there.
            from .cluster import KubernetesJobs

            say = None
            if log_file:
                file = stack.enter_context(open(log_file, "a", buffering=1, encoding="utf-8"))
                say = line_writer(file, module.no_log_values)
            cluster = KubernetesJobs(api_client, namespace or "", module.check_mode, say)
            result = operation(cluster)
    except (ClusterError, OSError) as error:
        module.fail_json(msg=str(error))
    for warning in [*result.pop("warnings", ()), *cluster.warnings]:
        module.warn(warning)
    if result.get("succeeded", True) or module.check_mode:
        module.exit_json(**result)
    module.fail_json(**result)


def line_writer(file: TextIO, secrets: set[str]) -> Callable[[str], None]:
    """A function that writes a line to ``file`` with the secrets masked."""

    def say(line: str) -> None:
        file.write(remove_values(line, secrets) + "\n")

    return say
