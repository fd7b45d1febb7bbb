# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listing thousands of backups takes no time that anybody notices."""

from __future__ import annotations

import os
import resource
import subprocess
import sys

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import write_manifest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import TIERS
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import Volume
from ansible_collections.bandr.postgres.tests.volumes.samples import hours, sample_manifest

BACKUPS = 10_000
# Of processor time: what else this machine does must not decide.
MOST_SECONDS = 0.5
LIST = """
import sys
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
backups = read_catalog(open_volume(sys.argv[1])).backups
print(sum(backup.proven for backup in backups))
"""


def test_ten_thousand_backups_are_listed_in_half_a_second(tmp_path):
    volume = Volume(str(tmp_path))
    content = b"x" * 700
    for tier in TIERS:
        volume.make_tier(tier)
    for number in range(BACKUPS):
        manifest = sample_manifest(hours(number), number + 1, content)
        path = volume.path(TIERS[number % len(TIERS)], manifest.file_name)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, ns=(manifest.modified_ns, manifest.modified_ns))
        with open(path + ".json", "w", encoding="ascii") as file:
            file.write(write_manifest(manifest))
    assert min(_seconds(volume) for _turn in range(5)) <= MOST_SECONDS


def _seconds(volume):
    """Processor time of a whole process that lists the volume."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    listing = subprocess.run([sys.executable, "-c", LIST, volume.root], check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert listing.stdout == "%d\n" % BACKUPS
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
