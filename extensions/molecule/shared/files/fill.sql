-- Data with a bit of everything that has broken a backup before.
CREATE ROLE clerk LOGIN PASSWORD 'clerk';
CREATE DATABASE shop OWNER clerk;
CREATE DATABASE "odd ""name""";
\connect shop
CREATE TABLE goods (number bigint PRIMARY KEY, name text NOT NULL, noted timestamptz NOT NULL DEFAULT now());
INSERT INTO goods SELECT number, 'item ' || md5(number::text) FROM generate_series(1, 20000) AS number;
INSERT INTO goods VALUES (-1, E'CREATE ROLE postgres;\n\\unrestrict x\n--\n-- PostgreSQL database cluster dump complete\n--\n');
ALTER TABLE goods OWNER TO clerk;
CREATE INDEX ON goods (name);
CREATE VIEW first_goods AS SELECT * FROM goods WHERE number < 10;
