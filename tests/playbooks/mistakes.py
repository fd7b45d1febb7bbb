# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong, by a user's mistake or by bad luck, told by tasks that each fail."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.lease import hold
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.servers.drills import Drills
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup

from .runner import PlaybookRun, run_playbook, task
from .stage import BACKUP, DRILL, INFO, RESTORE, SECRETS, VERIFY, Stage, as_server_account, backup_with_a_trap, damage, options_of

# The name of each task: the code that it fails with, and words that its sentence holds. None: Ansible itself refuses.
EXPECTED: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "both passwords": (None, ("mutually exclusive", "password|passfile")),
    "both passwords of a restore": (None, ("mutually exclusive", "password|passfile")),
    "no such tier": (None, ("tier", "yearly", "weekly")),
    "no such number": (None, ("count", "many")),
    "nothing to keep": (2, ("count", "0", "1 or more")),
    "hourly from a prior tier": (2, ("hourly", "prior tier")),
    "no such password file": (2, ("/nowhere/passfile", "No such file")),
    "no clients": (2, ("psql", "/nowhere", "client_folder")),
    "wrong password": (3, ("password authentication failed", "check host, port, user and password")),
    "wrong password, foretold": (3, ("password authentication failed",)),
    "nobody listens": (3, ("port 1", "Connection refused")),
    "no such database": (2, ("nowhere", "orders")),
    "a role without rights": (4, ("app", "role_passwords")),
    "no volume": (5, ("missing", "does not exist")),
    "volume below a file": (5, ("/dev/null/volume", "Looking at the volume")),
    "no volume to list": (5, ("missing", "does not exist")),
    "no volume to verify": (5, ("missing", "does not exist")),
    "busy": (6, ("Another run",)),
    "nothing to select": (7, ("no backup",)),
    "no such time": (7, ("2020-01-01", "nearest")),
    "no time at all": (2, ("yesterday", "2026-11-22T10:07:00Z")),
    "no such age": (2, ("36", "36h")),
    "too old": (7, ("maximum age", "1 s")),
    "no such database to restore": (2, ("does not hold nowhere", "orders")),
    "database named twice": (2, ("twice",)),
    "restore of an unknown time": (7, ("2020-01-01T00:00:00Z", "nearest")),
    "restore onto itself": (9, ("orders exists", "stock exists", "replace")),
    "verify damage": (8, ("hourly/", "1 of 2")),
    "verify damage again": (8, ("hourly/", "1 of 2")),
    "verify an unknown time": (7, ("2020-01-01", "nearest")),
    "restore of damage": (7, ("damaged", "one usable backup")),
    "verify nothing": (7, ("no backup",)),
    "drill of an unknown time": (7, ("2020-01-01", "nearest")),
    "restore of a trap": (10, ("trap", '"allowed" does not exist', "dropped")),
    "restore of a trap, going on": (11, ("trap", '"allowed" does not exist', "keep_going")),
}


def err(folder: Path, stage: Stage) -> PlaybookRun:
    """Make every mistake once, in one playbook."""
    roots = {name: folder / name for name in ("good", "damaged", "trap", "busy", "strays")}
    for root in roots.values():
        root.mkdir()
    make_backup(roots["good"], stage.source)
    make_backup(roots["damaged"], stage.source)
    damaged = make_backup(roots["damaged"], stage.source)["backup"]
    damage(damaged["path"])
    backup_with_a_trap(roots["trap"], stage.source)
    (roots["strays"] / "hourly").mkdir()
    (roots["strays"] / "hourly" / "notes.txt").write_text("mine")
    # Whoever may start servers cannot enter our folders.
    drills = Drills()
    shutil.copytree(roots["good"], drills.root, dirs_exist_ok=True)
    drills.take()
    roots["drills"] = drills.root
    try:
        with hold(open_volume(str(roots["busy"])), "dump"):
            return run_playbook(
                folder, _tasks(stage, {name: str(root) for name, root in roots.items()}, damaged["name"]), {"passwords": SECRETS}
            )
    finally:
        drills.remove()


def _tasks(stage: Stage, roots: dict[str, str], damaged: str) -> list[dict[str, Any]]:
    good, missing = {"root": roots["good"]}, {"root": roots["good"] + "/missing"}
    source, target = options_of(stage.source, "source"), options_of(stage.target, "target")
    without_password = {name: value for name, value in source.items() if name != "password"}
    drilled = {"root": roots["drills"], "client_folder": stage.source.installation.bin_folder}
    wrong = dict(source, password="{{ passwords.wrong }}")
    return [
        task("both passwords", BACKUP, **good, **source, passfile="/dev/null"),
        task("both passwords of a restore", RESTORE, **good, **target, passfile="/dev/null"),
        task("no such tier", BACKUP, **good, **source, tier="yearly"),
        task("no such number", BACKUP, **good, **source, count="many"),
        task("nothing to keep", BACKUP, **good, **source, count="0"),
        task("hourly from a prior tier", BACKUP, **good, **source, prior_tier="daily"),
        task("no such password file", BACKUP, **good, **without_password, passfile="/nowhere/passfile"),
        task("no clients", BACKUP, **good, **dict(source, client_folder="/nowhere")),
        task("wrong password", BACKUP, **good, **wrong),
        task("wrong password, foretold", BACKUP, True, **good, **wrong),
        task("nobody listens", BACKUP, **good, **dict(source, port=1)),
        task("no such database", BACKUP, **good, **source, database="nowhere"),
        task("a role without rights", BACKUP, **good, **dict(source, user="app")),
        task("no volume", BACKUP, **missing, **source),
        task("volume below a file", BACKUP, root="/dev/null/volume", **source),
        task("no volume to list", INFO, **missing),
        task("no volume to verify", VERIFY, **missing),
        task("busy", BACKUP, root=roots["busy"], **source),
        task("strays", INFO, root=roots["strays"]),
        task("nothing to select", INFO, root=roots["strays"], from_backup="latest"),
        task("no such time", INFO, **good, from_backup="2020-01-01"),
        task("no time at all", INFO, **good, from_backup="yesterday"),
        task("no such age", INFO, **good, from_backup="latest", maximum_age="36"),
        task("too old", INFO, **good, from_backup="latest", maximum_age="1s"),
        task("no such database to restore", RESTORE, **good, **target, databases=["nowhere"]),
        task("database named twice", RESTORE, **good, **target, databases=["orders", "orders"]),
        task("restore of an unknown time", RESTORE, **good, **target, from_backup="2020-01-01T00:00:00Z"),
        task("restore onto itself", RESTORE, **good, **source),
        task("verify damage", VERIFY, root=roots["damaged"]),
        task("verify damage again", VERIFY, root=roots["damaged"]),
        task("verify an unknown time", VERIFY, root=roots["damaged"], from_backup="2020-01-01"),
        task("restore of damage", RESTORE, root=roots["damaged"], **target, from_backup=damaged),
        task("the latest that is whole", RESTORE, root=roots["damaged"], **target, databases=["stock"]),
        task("verify nothing", VERIFY, root=roots["strays"], from_backup="latest"),
        dict(task("drill of an unknown time", DRILL, **drilled, from_backup="2020-01-01"), **as_server_account()),
        task("restore of a trap", RESTORE, root=roots["trap"], **target),
        task("restore of a trap, going on", RESTORE, root=roots["trap"], **target, keep_going=True, databases=["trap"]),
    ]
