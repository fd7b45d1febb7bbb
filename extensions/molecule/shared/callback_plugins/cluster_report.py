# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a failed play: the objects, events and pod logs of the scenario's namespaces, before anything else is said."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: cluster_report
type: aggregate
short_description: Show what the cluster holds when a test fails
description:
  - Prints objects, events and pod logs of the scenario's namespaces after a play that failed.
"""

_LOG_LINES = 60


class CallbackModule(CallbackBase):
    """Speaks once, and only after a failure."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "cluster_report"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats) -> None:
        """The end of the run; failures that were rescued or ignored do not count."""
        if not any(stats.failures.values()) or "BANDR_NO_REPORT" in os.environ:
            return
        try:
            for line in self._report():
                self._display.display(line)
        except Exception as error:  # a report that fails must not hide why it was wanted
            self._display.display("cluster_report: the cluster cannot be described: %s" % error)

    def _report(self):
        from kubernetes import client, config

        folder = os.environ["MOLECULE_SCENARIO_DIRECTORY"]
        file = os.environ.get("BANDR_CLUSTER") or os.path.join(folder, "../../../build/cluster/cluster.json")
        with open(file, encoding="utf-8") as stream:
            config.load_kube_config(json.load(stream)["kubeconfig"])
        core, batch, network = client.CoreV1Api(), client.BatchV1Api(), client.NetworkingV1Api()
        selector = "bandr.test=" + os.environ["MOLECULE_SCENARIO_NAME"]
        for namespace in core.list_namespace(label_selector=selector).items:
            name = namespace.metadata.name
            yield "\n===== namespace %s" % name
            for job in batch.list_namespaced_cron_job(name).items:
                yield "cronjob  %-50s %-14s suspend=%s last=%s" % (
                    job.metadata.name,
                    job.spec.schedule,
                    job.spec.suspend,
                    job.status.last_schedule_time,
                )
            for job in batch.list_namespaced_job(name).items:
                conditions = " ".join("%s: %s" % (one.type, one.message) for one in job.status.conditions or ())
                yield "job      %-50s %s" % (job.metadata.name, conditions)
            for claim in core.list_namespaced_persistent_volume_claim(name).items:
                yield "claim    %-50s %s" % (claim.metadata.name, claim.status.phase)
            for policy in network.list_namespaced_network_policy(name).items:
                yield "policy   %s" % policy.metadata.name
            pods = core.list_namespaced_pod(name).items
            for pod in pods:
                yield "pod      %-50s %s" % (pod.metadata.name, pod.status.phase)
            yield "----- events"
            for event in sorted(
                core.list_namespaced_event(name).items, key=lambda one: one.last_timestamp or one.metadata.creation_timestamp
            )[-40:]:
                yield "%s %s/%s %s: %s" % (
                    event.last_timestamp,
                    event.involved_object.kind,
                    event.involved_object.name,
                    event.reason,
                    event.message,
                )
            for pod in pods:
                yield "----- log of %s" % pod.metadata.name
                try:
                    yield core.read_namespaced_pod_log(pod.metadata.name, name, tail_lines=_LOG_LINES).rstrip()
                except client.ApiException as error:
                    yield "(no log: %s)" % error.reason
