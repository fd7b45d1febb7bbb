# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's own test suite leaves behind is dumped, lost, restored and dumped again."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest

from ansible_collections.bandr.postgres.tests.integration.regression_database import Unobtainable, build_database, obtain_suite
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of, restore_into
from ansible_collections.bandr.postgres.tests.servers.installations import find_installations
from ansible_collections.bandr.postgres.tests.servers.server import Server

# PostgreSQL's own restore meets the connecting role; everything else must go through.
_EXPECTED_ERROR = 'role "postgres" already exists'
_CACHE = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "build", "regression")


@pytest.fixture(scope="module")
def regression_server() -> Iterator[Server]:
    """A server of Debian's, with the regression database; its library stays for servers that take over."""
    of_debian = [one for one in find_installations() if one.bin_folder.startswith("/usr/lib/postgresql/")]
    if not of_debian:
        pytest.skip("The regression suite comes with Debian's packages, and none of their servers is installed here")
    try:
        suite = obtain_suite(of_debian[0], os.path.join(os.path.abspath(_CACHE), str(of_debian[0].major)))
    except Unobtainable as reason:
        pytest.skip("PostgreSQL's regression suite cannot be had here: %s" % reason)
    with Server(of_debian[0], settings={"max_prepared_transactions": "2"}) as server:
        library = build_database(server, suite)
        yield server
        library.remove()


def test_the_regression_database_comes_back(regression_server: Server) -> None:
    installation = regression_server.installation
    assert int(regression_server.psql("SELECT count(*) FROM pg_class WHERE oid >= 16384", "regression")) > 1000
    dumps = [dump_of(regression_server)]
    for _again in range(2):
        with Server(installation) as target:
            errors = [error for error in restore_into(target, dumps[-1]) if not error.endswith(_EXPECTED_ERROR)]
            assert not errors, "\n".join(errors)
            dumps.append(dump_of(target))
    # PostgreSQL gives a child table its parent's order of columns; besides, nothing may be lost or gained.
    lost, gained = _words(dumps[0]) - _words(dumps[1]), _words(dumps[1]) - _words(dumps[0])
    assert not lost and not gained, "lost %r, gained %r" % (list(lost)[:9], list(gained)[:9])
    unlike = difference(dumps[1], dumps[2])
    assert not unlike, unlike


def _words(dump: bytes) -> Counter[tuple[bytes, ...]]:
    """Every line as its words in alphabetical order, with how often it is there."""
    return Counter(tuple(sorted(re.findall(rb"[^\t ,()]+", line))) for line in dump.split(b"\n"))
