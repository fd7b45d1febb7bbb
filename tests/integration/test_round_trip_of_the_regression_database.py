# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What PostgreSQL's own test suite leaves behind is backed up, lost, restored and dumped again, on every major version."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.tests.integration.regression_database import Unobtainable
from ansible_collections.bandr.postgres.tests.integration.regression_dumps import RegressionDumps, obtain_dumps, with_library
from ansible_collections.bandr.postgres.tests.servers.commands import run
from ansible_collections.bandr.postgres.tests.servers.dumps import difference, dump_of, restore_into
from ansible_collections.bandr.postgres.tests.servers.installations import Installation, find_installations, newest_of_major
from ansible_collections.bandr.postgres.tests.servers.server import Server, ServerFailed

# Whoever comes first builds the database, by a suite that runs for a minute on a machine of its own.
pytestmark = pytest.mark.timeout(900)

# PostgreSQL's own restore meets the connecting role; everything else must go through.
_EXPECTED_ERROR = 'role "postgres" already exists'
_CACHE = os.path.join(os.path.dirname(__file__), os.pardir, os.pardir, "build", "regression")
_MAJORS = (15, 16, 17, 18)
# What of the suite of this version others do not take is written down below.
_KNOWN_SUITE = 15
_KEY = re.compile(rb"(?m)^(\\(?:un)?restrict) \w+$")
_OBJECT = re.compile(rb"^-- (?:Data for )?Name: (.*); Type: (.*); Schema: (.*); Owner:", re.MULTILINE)
_COMPRESSION = re.compile(rb"^ALTER (?:TABLE ONLY|MATERIALIZED VIEW) (\S+) ALTER COLUMN (\S+) SET COMPRESSION lz4;$", re.MULTILINE)
_LEAST_OBJECTS, _LEAST_FUNCTIONS = 2300, 20


@dataclass(frozen=True)
class Refusal:
    """What a server does not take: ``objects`` by kind and name, the rows of ``tables``, each told in these ``words``."""

    objects: tuple[str, ...]
    tables: tuple[str, ...]
    words: str


_CHILDREN = ("public.gtest_normal_child", "public.gtest_normal_child2")
_XML_VIEWS = ("xmltableview2", "xmlview2", "xmlview3", "xmlview4", "xmlview6", "xmlview7", "xmlview8", "xmlview9")
# From 16 on, only the parent can say that a column is generated.
_GENERATED = Refusal(
    tuple("%s %s" % (kind, name) for kind in ("TABLE", "TABLE DATA") for name in _CHILDREN),
    _CHILDREN,
    'child column "b" specifies generation expression|relation "public.gtest_normal_child2?" does not exist',
)
# These the majors would take, and what some Python packages have of them was built without.
_ICU = Refusal(("COLLATION public.coll_icu_upgrade",), (), 'ICU is not supported|collation "public.coll_icu_upgrade"')
_XML = Refusal(
    tuple("VIEW public." + name for name in _XML_VIEWS),
    ("public.xmldata", "public.xmltest", "public.xmltest2"),
    'unsupported XML feature|relation "public.xml(table)?view\\d" does not exist',
)
_LZ4 = Refusal((), (), "compression method lz4 not supported")


@pytest.fixture(scope="module")
def dumps() -> RegressionDumps:
    """The regression database of Debian's PostgreSQL, by the clients of every major version."""
    of_debian = [one for one in find_installations() if one.bin_folder.startswith("/usr/lib/postgresql/")]
    if not of_debian:
        pytest.skip("The regression suite comes with Debian's packages, and none of their servers is installed here")
    clients = [one for one in map(newest_of_major, _MAJORS) if one is not None]
    try:
        return obtain_dumps(of_debian[0], clients, os.path.join(os.path.abspath(_CACHE), str(of_debian[0].major)))
    except Unobtainable as reason:
        pytest.skip("PostgreSQL's regression suite cannot be had here: %s" % reason)


def test_the_regression_database_comes_back(
    installation: Installation, dumps: RegressionDumps, fresh_server: Callable[..., Server], tmp_path: Path
) -> None:
    if installation.major != dumps.major and (installation.major < dumps.major or dumps.major != _KNOWN_SUITE):
        pytest.skip("What PostgreSQL %d takes of the suite of %d is not written down" % (installation.major, dumps.major))
    original, library = with_library(dumps.by(installation), installation)
    try:
        assert sum(objects_of(original).values()) > _LEAST_OBJECTS
        assert len(set(re.findall(re.escape(library.path.encode()) + rb"/regress.so', '(\w+)'", original))) > _LEAST_FUNCTIONS
        # Publications are warned of at any other level.
        source, target = (fresh_server(installation, settings={"wal_level": "logical"}) for _each in "ab")
        refusals = refusals_of(source, dumps.major)
        # psql takes the rows of a table that is not there for SQL.
        errors = restore_into(source, without_rows(original, {name for refusal in refusals for name in refusal.tables}))
        before = dump_of(source)
        only_what_is_refused_is_lost(original, before, errors, refusals)
        if installation.major == dumps.major:
            # PostgreSQL gives a child table its parent's order of columns; besides, nothing may be lost or gained.
            lost, gained = _words(original) - _words(before), _words(before) - _words(original)
            assert not lost and not gained, "lost %r, gained %r" % (list(lost)[:9], list(gained)[:9])

        backed_up = run(tmp_path, source, "backup", "--jobs", "2")
        assert backed_up.code == 0 and backed_up.result["warnings"] == backed_up.result["left_out"] == [], backed_up.said
        assert (unlike := difference(_KEY.sub(rb"\1 KEY", before), _KEY.sub(rb"\1 KEY", stored_in(tmp_path)))) == "", unlike
        source.remove()
        restored = run(tmp_path, target, "recover", "--from", "latest", "--jobs", "2")
        assert restored.code == 0 and restored.result["warnings"] == [], restored.result
        assert (unlike := difference(before, dump_of(target))) == "", unlike
    finally:
        library.remove()


def refusals_of(server: Server, major_of_suite: int) -> list[Refusal]:
    """What this server does not take of the suite."""
    refusals = [_GENERATED] if major_of_suite < 16 <= server.installation.major else []
    if server.psql("SELECT count(*) FROM pg_collation WHERE collname = 'de-x-icu'") == "0":
        refusals.append(_ICU)
    if server.psql("SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'") != "t":
        refusals.append(_LZ4)
    with contextlib.suppress(ServerFailed):
        server.psql("SELECT xml '<here/>'")
        return refusals
    return [*refusals, _XML]


def only_what_is_refused_is_lost(before: bytes, after: bytes, errors: list[str], refusals: list[Refusal]) -> None:
    """Fails where the servers differ in anything but what is refused, or where what is said to be refused is taken."""
    lost, gained = objects_of(before) - objects_of(after), objects_of(after) - objects_of(before)
    compressed = {name for name in lost if name.startswith("COMPRESSION ")} if _LZ4 in refusals else set()
    assert set(lost) - compressed == {name for refusal in refusals for name in refusal.objects} and not gained, (lost, gained)
    assert bool(compressed) == (_LZ4 in refusals)
    rows, rows_after = rows_of(before), rows_of(after)
    other_rows = {name for name in rows if rows[name] != rows_after.get(name)}
    assert other_rows == {name for refusal in refusals for name in refusal.tables} and not set(rows_after) - set(rows)
    words = "|".join([_EXPECTED_ERROR, *(refusal.words for refusal in refusals)])
    assert (unexpected := [error for error in errors if not re.search(words, error)]) == [], unexpected


def objects_of(dump: bytes) -> Counter[str]:
    """Every object, as its kind and its name, and every column that is compressed by lz4."""
    found = [b"%s %s.%s" % (kind, schema, name) for name, kind, schema in _OBJECT.findall(dump)]
    found += [b"COMPRESSION %s.%s" % names for names in _COMPRESSION.findall(dump)]
    return Counter(name.decode("utf-8", "replace") for name in found)


def rows_of(dump: bytes) -> dict[str, Counter[tuple[bytes, ...]]]:
    """The rows of every table in any order, each as its values in alphabetical order, as columns may change places."""
    tables: dict[str, Counter[tuple[bytes, ...]]] = {}
    rows = None
    for line in dump.split(b"\n"):
        if rows is not None:
            if line == b"\\.":
                rows = None
            else:
                rows[tuple(sorted(line.split(b"\t")))] += 1
        elif line.startswith(b"COPY ") and line.endswith(b" FROM stdin;"):
            rows = tables.setdefault(line[len(b"COPY ") :].partition(b" (")[0].decode("utf-8", "replace"), Counter())
    return tables


def without_rows(dump: bytes, tables: set[str]) -> bytes:
    """The dump without the rows of these tables."""
    for name in tables:
        dump = re.sub(rb"(?ms)^COPY " + re.escape(name.encode()) + rb" \(.*?^\\\.\n", b"", dump)
    return dump


def stored_in(root: Path) -> bytes:
    """The SQL of the only backup."""
    (path,) = (path for path in (root / "hourly").iterdir() if path.suffix != ".json")
    return subprocess.run(["zstd" if path.suffix == ".zst" else "gzip", "-dc", str(path)], check=True, stdout=subprocess.PIPE).stdout


def _words(dump: bytes) -> Counter[tuple[bytes, ...]]:
    """Every line as its words in alphabetical order, with how often it is there."""
    return Counter(tuple(sorted(re.findall(rb"[^\t ,()]+", line))) for line in dump.split(b"\n"))
