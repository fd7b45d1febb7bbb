# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a connection reaches libpq's programs, and what of them reaches a log."""

from __future__ import annotations

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.connection import Connection
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.psql_stream import Complaints


def test_a_password_goes_by_environment_and_is_never_shown() -> None:
    connection = Connection(host="db", password="it's secret")
    assert connection.environment({})["PGPASSWORD"] == "it's secret"
    assert "secret" not in repr(connection)


def test_a_host_that_is_given_is_not_overruled_by_the_environment() -> None:
    environment = Connection(host="db").environment({"PGSERVICE": "other", "PGHOSTADDR": "192.0.2.1", "PGHOST": "third"})
    assert environment["PGHOST"] == "db" and "PGSERVICE" not in environment and "PGHOSTADDR" not in environment


def test_the_programs_speak_english_whatever_the_environment_says() -> None:
    environment = Connection().environment({"LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "LC_MESSAGES": "de_DE.UTF-8", "PG_COLOR": "always"})
    assert environment["PG_COLOR"] == "never"
    assert environment["LC_MESSAGES"] == "C" and "LC_ALL" not in environment
    assert environment["LC_CTYPE"] == "de_DE.UTF-8"


def test_where_a_primary_is_asked_for_no_standby_will_do() -> None:
    given = {"PGTARGETSESSIONATTRS": "prefer-standby"}
    assert Connection(only_primary=True).environment(given)["PGTARGETSESSIONATTRS"] == "primary"
    assert Connection().environment(given)["PGTARGETSESSIONATTRS"] == "prefer-standby"


def test_an_error_of_psql_is_kept_with_its_hint_but_without_anybodys_row() -> None:
    complaints = Complaints()
    for line in (
        'psql:<stdin>:7: ERROR:  new row for relation "people" violates check constraint "adult"',
        "DETAIL:  Failing row contains (1, Ada, 4111-1111).",
        'CONTEXT:  COPY people, line 1: "1 Ada 4111-1111"',
        'psql:<stdin>:9: ERROR:  could not create unique index "people_card"',
        "DETAIL:  Key (card)=(4111-1111) is duplicated.",
        'psql:<stdin>:11: ERROR:  role "clerk" cannot be dropped',
        "DETAIL:  owner of table people",
        "HINT:  Reassign it.",
    ):
        complaints.take(line)
    assert complaints.errors == [
        'line 7: new row for relation "people" violates check constraint "adult"',
        'line 9: could not create unique index "people_card"',
        'line 11: role "clerk" cannot be dropped (owner of table people) (Reassign it.)',
    ]


def test_an_isolated_connection_takes_nothing_of_libpq_from_the_environment() -> None:
    given = {"PGSSLMODE": "verify-full", "PGREQUIREAUTH": "scram-sha-256", "PGPASSWORD": "x", "PGSERVICE": "s", "PATH": "/bin"}
    environment = Connection(host="/scratch/s", port=5432, user="admin", isolated=True).environment(given)
    assert not {"PGSSLMODE", "PGREQUIREAUTH", "PGPASSWORD", "PGSERVICE"} & set(environment)
    assert (environment["PGHOST"], environment["PGUSER"], environment["PATH"]) == ("/scratch/s", "admin", "/bin")


def test_files_of_libpq_are_meant_from_where_the_command_is_typed(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"PGSSLCERT": "c.pem", "PGSSLKEY": "/etc/k.pem", "PGSERVICEFILE": "services", "PGSSLROOTCERT": "env.pem", "PGSSLCRLDIR": ""}
    environment = Connection(sslrootcert="ca/root.pem").environment(given)
    assert environment["PGSSLROOTCERT"] == str(tmp_path / "ca" / "root.pem")
    assert environment["PGSSLCERT"] == str(tmp_path / "c.pem") and environment["PGSERVICEFILE"] == str(tmp_path / "services")
    assert environment["PGSSLKEY"] == "/etc/k.pem" and environment["PGSSLCRLDIR"] == ""
    assert Connection().environment(given)["PGSSLROOTCERT"] == str(tmp_path / "env.pem")
    # A word, and no file: the authorities that the system trusts.
    assert Connection(sslrootcert="system").environment({})["PGSSLROOTCERT"] == "system"


def test_a_key_that_is_in_a_token_is_no_file() -> None:
    assert Connection().environment({"PGSSLKEY": "pkcs11:token"})["PGSSLKEY"] == "pkcs11:token"


def test_a_service_with_a_certificate_of_ours_is_told_where_that_is(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    connection = Connection(sslrootcert="root's.pem")
    assert "sslrootcert='%s/root\\'s.pem'" % tmp_path in connection.over_service(connection.environment({"PGSERVICE": "x"}))
