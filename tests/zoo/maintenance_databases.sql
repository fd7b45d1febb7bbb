-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- What users leave in postgres and template1: both exist already wherever a dump is restored.

CREATE SCHEMA "left here";
CREATE TABLE "left here".by_accident (id int PRIMARY KEY, line text);
INSERT INTO "left here".by_accident VALUES (1, 'CREATE ROLE postgres;'), (2, E'\\unrestrict AAAA\n');
CREATE FUNCTION "left here".helper() RETURNS int LANGUAGE sql AS 'SELECT 1';
ALTER TABLE "left here".by_accident OWNER TO owner;
GRANT SELECT ON "left here".by_accident TO reader;
