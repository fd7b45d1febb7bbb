# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show a tarball to galaxy-importer, which Galaxy runs on every upload, and fail on anything it complains about.

``importer.py TARBALL``: without a container, a collection server or ansible-test, which ``make sanity`` runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# What the importer says on every machine that keeps it from the network.
HARMLESS = ("ansible-lint is running in offline mode",)
COMPLAINTS = ("ERROR", "WARNING", "CRITICAL")


def main(tarball: Path) -> int:
    """Import ``tarball``; the exit code."""
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "GALAXY_IMPORTER_CONFIG": str(Path(__file__).with_name("galaxy-importer.cfg"))}
        command = [sys.executable, "-m", "galaxy_importer.main", "--print-result", str(tarball.resolve())]
        # In an empty folder, since the importer leaves its result where it stands.
        run = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = (run.stdout + run.stderr).splitlines()
    complaints = [line for line in said if line.startswith(COMPLAINTS) and not any(words in line for words in HARMLESS)]
    if run.returncode or complaints:
        print("\n".join(said))
        print("\ngalaxy-importer complains (exit code %d):" % run.returncode)
        print("\n".join(complaints))
        return 1
    print("galaxy-importer has nothing against %s." % tarball.name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
