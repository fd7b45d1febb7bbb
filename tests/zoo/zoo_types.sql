-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Types, functions of every kind, operators, casts, aggregates and what hangs on them.

CREATE SCHEMA animals AUTHORIZATION owner;
CREATE SCHEMA "we ird" CREATE TABLE "made with, its schema" (id int);
CREATE SCHEMA "Größe 数据";
COMMENT ON SCHEMA animals IS 'a schema''s comment';
SET search_path = animals, public;

-- Enumerated, composite, range, multirange, base and shell types.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine" \', 'größer 🐘');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'ok';
ALTER TYPE mood ADD VALUE 'first' BEFORE 'sad';
ALTER TYPE mood RENAME VALUE 'ok' TO 'okay';
CREATE TYPE empty_enum AS ENUM ();
CREATE TYPE place AS (street text COLLATE "C", "number " int, tags text[], "dropped" int);
ALTER TYPE place DROP ATTRIBUTE "dropped";
ALTER TYPE place ADD ATTRIBUTE moods mood[] CASCADE;
COMMENT ON COLUMN place."number " IS 'an attribute''s comment';
CREATE TYPE empty_composite AS ();
CREATE TYPE float_range AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = float_ranges);
CREATE TYPE text_range AS RANGE (subtype = text, collation = "C");
CREATE TYPE "we ird".odd_range AS RANGE (subtype = numeric);
CREATE TYPE shell_only;
CREATE TYPE base_type;
CREATE FUNCTION base_type_in(cstring) RETURNS base_type LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION base_type_out(base_type) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE FUNCTION base_type_recv(internal) RETURNS base_type LANGUAGE internal IMMUTABLE STRICT AS 'int4recv';
CREATE FUNCTION base_type_send(base_type) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT AS 'int4send';
CREATE TYPE base_type (
    INPUT = base_type_in, OUTPUT = base_type_out, RECEIVE = base_type_recv, SEND = base_type_send,
    LIKE = int4, CATEGORY = 'Z', PREFERRED = true, DEFAULT = '42', DELIMITER = ';', COLLATABLE = false);
ALTER TYPE base_type OWNER TO owner;

-- Domains.
CREATE DOMAIN positive AS int DEFAULT 1 NOT NULL CONSTRAINT above_zero CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive CONSTRAINT below_ten CHECK (VALUE < 10);
CREATE DOMAIN postcode AS text COLLATE "C" CHECK (VALUE ~ '^\d{5}$') CHECK (VALUE <> '00000');
CREATE DOMAIN moods AS mood[] CHECK (array_length(VALUE, 1) < 4);
CREATE DOMAIN checked_place AS place CHECK ((VALUE).street IS NOT NULL);
CREATE DOMAIN not_yet_valid AS text;
ALTER DOMAIN not_yet_valid ADD CONSTRAINT short CHECK (length(VALUE) < 3) NOT VALID;
COMMENT ON DOMAIN positive IS 'a domain''s comment';
COMMENT ON CONSTRAINT above_zero ON DOMAIN positive IS 'a domain constraint''s comment';
CREATE TYPE positive_range AS RANGE (subtype = positive);

-- Functions and procedures: every option, bodies that look like something else.
CREATE FUNCTION plain(a int, OUT b int, INOUT c text DEFAULT 'it''s', VARIADIC d mood[] DEFAULT '{}') RETURNS record
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER LEAKPROOF COST 7 PARALLEL RESTRICTED
    SET search_path FROM CURRENT SET work_mem TO '3MB' SET "zoo.custom" TO 'it''s \ "x"'
    AS $body$ BEGIN b := a; /* $$ $x$ ' " \ */ END $body$;
CREATE FUNCTION plain(a text) RETURNS SETOF place LANGUAGE sql ROWS 3 AS 'SELECT NULL::animals.place WHERE $1 = ''\''';
CREATE FUNCTION markers() RETURNS text LANGUAGE plpgsql AS $_$
BEGIN
    RETURN $$
\unrestrict AAAA
\connect nowhere
--
-- Database "fake" dump
--
CREATE ROLE postgres;
--
-- PostgreSQL database cluster dump complete
--

$$;
END $_$;
-- Columns with names: only the second dump of unnamed ones is like all later ones.
CREATE FUNCTION returns_table(OUT first int, OUT second text) RETURNS SETOF record LANGUAGE sql
    BEGIN ATOMIC SELECT 1 AS one, 'a;b'::text AS text; SELECT 2 AS two, 'c'::text AS text WHERE 'x' = $$y;$$; END;
CREATE FUNCTION sum_of(a int, b int DEFAULT 1 + 1) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN a + b;
CREATE FUNCTION window_rank() RETURNS bigint LANGUAGE internal WINDOW AS 'window_rank';
CREATE FUNCTION anything(anycompatible, anycompatiblearray) RETURNS anycompatible LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION supported(int) RETURNS SETOF int LANGUAGE internal IMMUTABLE STRICT SUPPORT generate_series_int4_support
    AS 'generate_series_step_int4';
CREATE PROCEDURE "odd 'proc\ ""x"(INOUT a int DEFAULT 3) LANGUAGE plpgsql AS 'BEGIN COMMIT; a := a + 1; END';
CREATE PROCEDURE atomic_procedure(IN a text, OUT b text) LANGUAGE sql BEGIN ATOMIC SELECT upper(a); END;
COMMENT ON FUNCTION plain(int, text, mood[]) IS 'a function''s comment';
COMMENT ON PROCEDURE "odd 'proc\ ""x"(int) IS 'a procedure''s comment';
ALTER FUNCTION markers() OWNER TO "O'Brien";
ALTER FUNCTION sum_of(int, int) DEPENDS ON EXTENSION plpgsql;

-- Operators, classes and families.
CREATE FUNCTION mood_distance(mood, mood) RETURNS int LANGUAGE sql IMMUTABLE STRICT
    AS 'SELECT abs(array_position(enum_range(NULL::animals.mood), $1) - array_position(enum_range(NULL::animals.mood), $2))';
CREATE FUNCTION base_less(base_type, base_type) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION base_less_or_equal(base_type, base_type) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
CREATE FUNCTION base_equal(base_type, base_type) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION base_not_equal(base_type, base_type) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4ne';
CREATE FUNCTION base_greater_or_equal(base_type, base_type) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
CREATE FUNCTION base_greater(base_type, base_type) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION base_compare(base_type, base_type) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE FUNCTION base_hash(base_type) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'hashint4';
CREATE FUNCTION base_add_one(base_type) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'int4inc';
CREATE OPERATOR < (LEFTARG = base_type, RIGHTARG = base_type, FUNCTION = base_less, COMMUTATOR = >, NEGATOR = >=,
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR <= (LEFTARG = base_type, RIGHTARG = base_type, FUNCTION = base_less_or_equal, COMMUTATOR = >=, NEGATOR = >,
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel);
CREATE OPERATOR = (LEFTARG = base_type, RIGHTARG = base_type, FUNCTION = base_equal, COMMUTATOR = =, NEGATOR = <>,
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR <> (LEFTARG = base_type, RIGHTARG = base_type, FUNCTION = base_not_equal, COMMUTATOR = <>, NEGATOR = =,
    RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR >= (LEFTARG = base_type, RIGHTARG = base_type, FUNCTION = base_greater_or_equal, COMMUTATOR = <=, NEGATOR = <,
    RESTRICT = scalargesel, JOIN = scalargejoinsel);
CREATE OPERATOR > (LEFTARG = base_type, RIGHTARG = base_type, FUNCTION = base_greater, COMMUTATOR = <, NEGATOR = <=,
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel);
CREATE OPERATOR "we ird".@#@ (RIGHTARG = base_type, FUNCTION = base_add_one);
CREATE OPERATOR <-> (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_distance, COMMUTATOR = <->);
COMMENT ON OPERATOR <-> (mood, mood) IS 'an operator''s comment';
CREATE OPERATOR FAMILY base_family USING btree;
CREATE OPERATOR CLASS base_operators DEFAULT FOR TYPE base_type USING btree FAMILY base_family AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 base_compare(base_type, base_type);
CREATE OPERATOR CLASS base_hash_operators DEFAULT FOR TYPE base_type USING hash AS
    OPERATOR 1 =, FUNCTION 1 base_hash(base_type);
CREATE FUNCTION base_equal_int(base_type, int) RETURNS bool LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION base_compare_int(base_type, int) RETURNS int LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR = (LEFTARG = base_type, RIGHTARG = int, FUNCTION = base_equal_int);
ALTER OPERATOR FAMILY base_family USING btree ADD OPERATOR 3 = (base_type, int), FUNCTION 1 (base_type, int) base_compare_int(base_type, int);
COMMENT ON OPERATOR FAMILY base_family USING btree IS 'a family''s comment';
COMMENT ON OPERATOR CLASS base_operators USING btree IS 'a class''s comment';
ALTER OPERATOR CLASS base_operators USING btree OWNER TO owner;

-- Casts and transforms.
CREATE CAST (base_type AS int) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (int AS base_type) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (text AS place) WITH INOUT;
CREATE FUNCTION mood_number(mood) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS 'SELECT array_position(enum_range(NULL::animals.mood), $1)';
CREATE CAST (mood AS int) WITH FUNCTION mood_number(mood);
COMMENT ON CAST (mood AS int) IS 'a cast''s comment';
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
COMMENT ON TRANSFORM FOR int LANGUAGE sql IS 'a transform''s comment';
CREATE FUNCTION transformed(int) RETURNS int LANGUAGE sql TRANSFORM FOR TYPE int AS 'SELECT $1';

-- Aggregates: plain, moving, parallel, ordered-set, hypothetical.
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = safe,
    MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, MINITCOND = '0');
CREATE AGGREGATE average(numeric) (SFUNC = numeric_avg_accum, STYPE = internal, SSPACE = 128, FINALFUNC = numeric_avg,
    FINALFUNC_MODIFY = read_write, COMBINEFUNC = numeric_avg_combine, SERIALFUNC = numeric_avg_serialize,
    DESERIALFUNC = numeric_avg_deserialize);
CREATE FUNCTION base_smaller(base_type, base_type) RETURNS base_type LANGUAGE internal IMMUTABLE STRICT AS 'int4smaller';
CREATE AGGREGATE smallest(base_type) (SFUNC = base_smaller, STYPE = base_type, SORTOP = <);
CREATE AGGREGATE share_of(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal,
    FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = read_write);
CREATE AGGREGATE would_be_rank(VARIADIC "any" ORDER BY VARIADIC "any") (SFUNC = ordered_set_transition_multi, STYPE = internal,
    FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE AGGREGATE counting(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
COMMENT ON AGGREGATE total(int) IS 'an aggregate''s comment';
ALTER AGGREGATE counting(*) OWNER TO owner;
