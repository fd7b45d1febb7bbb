# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the playbook bandr.postgres.status are where its command was typed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

# A run of ansible-playbook takes its time, on a busy machine much of it.
pytestmark = pytest.mark.timeout(600)
# Nothing listens there, so that the server is shown as unknown.
SERVER = {"pg_backup_namespace": "databases", "pg_backup_host": "db.shop.svc", "pg_backup_kubeconfig": "/nonexistent/kubeconfig"}


def test_files_are_written_where_the_command_was_typed(tmp_path: Path) -> None:
    (tmp_path / "inventory.json").write_text(json.dumps({"servers": {"hosts": {"orders": SERVER}}}), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_AUTH_", "KUBECONFIG"))}
    done = subprocess.run(
        ["ansible-playbook", "bandr.postgres.status", "-i", "inventory.json", "-e", "status_file=rows.json", "-e", "status_page=page.html"],
        check=False,
        cwd=tmp_path,
        env=dict(
            kept, ANSIBLE_COLLECTIONS_PATH=os.environ["ANSIBLE_COLLECTIONS_PATH"], ANSIBLE_HOME=str(tmp_path / "home"), ANSIBLE_NOCOLOR="1"
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert [(row["server"], row["state"]) for row in json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))] == [
        ("orders", "unknown")
    ]
    assert "orders" in (tmp_path / "page.html").read_text(encoding="utf-8")
