-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Characters of two and three bytes.

CREATE TABLE "日本語" ("列" text DEFAULT '既定値');
INSERT INTO "日本語" VALUES (DEFAULT), ('漢字かなカナ'), ('ﾊﾝｶｸ'), ('表示\能力'), ('丂丄');
COMMENT ON TABLE "日本語" IS '表のコメント';
CREATE FUNCTION "関数"() RETURNS text LANGUAGE sql AS 'SELECT ''返事''::text';
