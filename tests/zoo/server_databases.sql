-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Databases: names that quoting must survive, encodings, locales, owners, limits, privileges and settings.

CREATE DATABASE zoo OWNER owner;
CREATE DATABASE hostile;
CREATE DATABASE "we ird""db" OWNER "Admin User" CONNECTION LIMIT 7;
CREATE DATABASE "$(touch x)" OWNER "$(touch x)";
CREATE DATABASE "O'Brien's \ database" OWNER "O'Brien" TABLESPACE fast;
CREATE DATABASE "Größe 数据 🐘" OWNER "Jürgen Größe 数据 🐘";
CREATE DATABASE "A23456789B23456789C23456789D23456789E23456789F23456789G234567893";
CREATE DATABASE "-dash --comment=x";
CREATE DATABASE "dbname=postgres host=nowhere";
CREATE DATABASE "postgresql://nobody@nowhere/x";
CREATE DATABASE " leading and trailing ";
CREATE DATABASE "semi;colon %d {x} `y` *?[z]";
CREATE DATABASE a_template IS_TEMPLATE true CONNECTION LIMIT 0;
CREATE DATABASE nobody_but_owner OWNER owner;
CREATE DATABASE latin1 TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
CREATE DATABASE sql_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C';
CREATE DATABASE euc_jp TEMPLATE template0 ENCODING 'EUC_JP' LOCALE 'C';
CREATE DATABASE win1252 TEMPLATE template0 ENCODING 'WIN1252' LOCALE 'C';
CREATE DATABASE mixed_locale TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8';
\if :has_icu
    CREATE DATABASE icu TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C.UTF-8';
\endif
\if :at_least_17
    CREATE DATABASE builtin TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
\endif
\if :at_least_18
    CREATE DATABASE unicode_fast TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C';
\endif

COMMENT ON DATABASE "we ird""db" IS E'it''s\n--\n-- Database "fake" dump\n--\n\n\\connect fake\n\\unrestrict x\n';
COMMENT ON DATABASE "Größe 数据 🐘" IS 'größer 数据 🐘';
COMMENT ON DATABASE latin1 IS 'plain words';

REVOKE ALL ON DATABASE nobody_but_owner FROM PUBLIC;
GRANT CONNECT ON DATABASE nobody_but_owner TO reader WITH GRANT OPTION;
GRANT CREATE, TEMPORARY ON DATABASE "we ird""db" TO "O'Brien", "quo""te" WITH GRANT OPTION;
SET SESSION AUTHORIZATION reader;
SET default_transaction_read_only = off;
GRANT CONNECT ON DATABASE nobody_but_owner TO "semi;colon";
RESET SESSION AUTHORIZATION;
RESET default_transaction_read_only;

-- Settings that a dump and a restore must not stumble over.
ALTER DATABASE zoo SET search_path TO animals, public, "we ird";
ALTER DATABASE zoo SET DateStyle TO 'SQL, DMY';
ALTER DATABASE zoo SET IntervalStyle TO 'sql_standard';
ALTER DATABASE zoo SET bytea_output TO 'escape';
ALTER DATABASE zoo SET extra_float_digits TO -5;
ALTER DATABASE zoo SET TimeZone TO 'America/St_Johns';
ALTER DATABASE nobody_but_owner SET default_transaction_read_only TO on;
ALTER DATABASE hostile SET standard_conforming_strings TO off;
ALTER DATABASE hostile SET escape_string_warning TO off;
ALTER DATABASE latin1 SET client_encoding TO 'UTF8';
ALTER DATABASE "we ird""db" SET "zoo.custom" TO E'two\nlines\n\\unrestrict x\n--\n-- Database "fake" dump\n--\n';
ALTER ROLE reader IN DATABASE zoo SET work_mem TO '11MB';
ALTER ROLE reader IN DATABASE "we ird""db" SET search_path TO "$user", "we ird";
ALTER ROLE "O'Brien" IN DATABASE "$(touch x)" SET "zoo.custom" TO 'it''s "quoted" \ and $1';
ALTER ROLE ALL IN DATABASE zoo SET lock_timeout TO '3min';

-- The databases that every server has are dumped without these by pg_dumpall.
COMMENT ON DATABASE postgres IS E'it''s \\ mine\n--\n-- Database "fake" dump\n--\n\n\\connect fake\n\\unrestrict x\n';
ALTER DATABASE postgres SET work_mem TO '9MB';
ALTER DATABASE postgres SET search_path TO "$user", public, "left here", "quo""ted, 'too'";
ALTER DATABASE postgres SET "zoo.custom" TO E'two\nlines\n\\unrestrict x\n--\n-- Database "fake" dump\n--\n';
ALTER DATABASE postgres CONNECTION LIMIT 33;
ALTER ROLE "O'Brien" IN DATABASE postgres SET search_path TO '';
ALTER ROLE reader IN DATABASE postgres SET statement_timeout TO '1min';
ALTER ROLE reader IN DATABASE postgres SET "zoo.custom" TO 'größer 数据 \ 🐘';
REVOKE TEMPORARY, CONNECT ON DATABASE postgres FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO "quo""te" WITH GRANT OPTION;
GRANT CONNECT, CREATE ON DATABASE postgres TO "O'Brien";
SET SESSION AUTHORIZATION "quo""te";
GRANT CONNECT ON DATABASE postgres TO "$(touch x)";
RESET SESSION AUTHORIZATION;
COMMENT ON DATABASE template1 IS NULL;
ALTER DATABASE template1 OWNER TO owner;
REVOKE CREATE ON DATABASE template1 FROM owner;
ALTER DATABASE template1 IS_TEMPLATE false;
ALTER DATABASE template1 SET DateStyle TO 'SQL, DMY';
