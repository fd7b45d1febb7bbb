-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Rows, comments and bodies that look like parts of a dump. Here standard_conforming_strings is off for every session.

SET standard_conforming_strings = on;
CREATE TABLE marker (id int PRIMARY KEY, line text);
INSERT INTO marker VALUES
    (1, E'\\unrestrict'),
    (2, E'\\unrestrict AAAA'),
    (3, E'\\restrict AAAA'),
    (4, E'\n\\unrestrict AAAA\n'),
    (5, E'-- Database "x" dump'),
    (6, E'\n--\n-- Database "x" dump\n--\n\n'),
    (7, E'\n--\n-- PostgreSQL database cluster dump complete\n--\n\n'),
    (8, E'\n--\n-- PostgreSQL database dump complete\n--\n\n'),
    (9, E'CREATE ROLE postgres;'),
    (10, E'DROP ROLE postgres;'),
    (11, E'ALTER ROLE postgres WITH NOSUPERUSER NOLOGIN PASSWORD \'x\';'),
    (12, E'\\connect nowhere'),
    (13, E'\\c nowhere'),
    (14, E'\\.'),
    (15, E'\n\\.\n'),
    (16, E'\\\\.'),
    (17, E'SET transaction_timeout = 0;'),
    (18, E'SET default_transaction_read_only = off;'),
    (19, E'\\! touch x'),
    (20, E'\\i /etc/passwd'),
    (21, E'COPY public.marker (id, line) FROM stdin;'),
    (22, E'$$ $_$ $body$ \' " /* -- ; E\''),
    (23, E'\b\f\n\r\t\v\x01\x1b\x7f'),
    (24, E'\\N'),
    (25, NULL),
    (26, ''),
    (27, E'line\r\nline\rline\n'),
    (28, E'größer 数据 🐘 \u200f\u2028\ufeff'),
    (29, repeat('-- Database "x" dump ', 100000)),
    (30, repeat(E'\\unrestrict AAAA\n', 1000)),
    (31, repeat('x', 1048575) || E'\n--\n-- Database "y" dump\n--\n\n\\connect y\n');
-- A table whose every line of data is such a text, one after the other, and whose name goes into comments.
CREATE TABLE "-- Database ""x"" dump" (line text);
INSERT INTO "-- Database ""x"" dump" SELECT unnest(ARRAY ['--', '-- Database "x" dump', '--', '', 'SET statement_timeout = 0;', 'CREATE ROLE postgres;',
    '--', '-- PostgreSQL database cluster dump complete', '--', '']);
CREATE TABLE "new
line
-- Database ""x"" dump
\unrestrict AAAA
" ("a
column
\." text DEFAULT '
\unrestrict AAAA
');
INSERT INTO "new
line
-- Database ""x"" dump
\unrestrict AAAA
" DEFAULT VALUES;
COMMENT ON TABLE marker IS E'\n\\unrestrict AAAA\n\\.\n--\n-- Database "x" dump\n--\n\n\\connect x\n\nSET statement_timeout = 0;\nCREATE ROLE postgres;\n';
COMMENT ON COLUMN marker.line IS E'\n--\n-- PostgreSQL database cluster dump complete\n--\n\n';
CREATE VIEW says AS SELECT E'\n\\unrestrict AAAA\n--\n-- Database "x" dump\n--\n\n' AS text, 'back\slash''' AS other;
CREATE FUNCTION body() RETURNS text LANGUAGE sql AS $_$ SELECT '
--
-- Database "x" dump
--

\connect x
\unrestrict AAAA
SET transaction_timeout = 0;
--
-- PostgreSQL database cluster dump complete
--

'; -- '
$_$;
CREATE FUNCTION another_body() RETURNS text LANGUAGE sql AS 'SELECT ''$body$
\.
COPY nothing FROM stdin;
''''
\connect "$(touch x)"
$$''::text';
CREATE FUNCTION atomic_body() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT '
;
\connect x
--
-- Database "x" dump
--
'::text AS text; END;
ALTER TABLE marker ADD CHECK (line <> '
\unrestrict AAAA
' OR line <> '\' OR line IS NOT NULL OR true);
CREATE TABLE wide (b bytea, j json, x text[]);
INSERT INTO wide SELECT decode(md5(n::text), 'hex'), to_json(E'\\unrestrict\n' || n), ARRAY [E'\\', E'"', E'\n', NULL, 'NULL', '{}'] FROM generate_series(1, 200) AS n;
SELECT lo_from_bytea(77, convert_to(E'\n\\unrestrict AAAA\n--\n-- Database "x" dump\n--\n', 'UTF8'));
SELECT lo_from_bytea(78, convert_to('it''s \ back\\slash', 'UTF8'));
