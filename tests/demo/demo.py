# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's main job, shown on a real server: back up, rotate, lose everything, restore, prove equality.

Everything lives in one folder, named by DEMO_FOLDER, which is all that stays behind.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sample import DATABASES, ROLES
from servers.installations import find_installations
from servers.server import Server
from show import Show

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("DEMO_FOLDER", "demo")).resolve()
PASSWORD = "it's: a \\ secret $HOME"
HOURLY_RUNS = 5
TIERS = {"hourly": {"count": 3}, "daily": {"count": 2, "prior_count": 3}}
# The same key makes two dumps of equal servers equal byte for byte.
KEY = "demo"


class Demo:
    """The stage: one folder, one installation of PostgreSQL, one inventory."""

    def __init__(self, show: Show) -> None:
        self.show = show
        self.installation = max(find_installations(), key=lambda installation: installation.order)
        self.root = FOLDER / "backup"
        self.report = FOLDER / "report.json"

    def prepare(self) -> None:
        """An empty folder with an empty volume in it."""
        if FOLDER.exists():
            shutil.rmtree(FOLDER)
        self.root.mkdir(parents=True)

    def server(self) -> Server:
        """A fresh server of the same major that asks for a password."""
        return Server(self.installation, password=PASSWORD).start()

    def fill(self, server: Server) -> None:
        """Load the sample."""
        server.psql(ROLES)
        for database, sql in DATABASES.items():
            server.psql(sql, database)

    def play(self, name: str, server: Server, **variables: Any) -> dict[str, Any]:
        """Run a playbook as an operator would and return what its task reported."""
        settings = dict(server.connection_settings, client_folder=self.installation.bin_folder)
        values = dict(variables, backup_root=str(self.root), report=str(self.report), tiers=TIERS, postgres=settings)
        inventory = {
            "servers": {"hosts": {"shop": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}, "vars": values}
        }
        path = FOLDER / "inventory.yml"
        path.write_text(json.dumps(inventory, indent=1))
        path.chmod(0o600)
        command = ["ansible-playbook", "-i", str(path), str(HERE / "playbooks" / name)]
        environment = dict(os.environ, ANSIBLE_LOCALHOST_WARNING="false", ANSIBLE_NOCOLOR="1", ANSIBLE_HOME=str(FOLDER / "ansible"))
        environment.update(ANSIBLE_LOCAL_TEMP=str(FOLDER / "ansible/tmp"), ANSIBLE_REMOTE_TMP=str(FOLDER / "ansible/tmp"))
        done = subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            sys.exit("%s failed:\n%s" % (name, done.stdout))
        return json.loads(self.report.read_text())

    def fingerprint(self, server: Server) -> tuple[str, int]:
        """Checksum and size of a dump of the whole server, but for the password of the user that restores: each server keeps its own."""
        command = [self.installation.program("pg_dumpall"), "--restrict-key=" + KEY]
        digest, size = hashlib.sha256(), 0
        with subprocess.Popen(command, env=server.environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b"ALTER ROLE postgres WITH "):
                    line = re.sub(rb" PASSWORD '[^']*'", b"", line)
                digest.update(line)
                size += len(line)
        if process.returncode:
            sys.exit("pg_dumpall failed.")
        return digest.hexdigest(), size


def main() -> None:
    """The story in five acts."""
    show = Show()
    demo = Demo(show)
    print("bandr.postgres on PostgreSQL %s, in %s" % (demo.installation.version, FOLDER))
    demo.prepare()

    show.act("A server with something to lose")
    begun = time.monotonic()
    server = demo.server()
    try:
        demo.fill(server)
        show.done("started and filled", "4 databases, 4 roles, 2 encodings, large objects", time.monotonic() - begun)
        before = back_up(demo, server)
        show.act("The server is lost")
        server.kill9()
    finally:
        server.remove()
    show.lost("killed, its data folder removed", "only %s is left" % demo.root)

    show.act("A fresh server, restored from_backup=latest")
    server = demo.server()
    try:
        begun = time.monotonic()
        result = demo.play("restore.yml", server, from_backup="latest")
        show.done("proven, then restored", result["backup"]["name"], time.monotonic() - begun)
        rows = [
            (entry["name"], entry["state"], "%.1f MB" % (entry["bytes"] / 1e6), "%.1f s" % entry["seconds"])
            for entry in result["databases"]
        ]
        show.table(("DATABASE", "STATE", "SQL", "TIME"), rows)
        show.act("Is it the same?")
        begun = time.monotonic()
        after = demo.fingerprint(server)
        show.table(
            ("DUMP OF", "BYTES", "SHA-256"),
            [("the lost server", str(before[1]), before[0]), ("the restored server", str(after[1]), after[0])],
        )
        if after != before:
            sys.exit("They differ.")
        show.done("equal, byte for byte", "but for the password of postgres, which each server keeps", time.monotonic() - begun)
    finally:
        server.remove()
    show.end("Everything is in %s." % FOLDER)


def back_up(demo: Demo, server: Server) -> tuple[str, int]:
    """Hourly runs, promotions, a list; returns the fingerprint of what the newest backup holds."""
    show = demo.show
    show.act("Backups, hour by hour (keep %d), promoted to daily" % TIERS["hourly"]["count"])
    for number in range(1, HOURLY_RUNS + 1):
        server.psql("INSERT INTO ledger (booked, note, cents) VALUES (current_date, 'before backup %d', %d)" % (number, number), "accounts")
        begun = time.monotonic()
        run = demo.play("back_up.yml", server, tier="hourly")
        sizes = "%.1f MB of SQL in %.1f MB" % (run["plain_size"] / 1e6, run["stored_size"] / 1e6)
        removed = ", %d removed" % len(run["removed"]) if run["removed"] else ""
        show.done("hourly run %d" % number, "%s  %s%s" % (run["backup"]["name"], sizes, removed), time.monotonic() - begun)
        if number >= TIERS["daily"]["prior_count"]:
            begun = time.monotonic()
            run = demo.play("back_up.yml", server, tier="daily")
            show.done("daily run", "%s  by hard link, no space" % run["backup"]["name"], time.monotonic() - begun)
    fingerprint = demo.fingerprint(server)
    show.act("What is on the volume")
    begun = time.monotonic()
    listing = demo.play("list.yml", server)
    rows = [(entry["tier"], entry["name"], "%.1f MB" % (entry["size"] / 1e6), entry["state"]) for entry in listing["backups"]]
    show.table(("TIER", "BACKUP", "SIZE", "STATE"), rows)
    show.done("latest is younger than an hour", listing["selected"]["name"], time.monotonic() - begun)
    return fingerprint


if __name__ == "__main__":
    main()
