# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the bench: databases as servers have them, made by the server itself, the same ones every time.

shop      orders as a shop keeps them: a copy of the address, the articles as JSON; few customers and articles come often, most seldom
events    what visitors did: times, visits of several steps, pages, and the browser's long name in JSON
pages     a wiki's history: every edit stores the whole text again, with one passage changed
files     bytes that nothing compresses, such as pictures and encrypted columns, as hexadecimal digits
pgbench   the tables of PostgreSQL's own benchmark (``pgbench -i``), most of which are blanks
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from servers.server import Server

_WORDS = (
    "garden,steel,cotton,paper,glass,small,large,blue,green,table,chair,lamp,watering,can,bottle,shelf,basket,blanket,pillow,kettle,"
    "knife,board,frame,mirror,clock,candle,hook,rail,bench,gloves,apron,towel,tray,bowl,plate,mug,vase,broom,bucket,ladder"
)
# Names of articles and pages, of which a shop has some thousands and sells few often; people, who come back.
_THINGS = """
SELECT setseed(@SEED@);
CREATE TEMP TABLE thing AS SELECT n AS id, word[1 + (random() * 39)::int] || '-' || word[1 + (random() * 39)::int] || '-'
  || word[1 + (random() * 39)::int] || '-' || n AS slug FROM generate_series(0, 4000) n, (SELECT string_to_array('@WORDS@', ',') AS word) w;
CREATE TEMP TABLE agent AS SELECT n AS id, format('Mozilla/5.0 (%s) AppleWebKit/537.%s (KHTML, like Gecko) Chrome/%s.0.%s.%s Safari/537.%s',
  (ARRAY['X11; Linux x86_64','Windows NT 10.0; Win64; x64','Macintosh; Intel Mac OS X 10_15_7','Linux; Android 14; Pixel 8'])[1 + n % 4],
  20 + n % 17, 90 + n % 50, n * 37 % 7000, n % 200, 20 + n % 17) AS words FROM generate_series(0, 300) n;
"""
_SHOP = (
    (
        _THINGS
        + """
CREATE TABLE customer (id int PRIMARY KEY, name text, email text, street text, city text, since date);
INSERT INTO customer SELECT n, initcap(a.slug), 'c' || n || '@' || split_part(a.slug, '-', 1) || '.example.com',
  split_part(b.slug, '-', 2) || ' street ' || n % 90, (90000 - n % 70000) || ' ' || initcap(split_part(b.slug, '-', 1)) || 'ville', date '2015-01-01' + n % 3650
  FROM generate_series(1, @ROWS@ / 20) n JOIN thing a ON a.id = n * 13 % 4001 JOIN thing b ON b.id = n * 29 % 4001;
CREATE TABLE purchase (id bigint PRIMARY KEY, customer int, placed timestamptz, status text, deliver_to text, items jsonb, total numeric(12,2));
INSERT INTO purchase SELECT r.n, c.id, timestamptz '2020-01-01' + r.n * interval '41 s', CASE WHEN r.n % 17 = 0 THEN 'returned' ELSE 'delivered' END,
  concat_ws(', ', c.name, c.street, c.city),
  jsonb_build_array(jsonb_build_object('sku', 'SKU-' || a.id, 'title', a.slug, 'amount', 1 + r.n % 3, 'price', ((a.id * 7 % 9000) / 100.0)::numeric(10,2)),
    jsonb_build_object('sku', 'SKU-' || b.id, 'title', b.slug, 'amount', 1, 'price', ((b.id * 7 % 9000) / 100.0)::numeric(10,2))),
  ((a.id + b.id) * 7 % 9000) / 100.0
  FROM (SELECT n, 1 + (power(random(), 4) * (@ROWS@ / 20 - 1))::int AS customer, (power(random(), 3) * 4000)::int AS one,
      (power(random(), 3) * 4000)::int AS two FROM generate_series(1, @ROWS@) n) r
  JOIN customer c ON c.id = r.customer JOIN thing a ON a.id = r.one JOIN thing b ON b.id = r.two ORDER BY r.n;
CREATE INDEX ON purchase (customer);
"""
    )
    .replace("@SEED@", "0.1")
    .replace("@WORDS@", _WORDS)
)
_EVENTS = (
    (
        _THINGS
        + """
CREATE TABLE event (id bigint PRIMARY KEY, at timestamptz, visit uuid, kind text, page text, details jsonb);
INSERT INTO event SELECT r.n, timestamptz '2026-01-01' + r.n * interval '173 ms', md5(visit::text)::uuid,
  (ARRAY['view','view','view','view','search','basket','order'])[1 + r.n % 7], '/' || split_part(a.slug, '-', 1) || '/' || a.slug,
  jsonb_build_object('agent', agent.words, 'from', '/search?q=' || split_part(b.slug, '-', 2), 'milliseconds', r.n * 31 % 900, 'country', 'de')
  FROM (SELECT n, n / 400 * 50 + (random() * 49)::int AS visit, (power(random(), 3) * 4000)::int AS one, (power(random(), 3) * 4000)::int AS two
    FROM generate_series(1, @ROWS@) n) r
  JOIN thing a ON a.id = r.one JOIN thing b ON b.id = r.two JOIN agent ON agent.id = r.visit % 301 ORDER BY r.n;
CREATE INDEX ON event (at);
"""
    )
    .replace("@SEED@", "0.2")
    .replace("@WORDS@", _WORDS)
)
_PAGES = (
    (
        _THINGS
        + """
CREATE TEMP TABLE article AS SELECT page AS id, string_agg(word[1 + (random() * 39)::int], ' ') AS body
  FROM generate_series(0, 399) page, generate_series(1, 800) n, (SELECT string_to_array('@WORDS@', ',') AS word) w GROUP BY page;
CREATE TABLE revision (id bigint PRIMARY KEY, page int, at timestamptz, author text, body text);
INSERT INTO revision SELECT r.n, a.id, timestamptz '2025-01-01' + r.n * interval '311 s', 'author-' || r.n * 7919 % 90,
  left(a.body, r.place) || ' ' || t.slug || ' ' || substr(a.body, r.place + 40)
  FROM (SELECT n, (random() * 4000)::int AS place, (n / 500 * 7 + (random() * 59)::int) % 400 AS page FROM generate_series(1, @ROWS@) n) r
  JOIN article a ON a.id = r.page JOIN thing t ON t.id = r.place ORDER BY r.n;
"""
    )
    .replace("@SEED@", "0.3")
    .replace("@WORDS@", _WORDS)
)
_FILES = """
CREATE TABLE file (id int PRIMARY KEY, name text, content bytea);
ALTER TABLE file ALTER content SET STORAGE EXTERNAL;
INSERT INTO file SELECT n, 'file-' || n || '.bin', string_agg(sha512(int8send(n * 64 + part)), '' ORDER BY part)
  FROM generate_series(1, @ROWS@) n, generate_series(0, 31) part GROUP BY n;
"""


@dataclass(frozen=True)
class DataSet:
    """One database: its share of all SQL, the statements that make it (None: pgbench does), and the bytes of SQL for each row."""

    share: float
    statements: str | None
    row_bytes: float


DATA_SETS = {
    "shop": DataSet(0.30, _SHOP, 277),
    "events": DataSet(0.25, _EVENTS, 297),
    "pages": DataSet(0.27, _PAGES, 4907),
    "files": DataSet(0.03, _FILES, 4113),
    "pgbench": DataSet(0.15, None, 95),
}
_PGBENCH_ROWS = 100_000


def load(server: Server, megabytes: int) -> None:
    """Make the databases, so that a dump of all of them has about so many megabytes."""
    for name, data in DATA_SETS.items():
        server.psql("CREATE DATABASE " + name)
        rows = int(megabytes * 1e6 * data.share / data.row_bytes)
        if data.statements is None:
            command = [
                server.installation.program("pgbench"),
                "-i",
                "-q",
                "-I",
                "dtgp",
                "-s",
                str(max(1, round(rows / _PGBENCH_ROWS))),
                name,
            ]
            subprocess.run(command, env=server.environment, check=True, stderr=subprocess.DEVNULL)
        else:
            server.psql(data.statements.replace("@ROWS@", str(rows)), name)
    server.psql("CHECKPOINT")
