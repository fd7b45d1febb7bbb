# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make ``ansible_collections.bandr.postgres`` importable, for the tests and for every program they start.

make installs the built collection and names the place in ``BANDR_COLLECTIONS``. A plain ``pytest`` in an
environment with the requirements takes the checkout itself, through a link that looks like an installation.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def _checkout_as_collections() -> str:
    collections = CHECKOUT / "build" / "checkout"
    link = collections / "ansible_collections" / "bandr" / "postgres"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(CHECKOUT)
    return str(collections)


def _first_in(variable: str, folder: str) -> None:
    folders = os.environ.get(variable, "").split(os.pathsep)
    os.environ[variable] = os.pathsep.join([folder, *(other for other in folders if other and other != folder)])


COLLECTIONS = os.environ.get("BANDR_COLLECTIONS") or _checkout_as_collections()
sys.path.insert(0, COLLECTIONS)
_first_in("PYTHONPATH", COLLECTIONS)
_first_in("ANSIBLE_COLLECTIONS_PATH", COLLECTIONS)

# A shell starts what runs in its background with SIGINT ignored, and nohup with SIGHUP; the programs under test would inherit it.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)
