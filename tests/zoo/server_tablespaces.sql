-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Tablespaces with odd names, options, owners and privileges; their folders are the loader's.

CREATE TABLESPACE fast OWNER owner LOCATION :'tablespace_1' WITH (seq_page_cost = 0.5, random_page_cost = 1.25);
CREATE TABLESPACE "slow 'n"" \cheap" LOCATION :'tablespace_2';
GRANT CREATE ON TABLESPACE fast TO reader WITH GRANT OPTION;
REVOKE ALL ON TABLESPACE fast FROM owner;
COMMENT ON TABLESPACE fast IS E'fast\n\\unrestrict x\n-- Database "fake" dump\n';
