-- Columns that were renamed while nobody followed: readers hear of it when the next command is followed, whether or not
-- the capture triggers can be made again. Where that cannot be written, the command fails.
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE regress_owner;
CREATE ROLE regress_heir;
CREATE SCHEMA late AUTHORIZATION regress_owner;
GRANT CREATE ON SCHEMA late TO regress_heir;
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_owner, regress_heir;
CREATE FUNCTION rename_unseen(old text, new text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  ALTER EVENT TRIGGER pgrealtime_ddl_start DISABLE;
  ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
  EXECUTE format('ALTER TABLE late.t RENAME %I TO %I', old, new);
  ALTER EVENT TRIGGER pgrealtime_ddl_start ENABLE;
  ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE;
END $$;
CREATE VIEW told AS SELECT coalesce((gaps->>'columns or key')::int, 0) AS told FROM pgrealtime.log_status;
CREATE TABLE late.t (id int PRIMARY KEY, a int);
ALTER TABLE late.t OWNER TO regress_owner;
SELECT pgrealtime.enable('late.t', columns => '{a}');
SELECT pgrealtime.current_cursor() AS start \gset

\echo The triggers can be made again: RENAME, SET SCHEMA, OWNER TO, ALTER SCHEMA RENAME
SELECT rename_unseen('a', 'b');
TABLE told;
ALTER TABLE late.t RENAME TO s;
TABLE told;
SELECT * FROM pgrealtime.changes_since(:'start', '{late.s}');
ALTER TABLE late.s RENAME TO t;
TABLE told;
SELECT rename_unseen('b', 'c');
ALTER TABLE late.t SET SCHEMA public;
TABLE told;
ALTER TABLE t SET SCHEMA late;
SELECT rename_unseen('c', 'd');
ALTER TABLE late.t OWNER TO regress_heir;
TABLE told;
ALTER TABLE late.t OWNER TO regress_owner;
SELECT rename_unseen('d', 'e');
ALTER SCHEMA late RENAME TO later;
TABLE told;
ALTER SCHEMA later RENAME TO late;
TABLE told;
SELECT status, enabled_operations FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO late.t VALUES (1, 1);
SELECT change->'record' FROM pgrealtime.changes_since(:'start', '{late.t}');

\echo They cannot
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM regress_owner;
SELECT rename_unseen('e', 'f');
SET ROLE regress_owner;
ALTER TABLE late.t RENAME TO s;
RESET ROLE;
TABLE told;
SELECT status FROM pgrealtime.realtime_configuration;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_owner;
ALTER TABLE late.s RENAME TO t;
SELECT pgrealtime.enable('late.t');
SELECT status FROM pgrealtime.realtime_configuration;

\echo Nor can the gap be written
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM regress_owner;
SELECT rename_unseen('f', 'g');
UPDATE pgrealtime.log_state SET current_segment = 8;
\c -
\set VERBOSITY terse
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET ROLE regress_owner;
ALTER TABLE late.t RENAME TO s;
ALTER TABLE late.t RENAME g TO h;
RESET ROLE;
ALTER TABLE late.t OWNER TO regress_heir;
ALTER SCHEMA late RENAME TO later;
SELECT 'late.t'::regclass, attname FROM pg_attribute WHERE attrelid = 'late.t'::regclass AND attnum = 2;
UPDATE pgrealtime.log_state SET current_segment = 0;
TABLE told;
DROP TABLE late.t;
DROP VIEW told;
DROP FUNCTION rename_unseen;
DROP SCHEMA late;
DROP EXTENSION pgrealtime CASCADE;
DROP ROLE regress_owner, regress_heir;
