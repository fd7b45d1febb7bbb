# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders and applies the objects of all servers of a play: one module for each cluster."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.bandr.postgres.plugins.plugin_utils.departed import INSTANCE, departed
from ansible_collections.bandr.postgres.plugins.plugin_utils.fleet import Fleet, Member, cluster_arguments, why_failed


class ActionModule(ActionBase):
    """One task for all servers, to be run once."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what became of each server by its name, and what servers left behind that are none of the play's."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _valid, arguments = self.validate_argument_spec(
            {"token": {"type": "str", "required": True}, "images": {"type": "list", "elements": "dict", "default": []}}
        )
        fleet = Fleet(self, task_vars or {})
        images = {one["item"]["key"]: one for one in arguments["images"] if "item" in one}
        servers: dict[str, dict[str, Any]] = {}
        clusters: dict[tuple[str, str], list[dict[str, Any]]] = {}
        secrets: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for member in fleet.members():
            # A server that the look refused, or that never came to it, is none of those that are deployed.
            if (member.values.get("pg_backup_seen") or {}).get("token") != arguments["token"]:
                continue
            try:
                own = _set(fleet, member, _image(member, images))
                # Only now: a cluster of which no server has an image is not asked for anything.
                clusters.setdefault(member.cluster, []).append(own)
                if not member["pg_backup_own_secret"]:
                    secrets.setdefault(member.cluster, set()).add((own["namespace"], str(member["pg_backup_secret_name"])))
            except AnsibleError as error:
                servers[member.name] = {"failed": True, "msg": str(error.message)}
        others: dict[tuple[str, str], list[dict[str, Any]]] = {}
        warnings: list[str] = []
        for cluster, sets in clusters.items():
            said = self._execute_module(
                module_name="bandr.postgres.k8s_objects", module_args=dict(cluster_arguments(cluster), sets=sets), task_vars=task_vars
            )
            if said.get("failed"):
                servers.update({one["name"]: {"failed": True, "msg": why_failed(said)} for one in sets})
                continue
            warnings += said.get("warnings", ())
            servers.update({name: _told(one) for name, one in said["sets"].items()})
            others[cluster] = said["others"]
        gone = []
        if any(others.values()):
            # What a play says of its servers, nobody else can know.
            known = fleet.places()
            gone = [server for cluster, found in others.items() for server in departed(cluster, found, known, secrets.get(cluster, set()))]
        unsettled = fleet.unsettled() | {name for name, one in servers.items() if one.get("failed")}
        return dict(result, changed=False, servers=servers, others=gone, unsettled=sorted(unsettled), warnings=warnings)


def _image(member: Member, images: dict[str, dict[str, Any]]) -> str:
    """The image that a server's pods run; raises AnsibleError where it could not be made."""
    request = member["pg_backup_image_request"]
    if not request:
        return str(member["pg_backup_image"])
    made = images.get(request["key"], {})
    if made.get("failed") or not made.get("image") or not made.get("succeeded", True):
        raise AnsibleError("%s The CronJobs of %s stay as they are." % (made.get("msg") or "Its image was not made.", member.name))
    return str(made["image"])


def _set(fleet: Fleet, member: Member, image: str) -> dict[str, Any]:
    """The objects of a server as the module takes them."""
    own = {"secret_data": member["pg_backup_secret_data"]} if member["pg_backup_own_secret"] else {}
    return dict(
        own,
        name=member.name,
        definitions=list(fleet.render(member, member["pg_backup_templates"], pg_backup_image_used=image)),
        namespace=str(member["pg_backup_namespace"]),
        selector=member["pg_backup_owner_selector"],
        labels={INSTANCE: str(member["pg_backup_name"])},
        owned_kinds=member["pg_backup_pruned_kinds"],
    )


def _told(said: dict[str, Any]) -> dict[str, Any]:
    result = {"changed": said["changed"], "objects": said["objects"], "diff": said["diff"]}
    return dict(result, failed=True, msg=said["error"]) if said["error"] else result
