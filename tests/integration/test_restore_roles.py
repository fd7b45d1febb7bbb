# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and their memberships on a server whose first superuser has another name."""

from __future__ import annotations

from ansible_collections.bandr.postgres.tests.servers.engine import make_backup, restore_backup


def memberships(server):
    """Who is a member of what by whose grant, the first superuser called by one name everywhere."""
    query = (
        "SELECT roleid::regrole, member::regrole, admin_option, CASE WHEN grantor IN (10, 'postgres'::regrole) THEN 'first' ELSE grantor::regrole::text END "
        "FROM pg_auth_members WHERE member >= 16384 ORDER BY roleid::regrole::text, member::regrole::text"
    )
    return server.psql(query)


def test_memberships_come_back_on_a_server_whose_first_superuser_has_another_name(fresh_server, installation, tmp_path):
    source = fresh_server(installation)
    source.psql(
        "CREATE ROLE a; CREATE ROLE b; CREATE ROLE c; GRANT a TO b WITH ADMIN OPTION; GRANT pg_read_all_data TO a;"
        "SET ROLE b; GRANT a TO c; RESET ROLE; CREATE DATABASE orders OWNER a"
    )
    make_backup(tmp_path, source)
    target = fresh_server(installation, user="Admin User")
    restore_backup(tmp_path, target)
    assert memberships(target) == memberships(source) != ""
    assert target.psql("SELECT rolsuper FROM pg_roles WHERE rolname = 'postgres'") == "t"


def test_memberships_of_an_older_server_come_back_on_a_newer_one(fresh_server, oldest_installation, newest_installation, tmp_path):
    source = fresh_server(oldest_installation)
    # By name, the grant that needs the ADMIN option comes before the one that gives it.
    source.psql(
        "CREATE ROLE r; CREATE ROLE z_lead; CREATE ROLE a_member; GRANT r TO z_lead WITH ADMIN OPTION;"
        "SET ROLE z_lead; GRANT r TO a_member WITH ADMIN OPTION; RESET ROLE;"
    )
    make_backup(tmp_path, source, clients=oldest_installation)
    target = fresh_server(newest_installation)
    restore_backup(tmp_path, target)
    without_grantor = [line.rsplit("|", 1)[0] for line in memberships(target).split("\n")]
    assert without_grantor == ["r|a_member|t", "r|z_lead|t"]
