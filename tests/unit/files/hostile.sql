-- Everything that looks like a dump's own lines, put where a dump holds the server's words.
-- Run by psql against a new server, with -v folder=AN_EMPTY_FOLDER for a tablespace.
\set ON_ERROR_STOP on
\set QUIET on
CREATE ROLE "we ird""r\" LOGIN PASSWORD 'x' CONNECTION LIMIT 7 VALID UNTIL '2099-01-01 00:00:00+00';
CREATE ROLE müller;
CREATE ROLE "create role postgres;" NOLOGIN;
GRANT müller TO "we ird""r\" WITH ADMIN OPTION;
ALTER ROLE "we ird""r\" SET search_path TO "a b", public;
ALTER ROLE postgres SET work_mem TO '5MB';
SELECT E'x\n--\n-- Database "zz" dump\n--\n\n\\connect zz\n\\restrict key\n\\unrestrict key\n\\unrestrict abcDEF123\nSET transaction_timeout = 0;\nCREATE ROLE postgres;\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abcDEF123\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n' AS marks \gset
COMMENT ON ROLE "we ird""r\" IS :'marks';
COMMENT ON ROLE müller IS E'\nCREATE ROLE postgres;\nALTER ROLE postgres WITH NOSUPERUSER;\n';
CREATE TABLESPACE "fast;" LOCATION :'folder';
COMMENT ON TABLESPACE "fast;" IS :'marks';

CREATE DATABASE "a\b ""q";
CREATE DATABASE "x"" dump";
CREATE DATABASE müller OWNER müller;
CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
CREATE DATABASE loose;
ALTER DATABASE loose SET standard_conforming_strings = off;
COMMENT ON DATABASE loose IS :'marks';

\connect -reuse-previous=on "dbname='a\\b ""q'"
CREATE TABLE lines (line text);
INSERT INTO lines SELECT regexp_split_to_table(:'marks', E'\n');
INSERT INTO lines VALUES ('\.'), ('\\.'), ('.'), (E'\\.\n\\.\n'), (E'\r'), ('COPY lines FROM stdin;'), ('$$'), (''''), ('"'), ('/*');
CREATE TABLE only_dot (line text);
INSERT INTO only_dot VALUES ('\.');
CREATE TABLE nothing ();
CREATE TABLE empty (line text);
COMMENT ON TABLE lines IS :'marks';
CREATE TABLE "t;""--/*$$'" ("c FROM stdin;" text DEFAULT E'\\''', "$a$" text DEFAULT '$b$ '' --', e text CHECK (e <> '''' OR e <> E'\\'));
INSERT INTO "t;""--/*$$'" VALUES ('\', '$a$', '''');
SET check_function_bodies = off;
CREATE FUNCTION dollars(a$b$c text) RETURNS text LANGUAGE sql AS $f$
--
-- Database "zz" dump
--
\connect zz
\unrestrict abcDEF123
SELECT $$ ' $$ || $_$ " $_$ || E'\'' -- it's
/* ' */
COPY lines FROM stdin;
\.
--
-- PostgreSQL database cluster dump complete
--

$f$;
CREATE FUNCTION atomic(x int) RETURNS int LANGUAGE sql BEGIN ATOMIC
  SELECT 1 FROM lines WHERE line = E'\n--\n-- Database "zz" dump\n--\n';
  SELECT x;
END;
CREATE VIEW seen AS SELECT E'\n--\n-- Database "zz" dump\n--\n\\connect zz\n' AS "-- v", 1 - -1 AS minus, '/*' AS "*/";
CREATE RULE twice AS ON INSERT TO empty DO ALSO (INSERT INTO lines VALUES (';'); INSERT INTO lines VALUES (');'));
CREATE TYPE mood AS ENUM ('it''s', E'\\', '-- Database "zz" dump', ';');
CREATE OPERATOR #-# (LEFTARG = int, RIGHTARG = int, FUNCTION = int4mi);
COMMENT ON OPERATOR #-# (int, int) IS ';''--';
CREATE SCHEMA E;
CREATE TABLE E.E (e text DEFAULT 'e');
SELECT lo_from_bytea(4711, convert_to(:'marks', 'UTF8')) \g /dev/null
COMMENT ON LARGE OBJECT 4711 IS :'marks';

\connect latin
CREATE TABLE café (line text);
INSERT INTO café VALUES ('é'), (E'\n--\n-- Database "zz" dump\n--\n');

\connect loose
CREATE TABLE backslashes (line text DEFAULT '\\''; \\');
CREATE FUNCTION tricky() RETURNS text LANGUAGE sql AS 'SELECT ''\\\\''';
COMMENT ON TABLE backslashes IS :'marks';
COMMENT ON COLUMN backslashes.line IS '\\';
COMMENT ON FUNCTION tricky() IS '\'; \n--\n-- Database "zz" dump\n--\n';
INSERT INTO backslashes VALUES ('\\'), ('\'');

\connect template1
CREATE TABLE in_template (line text);

\connect postgres
CREATE TABLE in_postgres (line text);
INSERT INTO in_postgres VALUES ('CREATE ROLE postgres;'), ('DROP ROLE postgres;');
