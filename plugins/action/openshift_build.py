# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the log of a build as it comes, in the way of a Job's; everything else is the module's."""

from __future__ import annotations

from ansible_collections.bandr.postgres.plugins.action.k8s_job import ActionModule

__all__ = ["ActionModule"]
