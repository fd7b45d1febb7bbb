-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Privileges with grant options and foreign grantors, column privileges, default privileges.

SET search_path = animals, public;

GRANT USAGE ON SCHEMA animals TO reader WITH GRANT OPTION;
GRANT CREATE ON SCHEMA animals TO writer;
GRANT USAGE, CREATE ON SCHEMA "we ird" TO PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO "quo""te";

ALTER TABLE animal OWNER TO owner;
GRANT SELECT ON animal TO reader WITH GRANT OPTION;
GRANT INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON animal TO writer;
GRANT SELECT ON animal TO PUBLIC;
REVOKE INSERT, TRUNCATE ON animal FROM owner;
GRANT SELECT (id, label), UPDATE (label) ON cage TO reader;
GRANT INSERT ("odd ""column' \"), REFERENCES (id) ON cage TO "O'Brien" WITH GRANT OPTION;
GRANT ALL ON ALL TABLES IN SCHEMA "we ird" TO "$(touch x)", "back\slash", "-dash --comment", "Jürgen Größe 数据 🐘";
GRANT USAGE, UPDATE ON SEQUENCE lone TO writer WITH GRANT OPTION;
GRANT SELECT ON SEQUENCE lone TO PUBLIC;
REVOKE ALL ON FUNCTION markers() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION markers() TO reader WITH GRANT OPTION;
GRANT EXECUTE ON PROCEDURE "odd 'proc\ ""x"(int) TO writer;
REVOKE ALL ON PROCEDURE atomic_procedure(text) FROM PUBLIC;
REVOKE ALL ON TYPE mood FROM PUBLIC;
GRANT USAGE ON TYPE mood TO reader WITH GRANT OPTION;
GRANT USAGE ON DOMAIN positive TO writer;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO owner, writer;
GRANT SELECT ON kept TO reader;
GRANT SELECT, UPDATE (a) ON plain_view TO reader;
\if :at_least_17
    GRANT MAINTAIN ON cage TO writer WITH GRANT OPTION;
\endif

-- What a grantee with the grant option gives on.
SET default_transaction_read_only = off;
SET SESSION AUTHORIZATION reader;
SET default_transaction_read_only = off;
GRANT SELECT ON animals.animal TO "O'Brien" WITH GRANT OPTION;
GRANT USAGE ON SCHEMA animals TO "semi;colon", "O'Brien";
GRANT USAGE ON TYPE animals.mood TO "semi;colon";
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION "O'Brien";
GRANT SELECT ON animals.animal TO "100% {x}";
RESET SESSION AUTHORIZATION;

-- Privileges on what the system made.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO auditor;
REVOKE SELECT ON pg_catalog.pg_tables FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_authid TO auditor;
GRANT SELECT (rolname) ON pg_catalog.pg_authid TO reader;
GRANT USAGE ON SCHEMA information_schema TO auditor WITH GRANT OPTION;

-- Default privileges.
ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA animals GRANT SELECT, INSERT ON TABLES TO reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT USAGE ON SEQUENCES TO writer;
ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE ALL ON TABLES FROM owner;
ALTER DEFAULT PRIVILEGES FOR ROLE "O'Brien" IN SCHEMA "we ird" GRANT EXECUTE ON ROUTINES TO "quo""te";
ALTER DEFAULT PRIVILEGES FOR ROLE "O'Brien" GRANT USAGE, CREATE ON SCHEMAS TO reader;
ALTER DEFAULT PRIVILEGES REVOKE USAGE ON TYPES FROM PUBLIC;
\if :at_least_18
    ALTER DEFAULT PRIVILEGES FOR ROLE owner GRANT SELECT ON LARGE OBJECTS TO reader;
\endif

ALTER SCHEMA public OWNER TO owner;
COMMENT ON SCHEMA public IS 'not the standard comment any more';

-- Large objects: owners, privileges, comments, an empty one, one of several pages, high numbers.
SELECT lo_from_bytea(1001, '\x00ff5c0a27220d'), lo_from_bytea(1002, ''), lo_from_bytea(4294967290, 'high');
SELECT lo_from_bytea(1003, convert_to(repeat(E'\\unrestrict AAAA\n--\n-- Database "fake" dump\n--\n\\.\n', 400), 'UTF8'));
SELECT lo_create(1004), lo_put(1004, 10000, 'behind a hole');
ALTER LARGE OBJECT 1002 OWNER TO "O'Brien";
ALTER LARGE OBJECT 1003 OWNER TO owner;
GRANT SELECT, UPDATE ON LARGE OBJECT 1001 TO reader WITH GRANT OPTION;
GRANT SELECT ON LARGE OBJECT 1003 TO PUBLIC;
REVOKE UPDATE ON LARGE OBJECT 1003 FROM owner;
COMMENT ON LARGE OBJECT 1003 IS E'it''s \\ large\n\\unrestrict x\n';
