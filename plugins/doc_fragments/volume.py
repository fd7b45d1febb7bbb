# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the volume that holds the backups."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared by all modules that read or write a volume."""

    DOCUMENTATION = r"""
options:
  root:
    description:
      - The folder that holds the backups, with a folder for each tier below it.
      - It must exist. It is never made by the module, since a missing folder usually is a volume that is not mounted.
    type: path
    required: true
notes:
  - The module needs no cluster. It runs on any host with Python 3.9 or newer that reaches the server and the volume.
"""
