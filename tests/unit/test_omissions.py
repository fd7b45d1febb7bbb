# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pg_dumpall leaves out: the statements for it, and how a restore takes them."""

from __future__ import annotations

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.omissions import database_statements, setting_value
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.role_filter import TargetGlobals, filter_globals
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.script_names import Deeds, deeds_of_script

BORN = {
    "name": "postgres",
    "owner": "postgres",
    "owned_by_first_role": True,
    "is_template": False,
    "connection_limit": -1,
    "comment": "default administrative connection database",
    "labels": [],
    "settings": [],
    "privileges": None,
}


def grant(privilege, grantee=None, grantor="postgres", grantable=False):
    return {"privilege": privilege, "grantee": grantee, "grantor": grantor, "grantable": grantable}


OWNERS = [grant(privilege, "postgres") for privilege in ("CREATE", "TEMPORARY", "CONNECT")]


def test_a_database_that_is_as_initdb_made_it_needs_nothing():
    assert database_statements(BORN) == []
    template = dict(BORN, name="template1", is_template=True, comment="default template for new databases")
    assert database_statements(dict(template, privileges=[grant("CONNECT"), *OWNERS])) == []
    assert database_statements(dict(template, privileges=[grant("CONNECT", grantable=True), *OWNERS])) != []
    assert database_statements(dict(template, privileges=[grant("CONNECT"), grant("CONNECT", "bob"), *OWNERS])) != []


def test_every_property_has_its_statement():
    changed = dict(
        BORN,
        owner='o"wner',
        owned_by_first_role=False,
        is_template=True,
        connection_limit=0,
        comment="it's \\",
        labels=[["the provider", "la'bel"]],
        settings=[
            {"role": None, "setting": "work_mem=9MB"},
            {"role": "bob", "setting": "zoo.custom=a=b"},
        ],
    )
    assert database_statements(changed) == [
        'ALTER DATABASE "postgres" OWNER TO "o""wner"',
        'ALTER DATABASE "postgres" IS_TEMPLATE true',
        'ALTER DATABASE "postgres" CONNECTION LIMIT 0',
        "COMMENT ON DATABASE \"postgres\" IS  E'it''s \\\\'",
        "SECURITY LABEL FOR \"the provider\" ON DATABASE \"postgres\" IS 'la''bel'",
        'ALTER DATABASE "postgres" SET "work_mem" TO \'9MB\'',
        'ALTER ROLE "bob" IN DATABASE "postgres" SET "zoo.custom" TO \'a=b\'',
    ]
    assert database_statements(dict(BORN, comment=None)) == ['COMMENT ON DATABASE "postgres" IS NULL']


def test_privileges_are_granted_in_their_order_by_their_grantors():
    entries = [*OWNERS, grant("CONNECT", "a", grantable=True), grant("CREATE", "a"), grant("CONNECT", "b", grantor="a")]
    assert database_statements(dict(BORN, privileges=entries)) == [
        'REVOKE ALL ON DATABASE "postgres" FROM PUBLIC',
        'GRANT CONNECT ON DATABASE "postgres" TO "a" WITH GRANT OPTION',
        'GRANT CREATE ON DATABASE "postgres" TO "a"',
        'SET SESSION AUTHORIZATION "a"',
        'GRANT CONNECT ON DATABASE "postgres" TO "b"',
        "RESET SESSION AUTHORIZATION",
    ]
    assert database_statements(dict(BORN, privileges=[])) == [
        'REVOKE ALL ON DATABASE "postgres" FROM PUBLIC',
        'REVOKE ALL ON DATABASE "postgres" FROM "postgres"',
    ]


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("work_mem", "9MB", "'9MB'"),
        ("zoo.custom", 'a, "b"', "'a, \"b\"'"),
        ("search_path", '"$user", public', "'$user', 'public'"),
        ("Search_Path", '"we ""ird, x",b', "'we \"ird, x', 'b'"),
        ("search_path", '""', "''"),
        ("search_path", "", "''"),
        # What a check of the setting lets through must not become a statement.
        ("search_path", "a;drop, b", "'a;drop', 'b'"),
        ("temp_tablespaces", "it's", "'it''s'"),
    ],
)
def test_lists_of_names_are_written_name_by_name(name, value, written):
    assert setting_value(name, value) == written


@pytest.mark.parametrize(
    ("script", "deeds"),
    [
        (b"SET a = 1;\n", Deeds(False, False)),
        (b"ALTER DATABASE \"postgres\" SET a TO ';\nCREATE TABLE x ();';\n", Deeds(False, True)),
        (b'ALTER ROLE "x" IN DATABASE "postgres" SET a TO 1;\n', Deeds(False, True)),
        (
            b'REVOKE ALL ON DATABASE "p" FROM PUBLIC;\nSET SESSION AUTHORIZATION "a;b";\nGRANT CONNECT ON DATABASE "p" TO "c";\n',
            Deeds(False, True),
        ),
        (
            b'COMMENT ON DATABASE "p" IS \'' + b"x" * 200_000 + b'\';\nSECURITY LABEL FOR "a b" ON DATABASE "p" IS \'x\';\n',
            Deeds(False, True),
        ),
        (b'COMMENT ON DATABASE "p" IS NULL;\nCREATE TABLE x ();\n', Deeds(True, True)),
        (b"GRANT ALL ON SCHEMA public TO x;\nCOMMENT ON DATABASE p IS NULL;\n", Deeds(True, False)),
        (b"COMMENT ON TABLE database IS ' ON DATABASE ';\n", Deeds(True, False)),
    ],
)
def test_properties_of_a_database_are_told_from_objects_in_it(script, deeds):
    assert deeds_of_script([script]) == deeds
    assert deeds_of_script([script[i : i + 1000] for i in range(0, len(script), 1000)]) == deeds


def test_settings_of_everybody_stay_as_they_are_where_only_some_databases_are_restored():
    script = b"ALTER ROLE ALL SET work_mem TO '1MB';\nALTER ROLE \"all\" SET work_mem TO '1MB';\n"
    whole = TargetGlobals("postgres", frozenset(("postgres",)), frozenset())
    assert b"".join(filter_globals([script], whole)) == script
    chosen = TargetGlobals("postgres", frozenset(("postgres",)), frozenset(), keep_existing=True)
    assert b"".join(filter_globals([script], chosen)) == b"ALTER ROLE \"all\" SET work_mem TO '1MB';\n"
