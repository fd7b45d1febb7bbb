-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Every character of LATIN1 that text can hold, and names made of them.

CREATE TABLE "größe" ("straße" int, "zeichen ÿ" text);
INSERT INTO "größe" SELECT n, convert_from(decode(lpad(to_hex(n), 2, '0'), 'hex'), 'LATIN1') FROM generate_series(1, 255) AS n;
COMMENT ON TABLE "größe" IS 'größer ½ ¿ »';
CREATE FUNCTION "höhe"() RETURNS text LANGUAGE sql AS 'SELECT ''höher''::text';
