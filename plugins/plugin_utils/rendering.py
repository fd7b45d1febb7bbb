# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates and variables of a role, by plain Jinja with Ansible's filters, for many hosts.

Ansible compiles an expression anew for every use of a variable and wraps each value, which takes a hundred times as long. Only what
follows from the role's own files is worked out here; what an inventory says may need anything of Ansible's, and is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import GeneratorType
from typing import Any

from ansible.plugins.loader import filter_loader, test_loader
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables

_PLAIN = (str, int, float, type(None))


class _Plugins(dict):
    """Jinja's own filters or tests, and Ansible's of any other name."""

    def __init__(self, own: Mapping[str, Any], loader: Any) -> None:
        super().__init__(own)
        self._loader = loader

    def __missing__(self, name: str) -> Callable[..., Any]:
        plugin = self._loader.get(name)
        if plugin is None:
            raise KeyError(name)
        self[name] = plugin.j2_function
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:
        """What the compiler asks."""
        try:
            return self[name]
        except KeyError:
            return default


class _Undefined(StrictUndefined):
    """As Ansible has it: an error where it is used, and a part of it is undefined as well."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key: Any) -> Any:
        return self


class Renderer:
    """Templates of one folder, each compiled once."""

    def __init__(self, folder: str) -> None:
        self._environment = Environment(  # noqa: S701, what comes out is YAML
            loader=FileSystemLoader(folder),
            undefined=_Undefined,
            trim_blocks=True,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        )
        self._environment.filters = _Plugins(self._environment.filters, filter_loader)
        self._environment.tests = _Plugins(self._environment.tests, test_loader)
        self._compiled = lru_cache(maxsize=None)(self._compile)

    def render(self, names: list[str], values: Mapping[str, Any]) -> str:
        """The text of templates, one after another; raises jinja2.TemplateError."""
        return "\n".join(self._environment.get_template(name).render(values) for name in names)

    def evaluate(self, value: Any, values: Mapping[str, Any]) -> Any:
        """A value of a variables file with the templates in it worked out, as Ansible does it; raises jinja2.TemplateError."""
        if isinstance(value, Mapping):
            return {self.evaluate(key, values): self.evaluate(inner, values) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.evaluate(inner, values) for inner in value]
        return self._compiled(str(value))[0](values) if has_template(value) else value

    def needs(self, value: Any) -> set[str]:
        """The names of the variables that a value speaks of; raises jinja2.TemplateError."""
        return {name for text in _texts(value) if has_template(text) for name in self._compiled(str(text))[1]}

    def _compile(self, text: str) -> tuple[Callable[[Mapping[str, Any]], Any], frozenset[str]]:
        names = frozenset(find_undeclared_variables(self._environment.parse(text)))
        stripped = text.strip()
        if stripped.startswith("{{") and stripped.endswith("}}"):
            try:
                expression = self._environment.compile_expression(stripped[2:-2].strip("-").strip(), undefined_to_none=False)
            except TemplateSyntaxError:
                pass  # more than one expression
            else:
                return lambda values: _kept(expression(values)), names
        template = self._environment.from_string(text)
        return template.render, names


def has_template(value: Any) -> bool:
    """Whether there is something to work out in a value."""
    return any("{{" in text or "{%" in text or "{#" in text for text in _texts(value))


def is_plain(value: Any) -> bool:
    """Whether a value is made of nothing but text, numbers, lists and maps; Ansible has other kinds, such as vaulted text."""
    if isinstance(value, Mapping):
        return all(is_plain(key) and is_plain(inner) for key, inner in value.items())
    return all(is_plain(inner) for inner in value) if isinstance(value, list) else isinstance(value, _PLAIN)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _kept(value: Any) -> Any:
    if isinstance(value, StrictUndefined):
        str(value)  # raises what is undefined
    return list(value) if isinstance(value, GeneratorType) else value
