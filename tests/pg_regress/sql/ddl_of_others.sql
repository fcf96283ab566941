-- DDL on one owner's table does nothing to other owners' tables: it creates no triggers there, waits for no locks there,
-- and warns of nothing there.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE ROLE regress_alice;
CREATE ROLE regress_eve;
CREATE SCHEMA al AUTHORIZATION regress_alice;
CREATE SCHEMA ev AUTHORIZATION regress_eve;
GRANT EXECUTE ON FUNCTION pgrealtime.enable, pgrealtime.disable, pgrealtime.capture_change TO regress_alice, regress_eve;
CREATE VIEW attached AS
SELECT tgrelid::regclass AS relation, tgname, tgenabled, regexp_replace(replace(encode(tgargs, 'escape'), '\000', ' '), 'numbers=.\d+', 'numbers=[N') AS arguments
FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname;
GRANT SELECT ON attached TO PUBLIC;
CREATE PUBLICATION supabase_realtime FOR ALL TABLES;
SET client_min_messages = warning;

\echo -- A trigger that does not fit the settings, one that its owner dropped, one that only has a name like ours
SET ROLE regress_eve;
CREATE TABLE ev.t (id int PRIMARY KEY, a int);
SELECT pgrealtime.enable('ev.t', columns => '{a}', operations => '{INSERT,UPDATE}');
CREATE OR REPLACE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON ev.t FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=log');
DROP TRIGGER "00_pgrealtime_update" ON ev.t;
CREATE FUNCTION ev.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "00_pgrealtime_zz" AFTER INSERT ON ev.t FOR EACH ROW EXECUTE FUNCTION ev.nothing();
CREATE TRIGGER "00_pgrealtime_delete" AFTER DELETE ON ev.t FOR EACH ROW EXECUTE FUNCTION ev.nothing('leaf');
TABLE attached;
SET ROLE regress_alice;
CREATE TABLE al.x (id int);
ALTER TABLE al.x RENAME TO y;
ALTER TABLE al.y RENAME id TO key;
ALTER TABLE al.y SET SCHEMA al;
RESET ROLE;
ALTER TABLE al.y RENAME TO z;
ALTER TABLE al.z OWNER TO regress_eve;
ALTER SCHEMA al RENAME TO ali;
ALTER SCHEMA ali RENAME TO al;
TABLE attached;

\echo -- A column of the table itself: its triggers get the new name and stay enabled or disabled as they were
SET ROLE regress_eve;
SELECT pgrealtime.enable('ev.t', operations => '{INSERT,UPDATE,TRUNCATE}');
DROP TRIGGER "00_pgrealtime_update" ON ev.t;
ALTER TABLE ev.t DISABLE TRIGGER "00_pgrealtime_insert";
ALTER TABLE ev.t RENAME a TO b;
TABLE attached;
ALTER TABLE ev.t ENABLE ALWAYS TRIGGER "00_pgrealtime_insert";
ALTER TABLE ev.t RENAME b TO c;
TABLE attached;
SELECT pgrealtime.disable('ev.t');
TABLE attached;
RESET ROLE;

\echo -- A column of the type that a table is made of
CREATE TYPE typed AS (id int, a int);
CREATE TABLE of_type OF typed (PRIMARY KEY (id));
SELECT pgrealtime.enable('of_type', columns => '{a}', operations => '{INSERT}');
ALTER TYPE typed RENAME ATTRIBUTE a TO b CASCADE;
SELECT tgname, arguments FROM attached WHERE relation = 'of_type'::regclass;

\echo -- While one session enables a table, nobody waits to rename another. A prepared transaction takes the place of the session.
SET ROLE regress_alice;
CREATE TABLE al.mine (id int PRIMARY KEY);
SELECT pgrealtime.enable('al.mine');
RESET ROLE;
SET ROLE regress_eve;
CREATE TABLE ev.other (id int PRIMARY KEY);
BEGIN;
SELECT pgrealtime.enable('ev.other');
PREPARE TRANSACTION 'another session';
SET ROLE regress_alice;
SET lock_timeout = '10ms';
ALTER TABLE al.mine RENAME TO yours;
SELECT pgrealtime.enable('al.yours', priority => 'high');
RESET ROLE;
ALTER SCHEMA al RENAME TO ali;
SELECT schema_name, relation_name, priority FROM pgrealtime.settings ORDER BY 2, 1;
ALTER SCHEMA ali RENAME TO al;
RESET lock_timeout;
COMMIT PREPARED 'another session';
SELECT schema_name, relation_name, priority FROM pgrealtime.settings ORDER BY 2, 1;

\echo -- CREATE SCHEMA with tables in it: only these are checked
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
SELECT pgrealtime.enable('parts');
CREATE SCHEMA made CREATE TABLE part PARTITION OF public.parts FOR VALUES IN (1) CREATE TABLE nothing (a int);
SELECT tgname, arguments FROM attached WHERE relation = 'made.part'::regclass;

SET client_min_messages = error;
DROP EXTENSION pgrealtime CASCADE;
DROP OWNED BY regress_alice, regress_eve CASCADE;
DROP ROLE regress_alice, regress_eve;
DROP SCHEMA made CASCADE;
