-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Roles: names that quoting must survive, every attribute, memberships, settings, comments that look like a dump.

CREATE ROLE "Admin User" SUPERUSER CREATEDB CREATEROLE LOGIN REPLICATION BYPASSRLS PASSWORD 'a:\''" $x';
CREATE ROLE "O'Brien" LOGIN CONNECTION LIMIT 3 VALID UNTIL '2030-01-31 12:34:56+00';
CREATE ROLE "quo""te" NOLOGIN CREATEDB;
CREATE ROLE "back\slash" NOINHERIT LOGIN VALID UNTIL 'infinity';
CREATE ROLE "$(touch x)" LOGIN CONNECTION LIMIT 0;
CREATE ROLE "Jürgen Größe 数据 🐘";
CREATE ROLE "a23456789b23456789c23456789d23456789e23456789f23456789g234567893";
CREATE ROLE "select" REPLICATION;
CREATE ROLE "-dash --comment";
CREATE ROLE "semi;colon";
CREATE ROLE "100% {x}";
CREATE ROLE " leading and trailing ";
CREATE ROLE owner;
CREATE ROLE reader;
CREATE ROLE writer;
CREATE ROLE auditor BYPASSRLS;
CREATE ROLE team_lead CREATEROLE;
CREATE ROLE member_one LOGIN;
CREATE ROLE member_two LOGIN;

SET password_encryption = 'scram-sha-256';
ALTER ROLE member_one PASSWORD 'correct horse';
SET password_encryption = 'md5';
ALTER ROLE member_two PASSWORD 'battery staple';
RESET password_encryption;

GRANT reader TO writer;
GRANT writer TO owner WITH ADMIN OPTION;
GRANT reader, auditor TO team_lead WITH ADMIN OPTION;
GRANT team_lead TO "O'Brien";
GRANT "quo""te" TO "back\slash" WITH ADMIN OPTION;
GRANT "Jürgen Größe 数据 🐘" TO "$(touch x)";
GRANT pg_read_all_data TO auditor;
GRANT pg_monitor TO "O'Brien" WITH ADMIN OPTION;
GRANT owner TO postgres;
\if :at_least_16
    -- Options and grantors of memberships: each grantor's own admin option must be there before its grants.
    GRANT reader TO member_one WITH ADMIN TRUE, INHERIT FALSE, SET TRUE;
    GRANT reader TO member_two WITH INHERIT TRUE, SET FALSE GRANTED BY member_one;
    GRANT reader TO "semi;colon" WITH INHERIT FALSE, SET FALSE GRANTED BY team_lead;
    GRANT auditor TO member_one WITH ADMIN FALSE GRANTED BY team_lead;
    GRANT auditor TO member_one;
\else
    SET SESSION AUTHORIZATION team_lead;
    GRANT reader TO member_one WITH ADMIN OPTION;
    GRANT auditor TO member_two;
    RESET SESSION AUTHORIZATION;
\endif

ALTER ROLE ALL SET application_name TO 'every''one \ "else"';
ALTER ROLE reader SET default_transaction_read_only TO on;
ALTER ROLE reader SET search_path TO "$user", public, 'we ird', "quo""ted";
ALTER ROLE writer SET "zoo.custom" TO E'two\nlines\n\\unrestrict x\n--\n-- Database "fake" dump\n--\n';
ALTER ROLE owner SET role TO 'writer';
ALTER ROLE auditor SET work_mem TO '77MB';
ALTER ROLE auditor SET DateStyle TO 'SQL, DMY';
ALTER ROLE "O'Brien" SET temp_tablespaces TO '';
ALTER ROLE postgres SET statement_timeout TO '20min';

COMMENT ON ROLE postgres IS 'the door; its own comment says CREATE ROLE postgres; and ALTER ROLE postgres WITH NOLOGIN;';
COMMENT ON ROLE "O'Brien" IS 'it''s "quoted" \ and $1';
COMMENT ON ROLE reader IS E'first line\nCREATE ROLE postgres;\nDROP ROLE postgres;\n\\connect nowhere\n--\n-- Database "fake" dump\n--\n';
COMMENT ON ROLE writer IS E'\n\\unrestrict AAAA\n\\restrict BBBB\n--\n-- PostgreSQL database cluster dump complete\n--\n\n';
COMMENT ON ROLE "$(touch x)" IS E'$body$ /* not closed \' -- ';

GRANT SET ON PARAMETER work_mem TO reader WITH GRANT OPTION;
GRANT ALTER SYSTEM, SET ON PARAMETER "zoo.custom" TO writer;
