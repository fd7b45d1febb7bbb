-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- A little of everything for each database with an odd name.

CREATE TABLE here (id int PRIMARY KEY, text text DEFAULT current_database());
INSERT INTO here VALUES (1), (2), (3);
UPDATE here SET text = 'it''s \ "' WHERE id = 2;
CREATE VIEW over_here AS SELECT * FROM here;
COMMENT ON TABLE here IS 'a table''s comment';
GRANT SELECT ON here TO reader;
