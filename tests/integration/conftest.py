# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers for the integration tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from ansible_collections.bandr.postgres.tests.servers.account import keep_servers_in_memory
from ansible_collections.bandr.postgres.tests.servers.installations import (
    Installation,
    find_installations,
    newest_of_major,
    without_restrict,
)
from ansible_collections.bandr.postgres.tests.servers.server import Server

MAJORS = (15, 16, 17, 18)
NEWEST_MAJOR = max(MAJORS)

keep_servers_in_memory()


def _must_have(installation: Installation | None, what: str) -> Installation:
    if installation is not None:
        return installation
    reason = "%s is not installed here; tests/servers/installations.py says where it is looked for" % what
    if os.environ.get("CI") == "true":
        pytest.fail("In CI every server must be there: " + reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session", params=MAJORS, ids=["postgresql%d" % major for major in MAJORS])
def installation(request: pytest.FixtureRequest) -> Installation:
    """The newest minor release of each major version in turn."""
    return _must_have(newest_of_major(request.param), "PostgreSQL %d" % request.param)


@pytest.fixture(scope="session")
def newest_installation() -> Installation:
    """The newest major version, for tests that need only one."""
    return _must_have(newest_of_major(NEWEST_MAJOR), "PostgreSQL %d" % NEWEST_MAJOR)


@pytest.fixture(scope="session")
def oldest_installation() -> Installation:
    """The oldest major version that is here, for what differs between old and new."""
    return _must_have(next(iter(find_installations()), None), "PostgreSQL")


@pytest.fixture(scope="session")
def installation_without_restrict() -> Installation:
    """A release whose clients know neither --restrict-key nor \\restrict."""
    return _must_have(without_restrict(), "A PostgreSQL release older than --restrict-key")


@pytest.fixture(scope="session", params=(*MAJORS, "old"), ids=[*("postgresql%d" % major for major in MAJORS), "without_restrict"])
def every_installation(request: pytest.FixtureRequest) -> Installation:
    """Each major version in turn, then a release without --restrict-key."""
    if request.param == "old":
        return _must_have(without_restrict(), "A PostgreSQL release older than --restrict-key")
    return _must_have(newest_of_major(request.param), "PostgreSQL %d" % request.param)


@pytest.fixture(scope="session")
def server(installation: Installation) -> Iterator[Server]:
    """One running server per major version, shared by tests that leave it as they found it."""
    with Server(installation) as running:
        yield running


@pytest.fixture(scope="session")
def newest_server(newest_installation: Installation) -> Iterator[Server]:
    """One running server of the newest version, shared by tests that leave it as they found it."""
    with Server(newest_installation) as running:
        yield running


def _starter() -> Iterator[Callable[..., Server]]:
    """A function that starts servers, all of which are removed when the generator goes on."""
    servers: list[Server] = []

    def start(which: Installation, **options: Any) -> Server:
        servers.append(Server(which, **options))
        return servers[-1].start()

    yield start
    for one in servers:
        one.remove()


@pytest.fixture
def fresh_server() -> Iterator[Callable[..., Server]]:
    """``fresh_server(installation, **options)`` starts a server that belongs to the test alone; see Server for the options."""
    yield from _starter()


@pytest.fixture(scope="module")
def fresh_server_of_module() -> Iterator[Callable[..., Server]]:
    """As ``fresh_server``, for servers that live until the module's last test."""
    yield from _starter()
