# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A believable server: a shop, its accounts and an archive, in several encodings, with roles and awkward names."""

from __future__ import annotations

ROLES = """
CREATE ROLE shop_owner NOLOGIN;
CREATE ROLE shop_app LOGIN PASSWORD 'a:\\b''c$d' CONNECTION LIMIT 50;
CREATE ROLE reporting LOGIN PASSWORD 'read only' VALID UNTIL '2099-01-01';
CREATE ROLE "Admin User" LOGIN CREATEDB PASSWORD 'secret';
GRANT shop_owner TO "Admin User" WITH ADMIN OPTION;
GRANT pg_read_all_data TO reporting;
ALTER ROLE reporting SET statement_timeout = '5min';
CREATE DATABASE shop OWNER shop_owner;
CREATE DATABASE accounts OWNER "Admin User";
CREATE DATABASE "we ird""db" OWNER "Admin User";
CREATE DATABASE altbestand TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' OWNER shop_owner;
ALTER DATABASE shop SET search_path = shop, public;
ALTER ROLE shop_app IN DATABASE shop SET work_mem = '32MB';
COMMENT ON DATABASE accounts IS 'Who owes what';
"""

SHOP = """
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET ROLE shop_owner;
SET search_path = shop;
CREATE DOMAIN email AS text CHECK (value LIKE '%_@_%');
CREATE TYPE state AS ENUM ('ordered', 'paid', 'sent', 'returned');
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email email UNIQUE,
  since date NOT NULL DEFAULT current_date);
CREATE TABLE orders (id bigint NOT NULL, customer_id bigint NOT NULL REFERENCES customer, placed timestamptz NOT NULL,
  state state NOT NULL DEFAULT 'ordered', lines jsonb NOT NULL, cents bigint NOT NULL, PRIMARY KEY (id, placed)) PARTITION BY RANGE (placed);
CREATE TABLE orders_2025 PARTITION OF orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE orders_2026 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO customer (name, email, since)
  SELECT 'Customer ' || n, 'c' || n || '@example.com', date '2020-01-01' + n % 2000 FROM generate_series(1, 20000) n;
INSERT INTO orders SELECT n, 1 + n % 20000, timestamptz '2025-01-01 00:00Z' + n * interval '210 seconds',
  (enum_range(NULL::state))[1 + n % 4], jsonb_build_object('sku', md5(n::text), 'count', n % 7), n * 37 % 100000
  FROM generate_series(1, 200000) n;
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders USING gin (lines);
CREATE VIEW turnover AS SELECT date_trunc('month', placed) AS month, sum(cents) FROM orders GROUP BY 1;
CREATE MATERIALIZED VIEW best AS SELECT customer_id, sum(cents) AS cents FROM orders GROUP BY 1 ORDER BY 2 DESC LIMIT 100;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  -- CREATE ROLE postgres;
  NEW.name := trim(NEW.name);
  RETURN NEW;
END $body$;
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customer USING (email = current_user);
GRANT USAGE ON SCHEMA shop TO shop_app, reporting;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA shop TO shop_app;
GRANT SELECT (id, name) ON customer TO reporting WITH GRANT OPTION;
"""

ACCOUNTS = """
CREATE TABLE ledger (id serial PRIMARY KEY, booked date NOT NULL, note text, cents bigint NOT NULL);
INSERT INTO ledger (booked, note, cents) SELECT date '2024-01-01' + n % 900, repeat('entry ' || n || ' ', 3), n FROM generate_series(1, 50000) n;
CREATE TABLE note (line text);
INSERT INTO note VALUES ('CREATE ROLE postgres;'), ('DROP ROLE postgres;'), (E'--\\n-- PostgreSQL database cluster dump complete\\n--\\n\\n'),
  (E'\\\\connect template1'), ('-- Database "shop" dump');
SELECT lo_from_bytea(4711, convert_to(repeat('A contract, scanned. ', 5000), 'UTF8'));
COMMENT ON LARGE OBJECT 4711 IS 'The lease';
"""

ODD = '''
CREATE TABLE "Größe 数据" ("the ""key""" int PRIMARY KEY, "$(touch x)" text DEFAULT 'semi;colon');
INSERT INTO "Größe 数据" SELECT n, '🐘 ' || n FROM generate_series(1, 1000) n;
'''

OLD = """
CREATE TABLE kunde (name text);
INSERT INTO kunde SELECT U&'M\\00FCller ' || n FROM generate_series(1, 1000) n;
"""

DATABASES = {"shop": SHOP, "accounts": ACCOUNTS, 'we ird"db': ODD, "altbestand": OLD}
