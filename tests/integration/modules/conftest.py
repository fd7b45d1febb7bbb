# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook runs that the tests of the modules look at.

A playbook costs a second or two to start, so three of them hold all tasks; each runs once for all tests.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from ansible_collections.bandr.postgres.tests.playbooks.examples import run_examples
from ansible_collections.bandr.postgres.tests.playbooks.life import live
from ansible_collections.bandr.postgres.tests.playbooks.mistakes import err
from ansible_collections.bandr.postgres.tests.playbooks.runner import PlaybookRun
from ansible_collections.bandr.postgres.tests.playbooks.stage import WatchedClients, stage_of, watch_clients
from ansible_collections.bandr.postgres.tests.servers.installations import Installation


@dataclass(frozen=True)
class Runs:
    """All playbook runs, and the programs that the life of a volume used."""

    life: PlaybookRun
    mistakes: PlaybookRun
    examples: PlaybookRun
    clients: WatchedClients


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, newest_installation: Installation) -> Runs:
    """Two at a time, each on servers of its own."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("life", "mistakes", "examples", "clients")}
    clients = watch_clients(folders["clients"], newest_installation)

    def go_well() -> tuple[PlaybookRun, PlaybookRun]:
        with stage_of(newest_installation) as stage:
            life = live(folders["life"], stage, clients)
            stage.clear_target()
            return life, run_examples(folders["examples"], stage)

    def go_wrong() -> PlaybookRun:
        with stage_of(newest_installation) as stage:
            return err(folders["mistakes"], stage)

    with ThreadPoolExecutor(2) as pool:
        well, wrong = pool.submit(go_well), pool.submit(go_wrong)
        life, examples = well.result()
        return Runs(life, wrong.result(), examples, clients)


@pytest.fixture(scope="session")
def life(runs: Runs) -> PlaybookRun:
    """The life of a volume."""
    return runs.life


@pytest.fixture(scope="session")
def mistakes(runs: Runs) -> PlaybookRun:
    """What goes wrong."""
    return runs.mistakes


@pytest.fixture(scope="session")
def examples(runs: Runs) -> PlaybookRun:
    """The documentation's examples."""
    return runs.examples
