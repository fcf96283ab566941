-- Triggers whose arguments name columns that were renamed: they never take another column instead.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/realtime_messages.sql
CREATE VIEW state AS SELECT tablename, status FROM pgrealtime.realtime_configuration ORDER BY 1;
CREATE ROLE regress_owner;
GRANT USAGE, CREATE ON SCHEMA public TO regress_owner;
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM PUBLIC;

-- The table's owner is asked for EXECUTE, whoever enables it.
CREATE TABLE owned (id int PRIMARY KEY, a int, b int);
ALTER TABLE owned OWNER TO regress_owner;
SELECT pgrealtime.enable('owned');
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_owner;
SELECT pgrealtime.enable('owned', columns => '{a}', sinks => '{log,broadcast,wal}', broadcast_topic => 'a:{a}');
TABLE state;

-- It may be taken away later, and a table may get another owner.
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM regress_owner;
TABLE state;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_owner;
CREATE TABLE given (id int PRIMARY KEY);
SELECT pgrealtime.enable('given');
CREATE ROLE regress_other;
ALTER TABLE given OWNER TO regress_other;
TABLE state;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_other;
TABLE state;

-- A rename whose triggers cannot be made again: a gap, and then nothing instead of the wrong column.
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM regress_owner;
SELECT pgrealtime.current_cursor() AS start \gset
SELECT gaps->>'columns or key' AS told FROM pgrealtime.log_status;
SET ROLE regress_owner;
ALTER TABLE owned RENAME a TO c;
RESET ROLE;
SELECT gaps->>'columns or key' AS told FROM pgrealtime.log_status;
ALTER TABLE owned RENAME b TO a;
SELECT tgname, encode(tgargs, 'escape') ~ '"a"' AS stale FROM pg_trigger WHERE tgrelid = 'owned'::regclass ORDER BY 1;
TABLE state;
SELECT * FROM pgrealtime.changes_since(:'start', '{owned}');
SELECT pgrealtime.wait_for_changes(:'start', '{owned}', '0 s');
SELECT check_name, status, detail, hint FROM pgrealtime.diagnose('owned') WHERE check_name = 'captured';
INSERT INTO owned VALUES (1, 2, 3);
SELECT topic FROM realtime.messages;
SELECT undelivered FROM pgrealtime.log_status;
-- enable() mends it.
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_owner;
SELECT pgrealtime.enable('owned');
TABLE state;
\set VERBOSITY sqlstate
SELECT * FROM pgrealtime.changes_since(:'start', '{owned}');
\set VERBOSITY default
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO owned VALUES (2, 20, 30);
SELECT topic FROM realtime.messages;
SELECT change->>'record' AS record FROM pgrealtime.changes_since(:'start', '{owned}') WHERE change IS NOT NULL;

-- The same where the settings cannot follow: a row filter, and two columns that swap names.
CREATE TABLE filtered (id int PRIMARY KEY, a int, b int);
SELECT pgrealtime.enable('filtered', row_filter => 'a=gt.0');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER EVENT TRIGGER pgrealtime_ddl_start DISABLE;
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
ALTER TABLE filtered RENAME a TO x;
ALTER TABLE filtered RENAME b TO a;
ALTER EVENT TRIGGER pgrealtime_ddl_start ENABLE;
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE;
INSERT INTO filtered VALUES (1, 1, 0);
SELECT * FROM pgrealtime.changes_since(:'start', '{filtered}');
TABLE state;

-- A dropped column: readers are refused, and the status reports a topic that uses it.
CREATE TABLE dropping (id int PRIMARY KEY, a int, b int);
SELECT pgrealtime.enable('dropping', columns => '{a,b}');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE dropping DROP b;
SELECT * FROM pgrealtime.changes_since(:'start', '{dropping}');
-- A new column of the old name does not count as the same one, until enable() is called.
ALTER TABLE dropping ADD b text;
SELECT count(*) FROM pgrealtime.changes_since(:'start', '{dropping}') WHERE change IS NOT NULL;
CREATE TABLE topics (id int PRIMARY KEY, a int);
SELECT pgrealtime.enable('topics', sinks => '{broadcast}', broadcast_topic => 't:{a}');
ALTER TABLE topics DROP a;
INSERT INTO topics VALUES (1);
TABLE state;
DROP TABLE owned, given, filtered, dropping, topics;
REVOKE ALL ON SCHEMA public FROM regress_owner;
DROP VIEW state;
DROP EXTENSION pgrealtime CASCADE;
DROP ROLE regress_owner, regress_other;
