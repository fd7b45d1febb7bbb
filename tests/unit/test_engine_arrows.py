# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's shape: what may import what, nothing but the standard library, and Python 3.9."""

from __future__ import annotations

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils import _engine

ENGINE = Path(str(_engine.__file__)).parent
OLDEST_PYTHON = (3, 9)

# The modules beside the folders belong to the layer that they serve.
LAYER_OF_MODULE = {
    "backups": "records",
    "legible": "records",
    "manifest": "records",
    "manifest_text": "records",
    "names": "records",
    "targets": "records",
    "version": "records",
    "command_line": "command line",
    "environment": "command line",
    "table": "command line",
}
MAY_IMPORT = {
    "records": set(),
    "tools": set(),
    "policy": {"records", "tools"},
    "postgres": {"records", "tools"},
    "volume": {"records", "tools"},
    "operations": {"records", "tools", "policy", "postgres", "volume"},
    "command line": {"records", "tools", "policy", "postgres", "volume", "operations"},
}
# Policy decides and does nothing: of the tools it may know the errors, of the system nothing.
POLICY_MAY_NOT_IMPORT = {"io", "os", "pathlib", "shutil", "socket", "subprocess", "tempfile", "threading", "time"}

Name = tuple  # A module's dotted name below the engine, as a tuple of its parts.


def parse(source: str) -> ast.Module:
    """The syntax tree of ``source``, which must be in the language of the oldest Python."""
    return ast.parse(source, feature_version=OLDEST_PYTHON)


def imports_of(tree: ast.Module, name: Name) -> Iterator[Name | str]:
    """What the module ``name`` imports: engine modules as tuples, everything else as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module)
        elif isinstance(node, ast.ImportFrom):
            base = name[: len(name) - node.level] + tuple(node.module.split(".") if node.module else ())
            yield from (base + (alias.name,) if base + (alias.name,) in MODULES else base for alias in node.names)


def layer(name: Name) -> str:
    """The layer of a module of the engine."""
    if len(name) > 1:
        return name[0]
    return LAYER_OF_MODULE.get(name[0], "no layer")


MODULES = {
    path.relative_to(ENGINE).with_suffix("").parts: path.read_text(encoding="utf-8")
    for path in sorted(ENGINE.rglob("*.py"))
    if path.name != "__init__.py"
}
every_module = pytest.mark.parametrize("name", MODULES, ids=".".join)


def test_the_engine_is_found() -> None:
    assert len(MODULES) > 20


@every_module
def test_every_module_has_a_layer(name: Name) -> None:
    assert layer(name) in MAY_IMPORT, "say in LAYER_OF_MODULE where this module belongs"


@every_module
def test_arrows_point_one_way(name: Name) -> None:
    own = layer(name)
    for imported in imports_of(parse(MODULES[name]), name):
        if isinstance(imported, tuple):
            assert imported in MODULES, "%s is imported but is no module of the engine" % ".".join(imported)
            assert layer(imported) in MAY_IMPORT[own] | {own}, "%s may not know %s" % (own, ".".join(imported))


@every_module
def test_nothing_but_the_standard_library_is_imported(name: Name) -> None:
    for imported in imports_of(parse(MODULES[name]), name):
        if isinstance(imported, str):
            assert imported.split(".")[0] in sys.stdlib_module_names, imported


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) == "policy"], ids=".".join)
def test_policy_is_pure(name: Name) -> None:
    tree = parse(MODULES[name])
    for imported in imports_of(tree, name):
        if isinstance(imported, str):
            assert imported.split(".")[0] not in POLICY_MAY_NOT_IMPORT
        elif layer(imported) == "tools":
            assert imported == ("tools", "errors")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in {"now", "open", "print", "today", "utcnow"}, "line %d" % node.lineno


@every_module
def test_every_module_says_what_it_is_for_and_postpones_annotations(name: Name) -> None:
    tree = parse(MODULES[name])
    assert ast.get_docstring(tree)
    # Only with this may annotations be written as newer Pythons have them.
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


def test_packages_are_only_folders() -> None:
    assert [str(path) for path in ENGINE.rglob("__init__.py") if path.stat().st_size] == []


def test_no_module_needs_itself_by_a_detour() -> None:
    graph = {name: {imported for imported in imports_of(parse(text), name) if imported in MODULES} for name, text in MODULES.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("source", ["match x:\n    case 1: pass", "try:\n    pass\nexcept* OSError:\n    pass", "type X = int"])
def test_the_language_of_newer_pythons_would_be_noticed(source: str) -> None:
    with pytest.raises(SyntaxError):
        parse(source)
