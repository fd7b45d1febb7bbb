# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs that modules share; plugins/doc_fragments says the same in words, and a test compares the two."""

from __future__ import annotations

from typing import Any

VOLUME_SPEC: dict[str, Any] = {
    "root": {"type": "path", "required": True},
}

CONNECTION_SPEC: dict[str, Any] = {
    "host": {"type": "str"},
    "port": {"type": "int"},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "passfile": {"type": "path"},
    "sslmode": {"type": "str", "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]},
    "sslrootcert": {"type": "path"},
    "maintenance_database": {"type": "str", "default": "postgres"},
    "client_folder": {"type": "path"},
}

_TIERS = ["hourly", "daily", "weekly", "monthly"]

BACKUP_SPEC: dict[str, Any] = {
    "tier": {"type": "str", "choices": _TIERS, "default": "hourly"},
    "count": {"type": "int"},
    "prior_tier": {"type": "str", "choices": _TIERS[:-1]},
    "prior_count": {"type": "int"},
    "promote": {"type": "str", "choices": ["oldest", "newest"], "default": "oldest"},
    "prove_promotion": {"type": "bool", "default": True},
    "database": {"type": "str"},
    "exclude_databases": {"type": "list", "elements": "str", "default": []},
    "role_passwords": {"type": "bool", "default": True, "no_log": False},
    "lock_wait_seconds": {"type": "int", "default": 300},
    "jobs": {"type": "int", "default": 1},
    "wait_seconds": {"type": "float", "default": 0},
    "codec": {"type": "str", "choices": ["auto", "zstd", "gzip"], "default": "auto"},
    "level": {"type": "int"},
}

INFO_SPEC: dict[str, Any] = {
    "tiers": {"type": "list", "elements": "str", "choices": _TIERS, "default": _TIERS},
    "from_backup": {"type": "str"},
    "maximum_age": {"type": "str"},
}

RESTORE_SPEC: dict[str, Any] = {
    "from_backup": {"type": "str", "default": "latest"},
    "databases": {"type": "list", "elements": "str"},
    "replace": {"type": "bool", "default": False},
    "replace_method": {"type": "str", "choices": ["swap", "drop"], "default": "swap"},
    "maximum_age": {"type": "str"},
    "expected_databases": {"type": "list", "elements": "str"},
    "expected_count": {"type": "int"},
    "keep_going": {"type": "bool", "default": False},
    "analyze": {"type": "bool", "default": True},
    "jobs": {"type": "int", "default": 1},
}

DRILL_SPEC: dict[str, Any] = {
    "from_backup": {"type": "str", "default": "latest"},
    "maximum_age": {"type": "str"},
    "scratch": {"type": "path"},
    "scratch_size": {"type": "str"},
    "server_settings": {"type": "dict", "default": {}},
    "compare": {"type": "bool", "default": True},
    "client_folder": {"type": "path"},
}

VERIFY_SPEC: dict[str, Any] = {
    "from_backup": {"type": "str", "default": "all"},
    "tiers": {"type": "list", "elements": "str", "choices": _TIERS, "default": _TIERS},
}
