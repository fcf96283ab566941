-- A trigger of a user that has the name of a capture trigger is left alone: enable says so instead of replacing it.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE INFO 'own trigger of %', TG_TABLE_NAME; RETURN NULL; END $$;
\set triggers 'SELECT tgrelid::regclass, tgname, tgfoid::regproc FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE ''00%'' ORDER BY 1, 2'
CREATE TABLE t (id int PRIMARY KEY);
CREATE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION own();
SELECT pgrealtime.enable('t');
INSERT INTO t VALUES (1);
\echo one that is in the way of none
SELECT pgrealtime.enable('t', operations => '{UPDATE,DELETE}');
INSERT INTO t VALUES (2);
SELECT pgrealtime.enable('t', operations => '{INSERT,UPDATE,DELETE}');
:triggers;
\echo another name
ALTER TRIGGER "00_pgrealtime_insert" ON t RENAME TO own;
SELECT pgrealtime.enable('t', operations => '{INSERT,UPDATE,DELETE}');
\echo it comes later, and stays when the table is disabled
CREATE OR REPLACE TRIGGER "00_pgrealtime_update" AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION own();
SELECT status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.enable('t');
ALTER TABLE t RENAME id TO key;
SELECT pgrealtime.disable('t');
:triggers;
DROP TABLE t;

\echo a partition has it
CREATE TABLE root (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE one PARTITION OF root FOR VALUES IN (1);
CREATE TABLE middle PARTITION OF root FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE "Deep" PARTITION OF middle FOR VALUES IN (1);
CREATE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON one FOR EACH ROW EXECUTE FUNCTION own();
SELECT pgrealtime.enable('root');
DROP TRIGGER "00_pgrealtime_insert" ON one;
CREATE TRIGGER "00_pgrealtime_delete" AFTER DELETE ON middle FOR EACH ROW EXECUTE FUNCTION own();
SELECT pgrealtime.enable('root');
DROP TRIGGER "00_pgrealtime_delete" ON middle;
CREATE TRIGGER "00_pgrealtime_truncate" AFTER TRUNCATE ON "Deep" FOR EACH STATEMENT EXECUTE FUNCTION own();
SELECT pgrealtime.enable('root');
:triggers;
SELECT pgrealtime.enable('root', operations => '{INSERT,UPDATE,DELETE}');
SELECT pgrealtime.enable('root', operations => '{INSERT,UPDATE,DELETE,TRUNCATE}');
TRUNCATE "Deep";
DROP TRIGGER "00_pgrealtime_truncate" ON "Deep";
SELECT pgrealtime.enable('root', operations => '{INSERT,UPDATE,DELETE,TRUNCATE}');
\echo a table to attach has it
CREATE TABLE two (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k));
CREATE TRIGGER "00_pgrealtime_truncate" AFTER TRUNCATE ON two FOR EACH STATEMENT EXECUTE FUNCTION own();
ALTER TABLE root ATTACH PARTITION two FOR VALUES IN (3);
DROP TRIGGER "00_pgrealtime_truncate" ON two;
CREATE TRIGGER "00_pgrealtime_update" AFTER UPDATE ON two FOR EACH ROW EXECUTE FUNCTION own();
ALTER TABLE root ATTACH PARTITION two FOR VALUES IN (3);
DROP TRIGGER "00_pgrealtime_update" ON two;
ALTER TABLE root ATTACH PARTITION two FOR VALUES IN (3);
\echo and one that captures no TRUNCATE
SELECT pgrealtime.enable('root', operations => '{INSERT,UPDATE,DELETE}');
CREATE TABLE three (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k));
CREATE TRIGGER "00_pgrealtime_truncate" AFTER TRUNCATE ON three FOR EACH STATEMENT EXECUTE FUNCTION own();
ALTER TABLE root ATTACH PARTITION three FOR VALUES IN (4);
SELECT status FROM pgrealtime.realtime_configuration;
:triggers;
\echo one made by hand that captures is taken over
CREATE TABLE hand (id int PRIMARY KEY);
CREATE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=wal');
SELECT pgrealtime.enable('hand');
SELECT encode(tgargs, 'escape') FROM pg_trigger WHERE tgrelid = 'hand'::regclass AND tgname ~ 'insert';
