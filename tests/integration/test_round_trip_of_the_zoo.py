# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dump, lose the server, restore, dump again: every object of the zoo comes back to the byte."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable

import pytest

from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of, restore_into
from ansible_collections.bandr.postgres.tests.servers.installations import Installation
from ansible_collections.bandr.postgres.tests.servers.server import Server
from ansible_collections.bandr.postgres.tests.zoo.loader import Zoo, load_zoo

# PostgreSQL's own restore meets the connecting role; everything else must go through.
_EXPECTED_ERROR = 'role "postgres" already exists'


@pytest.fixture
def zoo(every_installation: Installation) -> Iterator[Zoo]:
    """The zoo on a server of its own."""
    loaded = load_zoo(Server(every_installation).start())
    yield loaded
    loaded.remove()


def test_the_zoo_comes_back_to_the_byte(zoo: Zoo, every_installation: Installation, fresh_server: Callable[..., Server]) -> None:
    databases = zoo.databases
    before = dump_of(zoo.server)
    zoo.lose_server()
    target = fresh_server(every_installation)
    errors = [error for error in restore_into(target, before) if not error.endswith(_EXPECTED_ERROR)]
    assert not errors, "\n".join(errors)
    assert Zoo(target, ()).databases == databases
    unlike = difference(before, dump_of(target))
    assert not unlike, unlike
