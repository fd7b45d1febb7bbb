# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill needs, and what its comparison says: which server to make, how much room it takes, what can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..manifest import BUILT_IN, Manifest
from ..tools.errors import UsageError

EQUAL = "equal"
ROWS_EQUAL = "rows equal"
DIFFERENT = "different"
NOT_COMPARED = "not compared"
# An empty server, its write-ahead log, and files for sorting.
OVERHEAD = 256 << 20
_USUAL_ROLE = "postgres"
_OURS = "bandr.postgres"
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class ServerWish:
    """The throw-away server: the superuser that initdb makes, and the encoding and locale of the databases it makes.

    ``collate`` and ``ctype`` None: the locale C. ``locale`` is that of the providers ``icu`` and ``builtin``.
    """

    superuser: str = _USUAL_ROLE
    encoding: str = "UTF8"
    collate: str | None = None
    ctype: str | None = None
    provider: str = "libc"
    locale: str | None = None


def wish_for(manifest: Manifest) -> ServerWish:
    """The server that resembles the one that was dumped, as far as the manifest tells."""
    facts = next((each for name in BUILT_IN for each in manifest.databases or () if each.name == name), None)
    roles = manifest.roles or ()
    superuser = _USUAL_ROLE
    if facts is not None and _USUAL_ROLE not in roles and facts.owner in roles:
        superuser = facts.owner
    if facts is None:
        return ServerWish(superuser)
    return ServerWish(superuser, facts.encoding, facts.collate, facts.ctype, facts.locale_provider, facts.locale)


def initdb_options(wish: ServerWish) -> list[str]:
    """What initdb is told of ``wish``."""
    options = ["--username=" + wish.superuser, "--encoding=" + wish.encoding, "--auth=trust", "--no-sync"]
    if wish.collate is None or wish.ctype is None:
        return [*options, "--locale=C"]
    options += ["--lc-collate=" + wish.collate, "--lc-ctype=" + wish.ctype, "--lc-messages=C", "--lc-numeric=C", "--lc-time=C"]
    # The type money is written as its server's locale has it.
    options.append("--lc-monetary=" + wish.collate)
    if wish.provider == "icu" and wish.locale is not None:
        options += ["--locale-provider=icu", "--icu-locale=" + wish.locale]
    elif wish.provider == "builtin" and wish.locale is not None:
        options += ["--locale-provider=builtin", "--builtin-locale=" + wish.locale]
    return options


def parse_size(text: str) -> int:
    """Bytes of ``512Mi``, ``10GiB``, ``2G`` or a plain number; raises UsageError."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError("The size %r cannot be read; write it as 512Mi, 10Gi or a number of bytes. Nothing was changed." % text)
    return int(float(match.group(1)) * _UNITS[(match.group(2) or "").lower()])


def least_room(manifest: Manifest) -> int:
    """Bytes without which a restore of this backup has no chance."""
    return OVERHEAD + manifest.plain_size


def usual_room(manifest: Manifest) -> int:
    """Bytes that the databases took where they were dumped, indexes and all."""
    sizes = sum(facts.size for facts in manifest.databases or ())
    return OVERHEAD + max(manifest.plain_size, sizes)


def why_not_comparable(manifest: Manifest, client_version: str, server_version: str) -> str | None:
    """Why the same contents may read otherwise when they are dumped from the drill's server; None where they may not."""
    if manifest.origin != _OURS:
        return "the dump was made by another program, whose settings are not known"
    for what, then, now in (("pg_dump", manifest.client_version, client_version), ("the server", manifest.server_version, server_version)):
        if then is None:
            return "the version of %s that made the dump is not known" % what
        if _major(then) != _major(now):
            return (
                "the dump was made by %s %s, and the drill has %s" % (what, then, now)
                if what == "pg_dump"
                else ("the dump was made from PostgreSQL %s, and the drill has %s" % (then, now))
            )
    return None


def judge(definitions_equal: bool, differing_tables: list[str], why_not: str | None) -> tuple[str, str]:
    """The comparison of one database in a word, and why it is not ``equal``."""
    if differing_tables:
        shown = ", ".join(differing_tables[:5]) + (" and %d more" % (len(differing_tables) - 5) if len(differing_tables) > 5 else "")
        if why_not is not None:
            return NOT_COMPARED, "rows of %s read otherwise, which may mean nothing: %s" % (shown, why_not)
        return DIFFERENT, "the rows of %s are not those of the backup" % shown
    if definitions_equal:
        return EQUAL, ""
    if why_not is not None:
        return ROWS_EQUAL, "definitions cannot be compared: %s" % why_not
    return DIFFERENT, "all rows are equal, and the definitions of objects are not"


def _major(version: str) -> str:
    return version.split(".")[0]
