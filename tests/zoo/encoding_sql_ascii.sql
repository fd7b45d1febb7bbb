-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Bytes without an encoding: valid as no encoding at all.

CREATE TABLE bytes (code int, text text);
INSERT INTO bytes SELECT n, convert_from(decode(lpad(to_hex(n), 2, '0'), 'hex'), 'SQL_ASCII') FROM generate_series(1, 255) AS n;
INSERT INTO bytes VALUES (256, E'\xff\xfe\x5c\x0a\x80'), (257, E'\xc3'), (258, E'\\unrestrict \xe9');
COMMENT ON TABLE bytes IS E'\xff\xfe';
