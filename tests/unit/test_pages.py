# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say of the engine is what it does."""

from __future__ import annotations

import argparse
import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from ansible_collections.bandr.postgres.plugins.module_utils._engine import command_line
from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN, UNPROVEN
from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import FORMAT, GLOBALS, Manifest, Section
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DEFAULT_COUNT, PRIOR_TIER, TIERS, DumpName
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy import drill
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.moments import parse_moment
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools import errors, signals
from ansible_collections.bandr.postgres.plugins.plugin_utils.status import GOOD_STATES, STATES

CHECKOUT = Path(__file__).resolve().parents[2]
QUOTED = re.compile(r"`([^`]+)`")
# To what lies in this repository.
LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
PAGES = sorted(str(path.relative_to(CHECKOUT)) for where in ("*.md", "docs/*.md", "roles/*/*.md") for path in CHECKOUT.glob(where))


def page(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


def table(name: str, header: str) -> list[list[str]]:
    """The cells of the rows of the table of a page whose first cell is ``header``."""
    lines = page(name).splitlines()
    start = next(number for number, line in enumerate(lines) if re.match(r"\| *%s *\|" % re.escape(header), line))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_exit_codes_of_the_readme_are_those_of_the_engine():
    known = {
        error.code: error.reason for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.EngineError)
    }
    written = {int(code): reason.strip("`") for codes, reason, _meaning in table("README.md", "code") for code in codes.split(",")}
    interrupted = {errors.Interrupted(number).code: errors.Interrupted.reason for number in signals._NUMBERS}
    assert written == {**known, errors.EXIT_SUCCESS: "", **interrupted}


def test_every_exit_code_is_another_one():
    codes = [error.code for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.EngineError)]
    assert len(codes) == len(set(codes))


def test_the_table_of_the_format_names_every_field_of_the_manifest():
    named = [name for cell, _meaning in table("docs/format.md", "field") for name in QUOTED.findall(cell)]
    assert sorted(named) == sorted(["format", *(field.name for field in fields(Manifest))])
    assert dict(table("docs/format.md", "field"))["`format`"] == str(FORMAT)


def test_the_table_of_the_format_names_every_field_of_a_section():
    meaning = dict(table("docs/format.md", "field"))["`sections`"]
    assert {field.name for field in fields(Section)} | {GLOBALS, "database", "end", "whole"} == set(QUOTED.findall(meaning))


def test_the_format_tells_of_every_state():
    assert [state for state, _meaning in table("docs/format.md", "state")] == [PROVEN, UNPROVEN, DAMAGED]


def test_the_format_shows_a_name_as_it_is_written():
    name = DumpName(parse_moment("2026-11-22T10:07:00Z").start, "zstd").file_name
    assert "<root>/hourly/%s " % name in page("docs/format.md")
    assert "<root>/hourly/%s.json " % name in page("docs/format.md")


def test_the_table_of_rotation_has_the_usual_counts():
    rows = {tier: (count, prior_count) for tier, _schedule, count, prior_count in table("docs/rotation.md", "tier")}
    needed = {tier: TierPolicy(tier, 1).needed for tier in PRIOR_TIER}
    assert rows == {tier: (str(DEFAULT_COUNT[tier]), str(needed.get(tier, ""))) for tier in TIERS}


def commands() -> dict[str, argparse.ArgumentParser]:
    parser = command_line._parser()
    (found,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(found.choices)


def test_the_page_of_hosts_names_every_command():
    assert set(commands()) == set(command_line.COMMANDS)
    (sentence,) = re.findall(r"The commands are (.*?);", page("docs/host.md"), re.DOTALL)
    assert set(QUOTED.findall(sentence)) == set(command_line.COMMANDS)


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_help_explains_every_option(name):
    unexplained = [action.option_strings for action in commands()[name]._actions if not action.help]
    assert unexplained == []


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_help_can_be_shown(name, capsys):
    with pytest.raises(SystemExit) as caught:
        command_line.main([name, "--help"], {})
    assert caught.value.code == 0
    assert "--root" in capsys.readouterr().out


def test_every_command_and_option_of_the_pages_exists():
    # A line of its own, or words of a sentence.
    command = re.compile(r"(?:^ +|`)(%s)((?: --[a-z-]+[^\n`-]*)+)" % "|".join(command_line.COMMANDS), re.MULTILINE)
    found = [written for name in PAGES for written in command.findall(page(name))]
    assert {"backup", "recover"} <= {name for name, _options in found}
    for name, options in found:
        known = {option for action in commands()[name]._actions for option in action.option_strings}
        assert set(re.findall(r"--[a-z-]+", options)) <= known


def test_the_page_of_openshift_has_every_play():
    told = {name for row in table("docs/openshift.md", "play") for name in QUOTED.findall(row[0])}
    assert told == {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(name):
    for link in LINK.findall(page(name)):
        target, _mark, heading = link.partition("#")
        path = CHECKOUT / Path(name).parent / target if target else CHECKOUT / name
        assert path.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}, link


def test_links_are_found():
    found = [link for name in PAGES for link in LINK.findall(page(name))]
    assert len(PAGES) > 10 and len(found) > 30 and any("#" in link for link in found)


def described() -> set[str]:
    """Every variable that a role describes."""
    specs = [
        yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"] for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml")
    ]
    return {name for spec in specs for entry in spec.values() for name in entry.get("options") or {}}


def read_by_playbooks() -> set[str]:
    """Words of the playbooks, where a variable that only they know stands, and of defaults, where short names for the command line do."""
    texts = [path.read_text(encoding="utf-8") for where in ("playbooks/*.yml", "roles/*/defaults/*.yml") for path in CHECKOUT.glob(where)]
    return {word for text in texts for line in text.splitlines() if not line.lstrip().startswith("#") for word in re.findall(r"\w+", line)}


def test_every_variable_of_the_pages_exists():
    # What modules are called, and what a role leaves behind.
    others = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("*.py")} | {"pg_recovery_result"}
    told = {word for name in PAGES for word in re.findall(r"\bpg_(?:backup|recovery)_\w+", page(name))}
    assert len(told) > 50
    assert told - described() - read_by_playbooks() - others == set()


def test_every_extra_variable_of_the_pages_is_read_by_something():
    told = {word for name in PAGES for word in re.findall(r"-e '?(\w+)=", page(name))}
    assert {"from_backup", "render_to", "migrate_from", "status_page", "pg_backup_hosts"} <= told
    assert told - described() - read_by_playbooks() == set()


def test_every_playbook_of_the_pages_exists():
    told = {word for name in PAGES for word in re.findall(r"ansible-(?:playbook|navigator run) bandr\.postgres\.(\w+)", page(name))}
    assert len(told) > 8
    assert told <= {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}


def test_the_readme_names_all_that_is_in_it():
    told = {row[0]: set(QUOTED.findall(row[1])) for row in table("README.md", "")}
    modules = {path.stem for path in (CHECKOUT / "plugins" / "modules").glob("pg_*.py")}
    assert told["modules for a host"] == modules
    assert told["roles for a cluster"] == {path.parent.parent.name for path in CHECKOUT.glob("roles/*/meta/main.yml")}
    assert told["playbooks"] == {path.stem for path in (CHECKOUT / "playbooks").glob("*.yml")}


def test_the_page_of_clusters_has_every_state_of_a_tier():
    told = [word for cell, _meaning in table("docs/cluster.md", "state") for word in QUOTED.findall(cell)]
    assert sorted(told) == sorted(STATES)
    # The first row is what no -e status_strict=true complains of.
    assert set(QUOTED.findall(table("docs/cluster.md", "state")[0][0])) == set(GOOD_STATES)


def test_the_page_of_drills_has_every_word_of_a_comparison():
    words = {drill.EQUAL, drill.ROWS_EQUAL, drill.DIFFERENT, drill.NOT_COMPARED}
    assert {word for cell, _meaning in table("docs/drill.md", "word") for word in QUOTED.findall(cell)} == words


def test_a_play_of_the_pages_with_a_role_works_where_ansible_runs():
    blocks = [block for name in PAGES for block in re.findall(r"```yaml\n(.*?)```", page(name), re.DOTALL)]
    plays = [
        play
        for block in blocks
        if "bandr.postgres.pg_backup\n" in block or "bandr.postgres.pg_recovery\n" in block
        for play in yaml.safe_load(block)
    ]
    assert plays
    # Nothing listens on the server for Ansible; the playbooks that ship say the same by variables.
    assert all(play.get("connection") == "local" and "ansible_python_interpreter" in play.get("vars", {}) for play in plays)


def sentences() -> list[str]:
    """All text of the programs, whole even where the source breaks it."""
    files = [path for folder in ("module_utils", "plugin_utils") for path in (CHECKOUT / "plugins" / folder).rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_what_the_page_of_restores_says_they_say_is_what_they_say():
    quoted = [words for cell, _then in table("docs/restore.md", "it says") for words in re.findall(r"\*([^*]+)\*", cell)]
    assert len(quoted) > 5
    said = sentences()
    for words in quoted:
        # What differs from case to case is a place of a format.
        general = re.sub(r"\borders-restore\b", "%s", re.sub(r"\b\d+\b", "%d", words))
        pattern = ".*".join(re.escape(part.strip()) for part in general.split("…"))
        assert any(re.search(pattern, text, re.DOTALL) for text in said), words
