-- Copyright (c) 2026, the bandr.postgres authors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later
-- Views, materialized views, rules, triggers of every kind, event triggers and policies.

SET search_path = animals, public;

CREATE VIEW plain_view (a, "odd ""column' \") AS SELECT id, E'it''s \\ \n' || name FROM animal;
ALTER VIEW plain_view ALTER a SET DEFAULT 7;
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM booking WHERE id > 3;
CREATE VIEW invoker WITH (security_invoker = true, security_barrier = false) AS SELECT * FROM booking;
CREATE VIEW checked_here AS SELECT id, name FROM animal WHERE id < 10 WITH LOCAL CHECK OPTION;
CREATE VIEW checked_below AS SELECT id, name FROM checked_here WHERE id > 0 WITH CASCADED CHECK OPTION;
CREATE RECURSIVE VIEW counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 10;
CREATE VIEW tree AS
    WITH RECURSIVE down (id, path) AS (SELECT id, ARRAY [id] FROM hen WHERE mother IS NULL
        UNION ALL SELECT hen.id, path || hen.id FROM hen JOIN down ON mother = down.id)
        SEARCH DEPTH FIRST BY id SET ordering CYCLE id SET looped USING trail
    SELECT id, path, looped FROM down;
CREATE VIEW grouped_by_key AS SELECT b.id, b.name, b.document, count(*) FROM booking AS b GROUP BY b.id;
CREATE VIEW much AS
    SELECT a.id, rank() OVER w, sum(a.legs) FILTER (WHERE a.legs > 1) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES),
        plain.b, lateral_part.x, GROUPING(a.id)
    FROM animal AS a NATURAL JOIN swimmer, plain(a.id), LATERAL (SELECT a.id * 2 AS x) AS lateral_part,
        ROWS FROM (generate_series(1, 2), unnest(ARRAY ['a'])) WITH ORDINALITY AS f (p, q, o)
    GROUP BY GROUPING SETS ((a.id, a.legs, plain.b, lateral_part.x), ())
    WINDOW w AS (PARTITION BY a.id ORDER BY a.legs DESC NULLS LAST);
COMMENT ON VIEW plain_view IS 'a view''s comment';
COMMENT ON COLUMN plain_view.a IS 'a view column''s comment';
ALTER VIEW plain_view OWNER TO owner;
CREATE FUNCTION uses_view(plain_view) RETURNS int LANGUAGE sql AS 'SELECT $1.a';
CREATE VIEW needs_function AS SELECT uses_view(v) FROM plain_view AS v;

CREATE MATERIALIZED VIEW kept WITH (fillfactor = 40) AS SELECT id, name FROM animal;
CREATE UNIQUE INDEX ON kept (id);
CREATE MATERIALIZED VIEW kept_of_kept AS SELECT max(id) AS highest FROM kept;
CREATE MATERIALIZED VIEW never_filled AS SELECT * FROM cage WITH NO DATA;
CREATE MATERIALIZED VIEW of_never_filled AS SELECT 1 AS one WITH NO DATA;
CREATE VIEW over_kept AS SELECT * FROM kept;
ALTER MATERIALIZED VIEW kept CLUSTER ON kept_id_idx;
COMMENT ON MATERIALIZED VIEW kept IS 'a materialized view''s comment';

-- Rules.
CREATE TABLE rule_log (what text);
CREATE RULE also AS ON INSERT TO animal WHERE NEW.id > 5 DO ALSO INSERT INTO rule_log VALUES ('it''s \ ' || NEW.name);
CREATE RULE instead AS ON UPDATE TO plain_view DO INSTEAD (UPDATE animal SET name = NEW."odd ""column' \" WHERE id = OLD.a; NOTIFY changed);
CREATE RULE nothing AS ON DELETE TO plain_view DO INSTEAD NOTHING;
CREATE RULE returning_rule AS ON INSERT TO plain_view DO INSTEAD INSERT INTO animal (id) VALUES (NEW.a) RETURNING id, name;
ALTER TABLE animal DISABLE RULE also;
CREATE RULE always AS ON DELETE TO rule_log DO ALSO NOTHING;
ALTER TABLE rule_log ENABLE ALWAYS RULE always;
COMMENT ON RULE also ON animal IS 'a rule''s comment';
CREATE VIEW from_rule_first AS SELECT 1 AS a;
CREATE VIEW needs_from_rule_first AS SELECT a FROM from_rule_first;
CREATE OR REPLACE VIEW from_rule_first AS SELECT a FROM (SELECT 1 AS a) AS s WHERE a NOT IN (SELECT id FROM animal);

-- Triggers.
CREATE FUNCTION trigger_nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER before_row BEFORE INSERT OR UPDATE OF name, legs ON animal FOR EACH ROW WHEN (NEW.name IS DISTINCT FROM 'it''s \')
    EXECUTE FUNCTION trigger_nothing('it''s', 'back\slash', '"', '');
CREATE TRIGGER after_statement AFTER UPDATE ON animal REFERENCING OLD TABLE AS "old ones" NEW TABLE AS new_ones
    FOR EACH STATEMENT EXECUTE FUNCTION trigger_nothing();
CREATE TRIGGER "odd ""trigger' \" AFTER TRUNCATE ON animal EXECUTE FUNCTION trigger_nothing();
CREATE TRIGGER before_delete BEFORE DELETE ON hen FOR EACH ROW EXECUTE FUNCTION trigger_nothing();
CREATE TRIGGER instead_of INSTEAD OF INSERT OR UPDATE OR DELETE ON checked_here FOR EACH ROW EXECUTE FUNCTION trigger_nothing();
CREATE CONSTRAINT TRIGGER deferred_one AFTER INSERT ON egg FROM hen DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (NEW.id > 0) EXECUTE FUNCTION trigger_nothing();
CREATE TRIGGER on_partitioned AFTER INSERT ON visit FOR EACH ROW EXECUTE FUNCTION trigger_nothing();
ALTER TABLE visit_2020 DISABLE TRIGGER on_partitioned;
ALTER TABLE visit_default ENABLE ALWAYS TRIGGER on_partitioned;
ALTER TABLE animal DISABLE TRIGGER before_row;
ALTER TABLE animal ENABLE REPLICA TRIGGER after_statement;
ALTER TABLE hen ENABLE ALWAYS TRIGGER before_delete;
ALTER TRIGGER before_delete ON hen DEPENDS ON EXTENSION plpgsql;
COMMENT ON TRIGGER before_row ON animal IS 'a trigger''s comment';

-- Event triggers. Were they restored before the rest, the second one would stop everything.
CREATE FUNCTION event_nothing() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE FUNCTION event_refusal() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
    IF tg_tag = 'CREATE TABLE' AND current_setting('zoo.custom', true) = 'refuse' THEN RAISE EXCEPTION 'refused'; END IF; END$$;
CREATE EVENT TRIGGER at_end ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION event_nothing();
CREATE EVENT TRIGGER at_start ON ddl_command_start EXECUTE FUNCTION event_refusal();
CREATE EVENT TRIGGER "odd ""event trigger' \" ON sql_drop EXECUTE FUNCTION event_nothing();
CREATE EVENT TRIGGER at_rewrite ON table_rewrite EXECUTE FUNCTION event_nothing();
ALTER EVENT TRIGGER at_rewrite DISABLE;
ALTER EVENT TRIGGER at_end ENABLE ALWAYS;
ALTER EVENT TRIGGER at_end OWNER TO "Admin User";
COMMENT ON EVENT TRIGGER at_end IS 'an event trigger''s comment';
\if :at_least_17
    CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION event_nothing();
\endif

-- Policies.
ALTER TABLE booking ENABLE ROW LEVEL SECURITY;
ALTER TABLE hen FORCE ROW LEVEL SECURITY;
CREATE POLICY everyone ON booking;
CREATE POLICY readers ON booking AS PERMISSIVE FOR SELECT TO reader, "O'Brien" USING (name = current_user OR name <> 'it''s \');
CREATE POLICY writers ON booking AS RESTRICTIVE FOR UPDATE TO writer USING (true) WITH CHECK (id > (SELECT min(id) FROM animal));
CREATE POLICY "odd ""policy' \" ON booking FOR INSERT TO PUBLIC, CURRENT_USER WITH CHECK (id > 0);
CREATE POLICY deleters ON hen FOR DELETE USING (false);
COMMENT ON POLICY readers ON booking IS 'a policy''s comment';
\if :at_least_17
    CREATE VIEW json_view AS SELECT * FROM JSON_TABLE(jsonb '[{"a": 1}]', '$[*]' AS root COLUMNS (n FOR ORDINALITY, a int PATH '$.a'
        DEFAULT 0 ON EMPTY NULL ON ERROR, NESTED PATH '$.b[*]' COLUMNS (c text EXISTS PATH '$')));
\endif
\if :at_least_16
    CREATE VIEW json_constructors AS SELECT JSON_OBJECT('a' : 1 ABSENT ON NULL WITH UNIQUE KEYS), '1' IS JSON SCALAR AS scalar;
\endif
