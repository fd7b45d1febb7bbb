# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All servers of a play at once: their variables, worked out once for each, and the templates of the role.

A task of Ansible costs tens of milliseconds for each host, and a module that speaks to a cluster a second. So what is the same work
for every server is done in one task for all of them, and one task for each tells what became of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .rendering import Renderer, has_template, is_plain

PREFIX = "pg_backup_"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Member:
    """One server of the play."""

    name: str
    values: dict[str, Any]
    given: set[str] = field(default_factory=set)
    """Variables that are not as the role has them by default."""
    failures: dict[str, str] = field(default_factory=dict)
    """Variables that could not be worked out, and why."""

    def __getitem__(self, name: str) -> Any:
        """The value of a variable of the role; raises AnsibleError with the reason where it has none."""
        if name in self.failures:
            # What a filter of ours says names the variable that is to blame, which may be another.
            raise AnsibleError(self.failures[name] if PREFIX in self.failures[name] else "%s: %s" % (name, self.failures[name]))
        if name not in self.values:
            raise AnsibleError("%s is not set." % name)
        return self.values[name]

    @property
    def cluster(self) -> tuple[str, str]:
        """The kubeconfig and the context that lead to the server's cluster."""
        return str(self.values.get(PREFIX + "kubeconfig") or ""), str(self.values.get(PREFIX + "context") or "")


def cluster_arguments(cluster: tuple[str, str]) -> dict[str, str]:
    """A cluster as modules take it; what is empty is left to the environment."""
    return {name: value for name, value in zip(("kubeconfig", "context"), cluster) if value}


class Fleet:
    """The servers of a play as a task of the role sees each of them."""

    def __init__(self, action: Any, task_vars: dict[str, Any]) -> None:
        self._task = action._task
        self._task_vars = task_vars
        self._templar = action._templar
        role = self._task._role
        self._defaults = role.get_default_vars(dep_chain=self._task.get_dep_chain())
        self._own = {**self._defaults, **role.get_vars(self._task.get_dep_chain(), include_params=False, only_exports=False)}
        self._renderer = Renderer(os.path.join(role._role_path, "templates"))

    def members(self) -> Iterator[Member]:
        """Every server of the batch that has not failed yet, with its variables worked out."""
        play, manager = self._task.get_play(), self._task.get_variable_manager()
        for name in self._task_vars["ansible_play_batch"]:
            host = manager._inventory.get_host(name)
            yield self._resolved(name, manager.get_vars(play=play, host=host, task=self._task))

    def places(self) -> set[tuple[str, str]]:
        """Namespace and name of all servers of the play, also those that failed or whose turn is not yet; raises AnsibleError."""
        play, manager = self._task.get_play(), self._task.get_variable_manager()
        places = set()
        for name in self._task_vars["ansible_play_hosts_all"]:
            member = Member(name, manager.get_vars(play=play, host=manager._inventory.get_host(name), task=self._task))
            self._work_out(member, {PREFIX + "namespace", PREFIX + "name"} & set(member.values))
            places.add((str(member[PREFIX + "namespace"]), str(member[PREFIX + "name"])))
        return places

    def unsettled(self) -> set[str]:
        """Every server of the play that has failed, or whose turn is not yet."""
        every, batch = self._task_vars["ansible_play_hosts_all"], set(self._task_vars["ansible_play_batch"])
        last = max((index for index, name in enumerate(every) if name in batch), default=-1)
        return (set(every) - set(self._task_vars["ansible_play_hosts"])) | set(every[last + 1 :])

    def _resolved(self, name: str, variables: dict[str, Any]) -> Member:
        member = Member(name, variables)
        member.given = {one for one in variables if one.startswith(PREFIX) and variables[one] is not self._defaults.get(one, variables)}
        self._work_out(member, {one for one in variables if one.startswith(PREFIX)})
        return member

    def learn(self, member: Member, **values: Any) -> None:
        """Give a server variables that it did not have, and work out anew what could not be worked out without them."""
        member.values.update(values)
        waiting = set(member.failures)
        member.failures.clear()
        self._work_out(member, waiting)

    def _work_out(self, member: Member, waiting: set[str]) -> None:
        """Work out each of these variables once, and before it what it needs of them."""
        variables = member.values
        templar = self._templar.copy_with_new_env(available_variables=variables)

        def work_out(variable: str) -> None:
            waiting.discard(variable)
            raw = variables[variable]
            if not has_template(raw) and is_plain(raw):
                return
            try:
                if raw is self._own.get(variable, variables):
                    for needed in self._renderer.needs(raw) & waiting:
                        work_out(needed)
                    variables[variable] = self._renderer.evaluate(raw, variables)
                else:
                    variables[variable] = templar.template(raw)
            except Exception as error:  # a filter may raise anything
                member.failures[variable] = _sentence(error)

        while waiting:
            work_out(min(waiting))

    def render(self, member: Member, templates: list[str], **extra: Any) -> Iterator[Any]:
        """The documents of several templates for a server, without the empty ones; raises AnsibleError."""
        try:
            for document in yaml.load_all(self._renderer.render(templates, {**member.values, **extra}), Loader=_LOADER):
                if document:
                    yield document
        except yaml.YAMLError as error:
            raise AnsibleError("%s did not become YAML: %s" % (", ".join(templates), error)) from error
        except Exception as error:  # a filter may raise anything
            raise AnsibleError("%s: %s" % (", ".join(templates), _sentence(error))) from error


def why_failed(said: dict[str, Any]) -> str:
    """Why a module failed; where it could not say so itself, what the machine said last tells more than that nothing was understood."""
    told = [str(said.get("msg") or "The cluster could not be asked"), *str(said.get("module_stderr") or "").strip().splitlines()[-1:]]
    return " ".join(sentence.strip().rstrip(".") + "." for sentence in told)


def _sentence(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).strip() or type(error).__name__


def invalid(member: Member, options: dict[str, Any], validator: ArgumentSpecValidator) -> list[str]:
    """What the variables of a server are that they may not be, in sentences; the role's own defaults are not looked at."""
    sentences = ["%s: %s" % (name, why) for name, why in member.failures.items() if name in options]
    if not sentences:
        given = {name: member.values[name] for name in options if name in member.given}
        sentences = [str(message) for message in validator.validate(given).error_messages]
    return [sentence.rstrip(".") + "." for sentence in sentences]
