# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the clusters for all servers of a play, and finds what could not work."""

from __future__ import annotations

import secrets
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase

from ansible_collections.bandr.postgres.plugins.plugin_utils.fleet import Fleet, Member, cluster_arguments, invalid, why_failed

_USERS = "openshift.io/sa.scc.uid-range"
_CRONJOBS = {"kind": "CronJob", "api_version": "batch/v1"}
# One by its name, because nobody has to be allowed to list them.
_BUILDS = {"kind": "Build", "api_version": "build.openshift.io/v1", "name": "any"}
_ALERTS = {"kind": "PrometheusRule", "api_version": "monitoring.coreos.com/v1"}
_INSTANCE = "app.kubernetes.io/instance"


class Answers:
    """What the clusters said, each question asked once."""

    def __init__(self) -> None:
        self.questions: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.answers: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def ask(self, cluster: tuple[str, str], **question: Any) -> None:
        """Remember a question."""
        questions = self.questions.setdefault(cluster, [])
        if question not in questions:
            questions.append(question)

    def objects(self, cluster: tuple[str, str], **question: Any) -> list[dict[str, Any]]:
        """The answer to a question that was asked; raises AnsibleError."""
        answer = self._answer(cluster, question)
        if answer["error"]:
            raise AnsibleError(answer["error"])
        return answer["objects"]

    def known(self, cluster: tuple[str, str], **question: Any) -> bool:
        """Whether the cluster has such a kind; who may not look at it knows nevertheless."""
        return self._answer(cluster, question)["known"]

    def _answer(self, cluster: tuple[str, str], question: dict[str, Any]) -> dict[str, Any]:
        return self.answers[cluster][self.questions[cluster].index(question)]


class ActionModule(ActionBase):
    """One task for all servers, to be run once."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what was found for each server by its name."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _valid, arguments = self.validate_argument_spec(
            {"problems": {"type": "bool", "default": False}, "cronjobs": {"type": "bool", "default": False}}
        )
        fleet = Fleet(self, task_vars or {})
        options = self._task._role._get_role_argspecs()["main"]["options"]
        validator = ArgumentSpecValidator(options)
        members = list(fleet.members())
        problems = {member.name: invalid(member, options, validator) if arguments["problems"] else _needed(member) for member in members}
        questions = {}
        for member in (member for member in members if not problems[member.name]):
            try:
                questions[member.name] = _questions(member, arguments)
            except AnsibleError as error:
                problems[member.name] = [str(error.message)]
        sound = [member for member in members if member.name in questions]
        answers = self._answers([(member.cluster, questions[member.name]) for member in sound], task_vars or {})
        token = secrets.token_hex(8)
        servers = {name: {"failed": True, "msg": " ".join(sentences)} for name, sentences in problems.items() if sentences}
        names: dict[tuple[Any, ...], str] = {}
        images: dict[str, dict[str, Any]] = {}
        for member in sound:
            try:
                found = _found(member, answers, questions[member.name])
                part = dict(found["part"], token=token)
                fleet.learn(member, pg_backup_seen=part)
                if arguments["problems"]:
                    _refuse(member, fleet, found, names)
                    image = member["pg_backup_image_request"]
                    if image:
                        wanted_in = images.setdefault(image["key"], dict(image, member=member.name, wanted_in=[]))["wanted_in"]
                        wanted_in[:] = sorted({*wanted_in, member["pg_backup_namespace"]})
            except AnsibleError as error:
                servers[member.name] = {"failed": True, "msg": str(error.message)}
                continue
            servers[member.name] = part
        return dict(result, changed=False, token=token, servers=servers, images=list(images.values()))

    def _answers(self, asked: list[tuple[tuple[str, str], list[dict[str, Any]]]], task_vars: dict[str, Any]) -> Answers:
        answers = Answers()
        for cluster, questions in asked:
            for question in questions:
                answers.ask(cluster, **question)
        for cluster, questions in answers.questions.items():
            said = self._execute_module(
                module_name="bandr.postgres.k8s_objects_info",
                module_args=dict(cluster_arguments(cluster), questions=questions),
                task_vars=task_vars,
            )
            failure = [{"objects": [], "known": False, "error": why_failed(said)}] * len(questions)
            answers.answers[cluster] = failure if said.get("failed") else said["answers"]
        return answers


def _needed(member: Member) -> list[str]:
    """What everything needs to know, where the whole description is not held against the variables."""
    if member.values.get("pg_backup_namespace") and member.values.get("pg_backup_host"):
        return []
    return ["%s needs pg_backup_namespace (where its backups run) and pg_backup_host (the server's address)." % member.name]


def _questions(member: Member, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    namespace = str(member["pg_backup_namespace"])
    questions: list[dict[str, Any]] = [{"kind": "Namespace", "name": namespace}]
    if arguments["problems"]:
        questions.append({"kind": "PersistentVolumeClaim", "namespace": namespace})
        if not member["pg_backup_image"] and member["pg_backup_image_build"] in ("auto", "openshift"):
            questions.append(dict(_BUILDS, namespace=namespace))
        if not member["pg_backup_own_secret"]:
            questions.append({"kind": "Secret", "namespace": namespace, "name": str(member["pg_backup_secret_name"])})
        if member["pg_backup_alerts_wanted"]:
            questions.append(dict(_ALERTS, namespace=namespace, selector=list(member["pg_backup_owner_selector"])))
    if arguments["cronjobs"]:
        questions.append(dict(_CRONJOBS, namespace=namespace, selector=list(member["pg_backup_owner_selector"])))
    return questions


def _found(member: Member, answers: Answers, questions: list[dict[str, Any]]) -> dict[str, Any]:
    """What the cluster holds of a server: what templates of problems see, and the server's part of the result."""
    part: dict[str, Any] = {"namespace_found": False, "openshift": False, "builds_served": False, "cronjobs": []}
    found: dict[str, Any] = {"part": part, "pg_backup_claims": [], "pg_backup_secret_keys": None, "pg_backup_alerts_possible": False}
    for question in questions:
        if question["kind"] == "Build":
            part["builds_served"] = answers.known(member.cluster, **question)
            continue
        if question["kind"] == _ALERTS["kind"] and not answers.known(member.cluster, **question):
            continue
        objects = answers.objects(member.cluster, **question)
        if question["kind"] == "Namespace":
            part["namespace_found"] = bool(objects)
            # OpenShift gives each namespace a range of users and refuses any other; elsewhere the volume needs a group.
            part["openshift"] = any(_USERS in (one["metadata"].get("annotations") or {}) for one in objects)
        elif question["kind"] == "PersistentVolumeClaim":
            found["pg_backup_claims"] = objects
        elif question["kind"] == "Secret":
            found["pg_backup_secret_keys"] = sorted(objects[0].get("data") or {}) if objects else None
        elif question["kind"] == _ALERTS["kind"]:
            found["pg_backup_alerts_possible"] = True
        else:
            name = str(member["pg_backup_name"])
            part["cronjobs"] = [one for one in objects if one["metadata"]["labels"].get(_INSTANCE) == name]
    return found


def _refuse(member: Member, fleet: Fleet, found: dict[str, Any], names: dict[tuple[Any, ...], str]) -> None:
    """Raise AnsibleError with all that cannot work."""
    member["pg_backup_complete_tiers"]  # their filter says what is wrong with them
    problems = [problem for document in fleet.render(member, ["problems.yaml.j2"], **found) for problem in document]
    key = (member.cluster, str(member["pg_backup_namespace"]), str(member["pg_backup_name"]))
    other = names.setdefault(key, member.name)
    if other != member.name:
        problems.append(
            "Its pg_backup_name is %s, and so is that of %s in the same namespace: they would overwrite each other." % (key[-1], other)
        )
    if problems:
        raise AnsibleError(" ".join(problems))
