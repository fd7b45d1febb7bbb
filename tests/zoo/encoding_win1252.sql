-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Characters that WIN1252 has beyond LATIN1.

CREATE TABLE "preis €" (text text DEFAULT '€ „‹ …');
INSERT INTO "preis €" VALUES (DEFAULT), ('ŠŽœžŸ™ ‰');
COMMENT ON TABLE "preis €" IS '€uro – Œuvre';
