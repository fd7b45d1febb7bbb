# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test servers themselves: what other tests rely on."""

from __future__ import annotations

import os
import shutil
from typing import Callable

import pytest

from ansible_collections.bandr.postgres.tests.servers import installations
from ansible_collections.bandr.postgres.tests.servers.account import Account, server_account
from ansible_collections.bandr.postgres.tests.servers.installations import Installation
from ansible_collections.bandr.postgres.tests.servers.server import Server, ServerFailed


def test_a_shared_server_answers_as_its_installation_says(server: Server) -> None:
    assert server.psql("SHOW server_version").split()[0] == server.installation.version
    assert server.psql("SHOW server_version_num").startswith(str(server.installation.major))


def test_only_the_old_release_lacks_the_restrict_key(installation: Installation, installation_without_restrict: Installation) -> None:
    assert installation.knows_restrict
    assert not installation_without_restrict.knows_restrict


def test_a_scram_server_wants_its_password(fresh_server: Callable[..., Server], newest_installation: Installation) -> None:
    password = "a:b\\c'd\" $e"
    server = fresh_server(newest_installation, user="Admin User", password=password)
    assert server.connection_settings == {"host": "127.0.0.1", "port": server.port, "user": "Admin User", "password": password}
    assert server.psql("SELECT current_user") == "Admin User"
    with pytest.raises(ServerFailed, match="password authentication failed"):
        server.psql("SELECT 1", PGPASSWORD="wrong")


def test_encoding_locale_and_settings_are_as_asked_for(fresh_server: Callable[..., Server], newest_installation: Installation) -> None:
    server = fresh_server(newest_installation, encoding="LATIN1", locale="C", settings={"work_mem": "5MB"}, tcp=False)
    answer = server.psql("SHOW server_encoding; SELECT datcollate FROM pg_database WHERE datname = 'postgres'; SHOW work_mem")
    assert answer.split("\n") == ["LATIN1", "C", "5MB"]
    assert server.host == server.folder
    assert server.psql("SHOW listen_addresses") == ""


@pytest.mark.parametrize("how", ["fast", "immediate", "kill9"])
def test_what_was_committed_survives_every_way_of_stopping(
    fresh_server: Callable[..., Server], newest_installation: Installation, how: str
) -> None:
    server = fresh_server(newest_installation)
    server.psql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS number")
    if how == "kill9":
        server.kill9()
    else:
        server.stop(how)
    assert not server.running
    with pytest.raises(ServerFailed):
        server.psql("SELECT 1")
    server.restart()
    assert server.psql("SELECT count(*) FROM kept") == "1000"


def test_a_removed_server_leaves_nothing_behind(newest_installation: Installation) -> None:
    with Server(newest_installation) as server:
        folder = server.folder
        location = server.new_tablespace_folder()
        server.psql("CREATE TABLESPACE elsewhere LOCATION '%s'" % location)
    assert not os.path.exists(folder)
    assert not server.running


def test_a_server_that_cannot_start_says_why(newest_installation: Installation) -> None:
    server = Server(newest_installation, settings={"no_such_setting": "1"})
    with pytest.raises(ServerFailed, match="no_such_setting"):
        server.start()
    server.remove()


def test_programs_that_the_servers_account_cannot_run_are_copied(
    tmp_path: os.PathLike[str], newest_installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = os.path.dirname(newest_installation.bin_folder)
    package = os.path.dirname(original)
    closed = os.path.join(tmp_path, "closed")
    for part in ("bin", "lib", "share"):
        shutil.copytree(os.path.join(original, part), os.path.join(closed, "package", "pginstall", part), symlinks=True)
    if os.path.isdir(package + ".libs"):
        shutil.copytree(package + ".libs", os.path.join(closed, "package.libs"))
        # The copy's libraries are found by the name that the programs know.
        os.rename(os.path.join(closed, "package"), os.path.join(closed, os.path.basename(package)))
        os.rename(os.path.join(closed, "package.libs"), os.path.join(closed, os.path.basename(package) + ".libs"))
        package_name = os.path.basename(package)
    else:
        package_name = "package"
    folder = os.path.join(closed, package_name, "pginstall")
    os.chmod(os.path.join(folder, "bin", "postgres"), 0o644)
    os.chmod(os.path.join(folder, "share"), 0o700)
    copies = os.path.join(server_account().temporary_folder(), "bandr-copies-%d" % os.getpid())
    monkeypatch.setattr(installations, "_folder_of_copies", lambda: copies)
    try:
        usable = installations._usable(folder, server_account())
        assert usable.startswith(copies)
        with Server(installations._describe(usable)) as server:
            assert server.psql("SELECT 1") == "1"
    finally:
        shutil.rmtree(copies, ignore_errors=True)


def test_a_closed_folder_is_not_usable_for_another_account(tmp_path: os.PathLike[str]) -> None:
    folder = os.path.join(tmp_path, "closed")
    os.mkdir(folder, 0o700)
    assert not Account(65534, 65534).can_use(folder)
    assert Account().can_use(folder)
