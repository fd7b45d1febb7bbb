# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a server that libpq knows: a service, a password file, and what of them counts where two name a thing."""

from __future__ import annotations

import pytest

from ansible_collections.bandr.postgres.tests.servers.commands import environment_for, run
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of

_SERVICE = """
[{name}]
host=127.0.0.1
port={port}
user={user}
dbname={database}
options=-c default_transaction_read_only=on
"""


@pytest.fixture
def services(tmp_path, newest_installation, fresh_server):
    """Two servers and the variables that lead to each by a service, which names a database that is not meant."""
    source, target = fresh_server(newest_installation), fresh_server(newest_installation)
    source.psql('CREATE DATABASE orders; CREATE DATABASE "stöck\'s"; CREATE ROLE "grüße"')
    source.psql("CREATE TABLE t AS SELECT '€' AS x", "orders")
    source.psql("CREATE TABLE t AS SELECT 2 AS x; CREATE EXTENSION pg_trgm SCHEMA public", "stöck's")
    file = tmp_path / "services"
    parts = [_SERVICE.format(name="from", port=source.port, user="postgres", database="orders")]
    parts.append(_SERVICE.format(name="into", port=target.port, user="postgres", database="template1"))
    file.write_text("".join(parts))
    path = environment_for(source)["PATH"]
    ways = {name: {"PGSERVICEFILE": str(file), "PGSERVICE": name, "PATH": path} for name in ("from", "into")}
    return source, target, ways


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_service_leads_to_the_server_and_never_to_its_database(services, tmp_path, jobs):
    source, target, ways = services
    root = tmp_path / "volume"
    root.mkdir()
    made = run(root, None, "backup", "--jobs", jobs, **ways["from"])
    assert made.code == 0, made.said
    for more in ((), ("--replace",), ("--replace", "--database", "stöck's")):
        restored = run(root, None, "recover", "--jobs", jobs, *more, **ways["into"])
        assert restored.code == 0, restored.said
        assert restored.result["warnings"] == []
    assert difference(dump_of(source), dump_of(target)) == ""


def test_what_is_given_counts_more_than_a_service(services, tmp_path):
    _source, _target, ways = services
    refused = run(tmp_path, None, "backup", "--user", "grüße", **ways["from"])
    assert (refused.code, refused.result["reason"]) == (3, "connection")
    assert 'role "grüße" is not permitted to log in' in refused.message
    assert "The server at the service from cannot be used" in refused.message
    nowhere = run(tmp_path, None, "backup", "--port", "1", **ways["from"])
    assert nowhere.code == 3 and "port 1 failed" in nowhere.message


@pytest.mark.parametrize("variable", ["PGPASSWORD", "PGADMINPASS"])
def test_a_password_file_that_is_given_counts_more_than_a_password_of_the_environment(
    fresh_server, newest_installation, tmp_path, variable
):
    server = fresh_server(newest_installation, password="right")
    passfile = tmp_path / "pass"
    passfile.write_text("*:*:*:*:right\n")
    passfile.chmod(0o600)
    environment = {"PGPASSWORD": "", variable: "wrong"}
    assert run(tmp_path, server, "backup", "--passfile", str(passfile), **environment).code == 0
    assert run(tmp_path, server, "backup", **environment).code == 3
