-- Settings follow DDL. A dropped table is shown as missing; a table that is created again is shown as not captured, until
-- enable() is called again.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
RESET client_min_messages;
CREATE VIEW state AS
SELECT s.schema_name, s.relation_name, s.columns, s.broadcast_topic, c.relation::regclass AS cached, c.columns AS numbered
FROM pgrealtime.settings AS s LEFT JOIN pgrealtime.relation_cache AS c USING (schema_name, relation_name)
ORDER BY 1, 2;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/realtime_messages.sql
CREATE TABLE goals (id int PRIMARY KEY, org int, status text, other text);
CREATE TABLE plans (id int PRIMARY KEY);
SELECT pgrealtime.enable('goals', columns => '{status}', broadcast_topic => 'org:{org}', sinks => '{log,broadcast}');
SELECT pgrealtime.enable('plans');
TABLE state;

-- Columns: in the list, in the topic, and so in the triggers.
ALTER TABLE goals RENAME status TO state;
ALTER TABLE goals RENAME org TO organization_id;
ALTER TABLE goals RENAME other TO another;
TABLE state;
SELECT tgname, regexp_replace(encode(tgargs, 'escape'), 'numbers=.\d+', 'numbers=[N') FROM pg_trigger WHERE tgrelid = 'goals'::regclass AND NOT tgisinternal ORDER BY 1;

-- Without a topic, too: the triggers carry the column list.
CREATE TABLE listed (id int PRIMARY KEY, a int);
SELECT pgrealtime.enable('listed', columns => '{a}');
ALTER TABLE listed RENAME a TO "B b";
SELECT DISTINCT regexp_replace(encode(tgargs, 'escape'), 'numbers=.\d+', 'numbers=[N') FROM pg_trigger WHERE tgrelid = 'listed'::regclass;
SELECT pgrealtime.disable('listed');
DROP TABLE listed;

-- Names.
ALTER TABLE goals RENAME TO targets;
ALTER INDEX plans RENAME TO schemes; -- Postgres takes any relation here
CREATE SCHEMA hr;
ALTER TABLE targets SET SCHEMA hr;
ALTER SCHEMA hr RENAME TO people;
TABLE state;
SELECT schemaname, tablename, status FROM pgrealtime.realtime_configuration;
BEGIN;
ALTER TABLE people.targets RENAME TO gone;
ROLLBACK;
TABLE state;
-- A swap: the settings stay with the table that had them.
CREATE TABLE schemes_new (LIKE schemes INCLUDING ALL);
BEGIN;
ALTER TABLE schemes RENAME TO schemes_old;
ALTER TABLE schemes_new RENAME TO schemes;
COMMIT;
TABLE state;
DROP TABLE schemes;
ALTER TABLE schemes_old RENAME TO schemes;

-- Event triggers of ours run under session_replication_role = replica as well.
SET session_replication_role = replica;
ALTER TABLE schemes RENAME TO plans;
RESET session_replication_role;
TABLE state;

-- With an empty cache, as after a restore.
DELETE FROM pgrealtime.relation_cache;
ALTER TABLE plans RENAME TO schemes;
TABLE state;

-- Dropped, and made again.
DROP TABLE schemes;
TABLE state;
SELECT tablename, estimated_row_count, table_size, realtime_priority, enabled_operations, captured, rls_enabled, replica_identity, status
FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.is_realtime_enabled('schemes');
SELECT count(*) FROM pgrealtime.get_user_realtime_tables() WHERE table_name = 'schemes';
CREATE TABLE schemes (id int PRIMARY KEY);
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.enable('schemes');
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
TABLE state;
-- Another enabled table takes the name of a missing one: the missing one's settings give way.
DROP SCHEMA people CASCADE;
SELECT tablename, status FROM pgrealtime.realtime_configuration;
CREATE SCHEMA people;
ALTER TABLE schemes SET SCHEMA people;
ALTER TABLE people.schemes RENAME TO targets;
TABLE state;

-- The role that renames needs no rights on the extension.
CREATE ROLE regress_renamer;
GRANT ALL ON SCHEMA people TO regress_renamer;
ALTER TABLE people.targets OWNER TO regress_renamer;
SET ROLE regress_renamer;
ALTER TABLE people.targets RENAME TO goals;
CREATE TABLE people.mine (a int);
DROP TABLE people.mine;
RESET ROLE;
TABLE state;
-- What cannot be followed causes a warning, never an error: without EXECUTE the trigger of a topic cannot be created again.
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_renamer;
SELECT pgrealtime.enable('people.goals', sinks => '{broadcast}', broadcast_topic => '{id}');
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM regress_renamer;
SET ROLE regress_renamer;
ALTER TABLE people.goals RENAME id TO key;
RESET ROLE;
TABLE state;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_renamer;
SELECT pgrealtime.enable('people.goals');
SELECT DISTINCT regexp_replace(encode(tgargs, 'escape'), 'numbers=.\d+', 'numbers=[N') FROM pg_trigger WHERE tgrelid = 'people.goals'::regclass;
DROP OWNED BY regress_renamer;
DROP ROLE regress_renamer;
SELECT tablename, status FROM pgrealtime.realtime_configuration;
-- Called by hand it does nothing.
DO 'BEGIN PERFORM pgrealtime.follow_ddl(); END';
