# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What feeds a restore: sections checked on their way, psql believed only when it says the last word."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
import time
from datetime import datetime, timezone

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import Manifest, Section
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.section_reader import SectionReader
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.connection import Connection
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.psql_stream import MOST_ERRORS, Complaints, feed_psql
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.role_filter import TargetGlobals, filter_globals
from ansible_collections.bandr.postgres.plugins.module_utils._engine.postgres.script_names import databases_of_script, deeds_of_script
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
TEXTS = (b"globals\n" * 10, b"first\n" * 400_000, b"", b"second\n", b"end\n")


def stored(framed, texts=TEXTS):
    """A gzip dump of these sections with its manifest."""
    frames = [gzip.compress(text) for text in texts] if framed else [gzip.compress(b"".join(texts))]
    sections, offset, stored_offset = [], 0, 0
    for number, text in enumerate(texts):
        place = (stored_offset, len(frames[number])) if framed else (None, None)
        sections.append(Section("database", str(number), offset, len(text), hashlib.sha256(text).hexdigest(), *place))
        offset += len(text)
        stored_offset += len(frames[number]) if framed else 0
    data = b"".join(frames)
    manifest = Manifest("f", "gzip", len(data), hashlib.sha256(data).hexdigest(), 0, offset, NOW, NOW, 1, tuple(sections))
    file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as its reader)
    file.write(data)
    file.flush()
    return manifest, file


def read(reader, section):
    return b"".join(bytes(chunk) for chunk in reader.chunks(section))


@pytest.mark.parametrize("framed", [True, False])
@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (1, 1, 3), (3,)])
def test_every_section_is_read_alone_in_any_order(framed, order):
    manifest, file = stored(framed)
    reader = SectionReader(Context(), manifest, file)
    for number in order:
        assert read(reader, manifest.sections[number]) == TEXTS[number]
    reader.close()


@pytest.mark.parametrize("framed", [True, False])
def test_a_section_that_is_left_in_the_middle_does_not_disturb_the_next(framed):
    manifest, file = stored(framed)
    reader = SectionReader(Context(), manifest, file)
    assert next(iter(reader.unchecked(manifest.sections[1])))
    assert read(reader, manifest.sections[3]) == TEXTS[3]
    assert read(reader, manifest.sections[1]) == TEXTS[1]


def test_two_read_one_file_without_disturbing_each_other():
    manifest, file = stored(True)
    one, other = (SectionReader(Context(), manifest, file) for _number in range(2))
    chunks = one.chunks(manifest.sections[1])
    first = bytes(next(chunks))
    assert read(other, manifest.sections[3]) == TEXTS[3]
    assert first + b"".join(bytes(chunk) for chunk in chunks) == TEXTS[1]


# Without frames, a byte too many belongs to the next section.
@pytest.mark.parametrize(
    ("framed", "change"),
    [(framed, change) for framed in (True, False) for change in (b"First" + TEXTS[1][5:], TEXTS[1][:-1], b"")] + [(True, TEXTS[1] + b"x")],
    ids=range(7),
)
def test_a_section_that_changed_never_shows_its_end(framed, change):
    manifest, _file = stored(framed)
    other = (TEXTS[0], change, *TEXTS[2:])
    changed, file = stored(framed, other)
    if framed:
        sections = tuple(
            Section(*(was.kind, was.database, was.offset, was.length, was.sha256, now.stored_offset, now.stored_length))
            for was, now in zip(manifest.sections, changed.sections)
        )
        manifest = Manifest("f", "gzip", 0, "", 0, 0, NOW, NOW, 1, sections)
    reader = SectionReader(Context(), manifest, file)
    shown = b""
    with pytest.raises(BackupDamaged, match="changed since it was proven"):
        for chunk in reader.chunks(manifest.sections[1]):
            shown += bytes(chunk)
    assert len(shown) < len(TEXTS[1])


def test_errors_are_counted_all_and_kept_first():
    complaints = Complaints()
    for number in range(100):
        complaints.take("psql:<stdin>:%d: ERROR:  broken" % number)
        complaints.take("DETAIL:  because")
        complaints.take("LINE 1: ALTER ROLE x PASSWORD 'secret'")
        complaints.take('CONTEXT:  COPY t, line 1: "data"')
        complaints.take("psql:<stdin>:%d: WARNING:  careful" % number)
        complaints.take("HINT:  look")
        complaints.take("psql:<stdin>:%d: NOTICE:  noise" % number)
    assert complaints.count == 100
    assert complaints.errors == ["line %d: broken (because)" % number for number in range(MOST_ERRORS)]
    assert complaints.warnings == ["line %d: careful (look)" % number for number in range(MOST_ERRORS)]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("psql: error: connection to server failed: FATAL:  no", "connection to server failed: FATAL:  no"),
        ("psql:<stdin>:7: error: connection to server was lost", "line 7: connection to server was lost"),
        ("psql:<stdin>:7: error: invalid command \\restrict", "line 7: invalid command \\restrict"),
        ("psql:<stdin>:7: \\connect: FATAL:  no", "line 7: \\connect: FATAL:  no"),
        ("psql:<stdin>:7: FEHLER:  nein", "line 7: nein"),
    ],
)
def test_errors_in_all_their_clothes(line, error):
    complaints = Complaints()
    complaints.take(line)
    assert (complaints.count, complaints.errors) == (1, [error])


class Session:
    """A session whose psql is a shell script."""

    connection = Connection()

    def __init__(self, folder, script):
        self.runner = Context().runner
        self.clients = self
        self._path = os.path.join(folder, "psql")
        with open(self._path, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o700)) as file:
            file.write("#!/bin/sh\n" + script)

    def path(self, _program):
        return self._path


def big_input():
    for _number in range(64):
        yield b"x" * (1 << 20)


@pytest.mark.parametrize(
    ("script", "status", "consumed", "why"),
    [
        ("tail -n 1 | sed 's/.echo //'", 0, True, "before"),
        ("cat > /dev/null", 0, False, "psql ended before the end of its input"),
        ("exit 0", 0, False, "psql ended before the end of its input"),
        ("exit 2", 2, False, "psql ended with status 2"),
        ("kill -9 $$", -9, False, "psql was killed by signal 9"),
        ("tail -n 1 | sed 's/.echo //'; exit 3", 3, True, "psql ended with status 3"),
        ("echo 'psql:<stdin>:1: ERROR:  no' >&2; exit 3", 3, False, "line 1: no"),
        ("tail -n 1 | sed 's/.echo //'; echo more", 0, False, "psql ended before the end of its input"),
    ],
)
def test_psql_is_whole_only_when_it_says_the_last_word_and_exits_well(tmp_path, script, status, consumed, why):
    outcome = feed_psql(Session(tmp_path, script + "\n"), big_input())
    assert (outcome.status, outcome.consumed, outcome.whole) == (status, consumed, status == 0 and consumed)
    assert why in outcome.why


def test_what_the_input_raises_ends_psql(tmp_path):
    process = tmp_path / "process"

    def broken():
        yield b"x"
        while not process.exists() or not process.read_text().endswith("\n"):
            time.sleep(0.01)
        raise BackupDamaged("no more")

    with pytest.raises(BackupDamaged):
        feed_psql(Session(tmp_path, "echo $$ > %s; exec sleep 60\n" % process), broken())
    assert not os.path.exists("/proc/%d" % int(process.read_text()))


def test_a_flood_of_complaints_and_output_is_drained(tmp_path):
    outcome = feed_psql(
        Session(tmp_path, "cat /dev/zero | head -c 20000000 >&2; yes | head -c 20000000; tail -n 1 | sed 's/.echo //'\n"), [b"x\n"]
    )
    assert outcome.whole and outcome.error_count == 0


GLOBALS = b"""SET client_encoding = 'UTF8';
CREATE ROLE old;
ALTER ROLE old WITH LOGIN PASSWORD 'x';
ALTER ROLE old SET search_path TO 'a';
COMMENT ON ROLE old IS 'x';
CREATE ROLE "ne w";
ALTER ROLE "ne w" WITH LOGIN PASSWORD 'y';
COMMENT ON ROLE "ne w" IS 'y';
GRANT old TO "ne w" WITH ADMIN OPTION, INHERIT TRUE GRANTED BY source;
GRANT "ne w" TO old GRANTED BY source;
GRANT old TO other GRANTED BY "ne w";
CREATE TABLESPACE there OWNER old LOCATION '/there';
ALTER TABLESPACE there SET (seq_page_cost=2);
GRANT ALL ON TABLESPACE there TO "ne w";
CREATE TABLESPACE missing OWNER old LOCATION '/missing';
GRANT CREATE ON TABLESPACE missing TO old;
GRANT SET ON PARAMETER work_mem TO "ne w";
"""


def fitted(**options):
    target = TargetGlobals("first", frozenset({"first", "old"}), frozenset({"there"}), **options)
    return b"".join(filter_globals([GLOBALS], target)).decode().splitlines()


def test_what_exists_stays_as_it_is_when_databases_are_chosen():
    assert fitted(keep_existing=True) == [
        "SET client_encoding = 'UTF8';",
        'CREATE ROLE "ne w";',
        "ALTER ROLE \"ne w\" WITH LOGIN PASSWORD 'y';",
        "COMMENT ON ROLE \"ne w\" IS 'y';",
        'GRANT old TO "ne w" WITH ADMIN OPTION, INHERIT TRUE GRANTED BY source;',
        'GRANT old TO other GRANTED BY "ne w";',
        "CREATE TABLESPACE missing OWNER old LOCATION '/missing';",
        "GRANT CREATE ON TABLESPACE missing TO old;",
    ]


def test_the_sources_first_role_grants_nothing_on_a_server_with_another():
    changed = [line for line in fitted(first_role="first") if line not in fitted()]
    assert changed == ['GRANT old TO "ne w" WITH ADMIN OPTION, INHERIT TRUE;', 'GRANT "ne w" TO old;']
    assert fitted(first_role="source") == fitted()


def test_names_in_a_script_are_those_of_its_statements():
    script = b"""SET client_encoding = 'UTF8';
CREATE DATABASE "we ""ird" WITH TEMPLATE = template0;
SELECT 'CREATE DATABASE no;';
\\connect docs
COPY t FROM stdin;
CREATE DATABASE nowhere;
\\connect nowhere
\\.
\\connect docs
"""
    assert databases_of_script([script]) == databases_of_script([script[i : i + 1] for i in range(len(script))]) == ('we "ird', "docs")


@pytest.mark.parametrize(
    ("script", "holds"),
    [
        (b"", False),
        (b"--\n-- PostgreSQL database dump\n--\n\nSET a = 1;\nSELECT pg_catalog.set_config('search_path', '', false);\n", False),
        (b"\\connect postgres\n\\restrict x\nSET a = 1;\n\\unrestrict x\n", False),
        (b"SET a = 1;\nGRANT ALL ON SCHEMA public TO x;\n", True),
        (b"SET a = 1;\nSELECT pg_catalog.setval('s', 1);\n", True),
        (b"SET a = 1;\nCREATE TABLE x (y text DEFAULT ';');\n", True),
    ],
)
def test_a_script_that_only_sets_itself_up_holds_nothing(script, holds):
    assert deeds_of_script([script]).objects is holds
