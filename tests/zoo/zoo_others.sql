-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Text search, collations, conversions, languages, foreign data, publications, subscriptions, extensions.

SET search_path = animals, public;

-- Text search.
CREATE TEXT SEARCH PARSER "odd parser" (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE plain_template (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY plain_dictionary (TEMPLATE = plain_template, STOPWORDS = 'english', ACCEPT = false);
CREATE TEXT SEARCH DICTIONARY stems (TEMPLATE = snowball, LANGUAGE = 'german', STOPWORDS = 'german');
CREATE TEXT SEARCH CONFIGURATION animals (PARSER = "odd parser");
ALTER TEXT SEARCH CONFIGURATION animals ADD MAPPING FOR word, asciiword WITH plain_dictionary, stems;
CREATE TEXT SEARCH CONFIGURATION "we ird"."odd ""config' \" (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION "we ird"."odd ""config' \" DROP MAPPING FOR url;
ALTER TEXT SEARCH CONFIGURATION animals OWNER TO owner;
COMMENT ON TEXT SEARCH PARSER "odd parser" IS 'a parser''s comment';
COMMENT ON TEXT SEARCH TEMPLATE plain_template IS 'a template''s comment';
COMMENT ON TEXT SEARCH DICTIONARY stems IS 'a dictionary''s comment';
COMMENT ON TEXT SEARCH CONFIGURATION animals IS 'a configuration''s comment';

-- Collations and conversions.
CREATE COLLATION copied FROM "C";
CREATE COLLATION made (PROVIDER = libc, LC_COLLATE = 'C', LC_CTYPE = 'C.UTF-8');
COMMENT ON COLLATION copied IS 'a collation''s comment';
CREATE TABLE collated (a text COLLATE copied, b text COLLATE made);
INSERT INTO collated VALUES ('ä', 'Z'), ('Z', 'ä');
CREATE INDEX ON collated (a COLLATE made, b COLLATE "POSIX");
\if :has_icu
    CREATE COLLATION phonebook (PROVIDER = icu, LOCALE = 'de-u-co-phonebk');
    CREATE COLLATION no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
    CREATE TABLE collated_by_icu (a text COLLATE no_case PRIMARY KEY, b text COLLATE phonebook);
    INSERT INTO collated_by_icu VALUES ('straße', 'Äpfel'), ('Zebra', 'Apfel');
\endif
\if :at_least_17
    CREATE COLLATION of_the_server (PROVIDER = builtin, LOCALE = 'C.UTF-8');
\endif
CREATE CONVERSION "odd conversion" FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION default_conversion FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
COMMENT ON CONVERSION "odd conversion" IS 'a conversion''s comment';

-- Languages.
CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION inline_handler(internal) RETURNS void STRICT LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION validator(oid) RETURNS void STRICT LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE LANGUAGE "odd language" HANDLER handler INLINE inline_handler VALIDATOR validator;
CREATE TRUSTED LANGUAGE trusted_language HANDLER handler;
CREATE FUNCTION in_odd_language() RETURNS int LANGUAGE "odd language" AS 'BEGIN RETURN 1; END';
GRANT USAGE ON LANGUAGE trusted_language TO reader WITH GRANT OPTION;
ALTER LANGUAGE trusted_language OWNER TO owner;
COMMENT ON LANGUAGE "odd language" IS 'a language''s comment';

-- Foreign data.
CREATE FOREIGN DATA WRAPPER no_handler OPTIONS (debug 'it''s \ "', "odd option" '');
CREATE SERVER "odd ""server' \" TYPE 'a''type' VERSION '1''\' FOREIGN DATA WRAPPER no_handler OPTIONS (host 'it''s \', dbname '');
CREATE SERVER plain_server FOREIGN DATA WRAPPER no_handler;
CREATE USER MAPPING FOR PUBLIC SERVER plain_server OPTIONS (password 'it''s \ "');
CREATE USER MAPPING FOR "O'Brien" SERVER "odd ""server' \" OPTIONS (user 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER plain_server;
CREATE FOREIGN TABLE far_away (id int OPTIONS (column_name 'it''s \') NOT NULL, name text COLLATE "C" DEFAULT 'x', CHECK (id > 0))
    SERVER "odd ""server' \" OPTIONS (table_name 'it''s \ "');
CREATE FOREIGN TABLE far_swimmer (colour text) INHERITS (swimmer) SERVER plain_server;
CREATE FOREIGN TABLE far_part PARTITION OF by_many FOR VALUES FROM (5, 'a') TO (6, 'a') SERVER plain_server;
CREATE TRIGGER on_foreign BEFORE INSERT ON far_away FOR EACH ROW EXECUTE FUNCTION trigger_nothing();
GRANT USAGE ON FOREIGN DATA WRAPPER no_handler TO owner WITH GRANT OPTION;
GRANT USAGE ON FOREIGN SERVER plain_server TO reader;
GRANT SELECT, UPDATE (name) ON far_away TO reader;
ALTER SERVER plain_server OWNER TO owner;
COMMENT ON FOREIGN DATA WRAPPER no_handler IS 'a wrapper''s comment';
COMMENT ON SERVER plain_server IS 'a server''s comment';
COMMENT ON FOREIGN TABLE far_away IS 'a foreign table''s comment';
COMMENT ON COLUMN far_away.id IS 'a foreign column''s comment';

-- Publications and subscriptions.
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION nothing_yet;
CREATE PUBLICATION some_tables FOR TABLE ONLY animal (id, name) WHERE (id > 3 AND name <> 'it''s \'), visit WITH (publish_via_partition_root);
CREATE PUBLICATION "odd ""publication' \" FOR TABLES IN SCHEMA "we ird", "Größe 数据", TABLE egg;
ALTER PUBLICATION some_tables OWNER TO "Admin User";
COMMENT ON PUBLICATION some_tables IS 'a publication''s comment';
CREATE SUBSCRIPTION quiet CONNECTION 'host=nowhere password=''it\''s''' PUBLICATION one, "odd ""one' \"
    WITH (connect = false, slot_name = NONE, binary, streaming, synchronous_commit = 'remote_apply', disable_on_error);
CREATE SUBSCRIPTION "odd ""subscription' \" CONNECTION 'dbname=x' PUBLICATION two WITH (connect = false, slot_name = 'other_slot', two_phase);
ALTER SUBSCRIPTION quiet OWNER TO "Admin User";
COMMENT ON SUBSCRIPTION quiet IS 'a subscription''s comment';
\if :at_least_16
    CREATE SUBSCRIPTION newer CONNECTION 'dbname=x password=y' PUBLICATION two
        WITH (connect = false, slot_name = NONE, origin = none, password_required = false, run_as_owner = true, streaming = parallel);
\endif
\if :at_least_17
    CREATE SUBSCRIPTION with_failover CONNECTION 'dbname=x' PUBLICATION two WITH (connect = false, slot_name = 'failover_slot', failover);
\endif
\if :at_least_18
    CREATE PUBLICATION generated_too FOR TABLE cage WITH (publish_generated_columns = stored);
\endif

-- Extensions, as many as the server has.
COMMENT ON EXTENSION plpgsql IS 'not its own comment';
\if :has_hstore
    CREATE SCHEMA extensions;
    CREATE EXTENSION hstore SCHEMA extensions;
    CREATE TABLE with_hstore (h extensions.hstore DEFAULT 'a=>b');
    INSERT INTO with_hstore VALUES ('"it''s \\ \""=>NULL, x=>"y"');
    CREATE INDEX ON with_hstore USING gin (h);
    GRANT EXECUTE ON FUNCTION extensions.akeys(extensions.hstore) TO reader;
    REVOKE ALL ON FUNCTION extensions.avals(extensions.hstore) FROM PUBLIC;
    COMMENT ON EXTENSION hstore IS 'an extension''s comment';
\endif
\if :has_citext
    CREATE EXTENSION citext SCHEMA public;
    CREATE TABLE with_citext (c public.citext PRIMARY KEY);
    INSERT INTO with_citext VALUES ('CaSe');
\endif
\if :has_pg_trgm
    CREATE EXTENSION pg_trgm SCHEMA "we ird";
    CREATE INDEX ON booking USING gin (name "we ird".gin_trgm_ops);
\endif
\if :has_btree_gist
    CREATE EXTENSION btree_gist SCHEMA public;
    CREATE TABLE with_btree_gist (room int, during daterange, EXCLUDE USING gist (room WITH =, during WITH &&));
\endif
\if :has_postgres_fdw
    CREATE EXTENSION postgres_fdw SCHEMA public;
    CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere', dbname 'it''s \');
    CREATE USER MAPPING FOR owner SERVER loopback OPTIONS (user 'x', password 'it''s \ "');
    CREATE FOREIGN TABLE through_fdw (id int OPTIONS (column_name 'x y')) SERVER loopback OPTIONS (schema_name 's', table_name 't''t');
\endif
\if :has_vector
    CREATE EXTENSION vector SCHEMA public;
    CREATE TABLE with_vector (v public.vector(3));
    INSERT INTO with_vector VALUES ('[1,2.5,-3e-7]'), (NULL);
    CREATE INDEX ON with_vector USING hnsw (v public.vector_l2_ops) WITH (m = 8);
\endif
