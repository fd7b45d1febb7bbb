# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a volume, told by tasks: every module is foretold, done, foretold and done again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..servers.drills import Drills
from .runner import PlaybookRun, four_times, run_playbook, task
from .stage import BACKUP, DRILL, INFO, RESTORE, SECRETS, VERIFY, Stage, WatchedClients, as_server_account, make_passfile, options_of


def live(folder: Path, stage: Stage, clients: WatchedClients) -> PlaybookRun:
    """Run it all once, in one playbook. Numbers and words come from a survey, which gives nothing but strings."""
    root = folder / "volume"
    root.mkdir()
    # As a pod has it mounted.
    passfile = make_passfile(folder / "passfile", stage.source, SECRETS["source"], 0o640)
    source = dict(options_of(stage.source, "source", clients.folder), port="{{ survey.port }}", count="{{ survey.two }}")
    by_file = {name: value for name, value in source.items() if name != "password"}
    target = options_of(stage.target, "target", clients.folder)
    third = dict(by_file, passfile=str(passfile), exclude_databases=["stock"])
    drills = Drills()
    account = drills.account
    copied = {"src": "%s/" % root, "dest": str(drills.root), "remote_src": True, "mode": "preserve"}
    owned = {"path": str(drills.root), "recurse": True, "owner": account.uid or os.getuid(), "group": account.gid or os.getgid()}
    drilled = {"root": str(drills.root), "scratch": str(drills.scratch), "client_folder": stage.source.installation.bin_folder}
    again = dict(target, databases=["orders"], replace="{{ survey.yes }}", from_backup="{{ volume.backups[0].name }}")
    tasks: list[dict[str, Any]] = [
        *four_times("hourly", BACKUP, **source, role_passwords="{{ survey.yes }}", wait_seconds="{{ survey.half }}"),
        task("third hourly: foretold", BACKUP, True, **third),
        task("third hourly: done", BACKUP, **third),
        *four_times("daily", BACKUP, tier="daily", count="{{ survey.two }}", prior_count="{{ survey.two }}"),
        task("weekly: done", BACKUP, tier="weekly"),
        task("listing: foretold", INFO, True, from_backup="latest", maximum_age="1h"),
        task("listing: done", INFO, from_backup="latest", maximum_age="1h"),
        dict(task("listing of one tier", INFO, tiers=["hourly"]), register="volume"),
        {"name": "touch", "ansible.builtin.file": {"path": "{{ volume.backups[-1].path }}", "state": "touch"}},
        *four_times("verify", VERIFY),
        *four_times("restore", RESTORE, **target, expected_count="{{ survey.five }}", from_backup="{{ volume.backups[0].name }}"),
        task("replace: foretold", RESTORE, True, **again),
        task("replace: done", RESTORE, **again),
        task("none: done", RESTORE, **target, from_backup="none"),
        {"name": "copy the volume", "ansible.builtin.copy": copied},
        {"name": "give it away", "ansible.builtin.file": owned},
        dict(task("drill: foretold", DRILL, True, **drilled), **as_server_account()),
        dict(task("drill: done", DRILL, **drilled), **as_server_account()),
        task("listing after a drill", INFO, root=str(drills.root)),
    ]
    survey = {"two": "2", "five": "5", "half": "0.5", "yes": "yes", "port": str(stage.source.port)}
    # One default for the group of all modules of the engine.
    defaults = {"group/bandr.postgres.postgres": {"root": str(root)}}
    try:
        return run_playbook(folder, tasks, {"survey": survey, "passwords": SECRETS}, defaults)
    finally:
        drills.remove()
