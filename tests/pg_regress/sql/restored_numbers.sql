-- After a restore, tables and columns may have other numbers than those in the triggers' arguments. They are numbered anew, so
-- that a column which is dropped and added again is another one here, too.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
-- The triggers that a dump creates, and whether their numbers are those of the table.
CREATE TABLE dumped (definition text);
CREATE VIEW dump AS SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname ~ '^00_pgrealtime' AND tgrelid = to_regclass('t') ORDER BY tgname;
CREATE VIEW numbers AS
  SELECT tgname, replace(substring(encode(tgargs, 'escape') FROM 'numbers=([^\\]*)'), tgrelid::oid::text, 'this table')
  FROM pg_trigger WHERE tgname ~ '^00_pgrealtime' AND tgrelid = to_regclass('t') ORDER BY tgname;
CREATE TABLE t (id int PRIMARY KEY, junk int, a text, b text);
ALTER TABLE t DROP junk;
SELECT pgrealtime.enable('t', columns => '{a,b}', row_filter => 'id=gt.0', deletes => 'key');
TABLE numbers;
INSERT INTO dumped TABLE dump;
\echo the table as a restore makes it
DROP TABLE t;
SET search_path = '';
SET check_function_bodies = off;
CREATE TABLE public.t (id int PRIMARY KEY, a text, b text);
RESET search_path;
RESET check_function_bodies;
\set ECHO none
SELECT definition FROM dumped \gexec
\set ECHO all
TABLE numbers;
SELECT tablename, status FROM pgrealtime.realtime_configuration WHERE tablename = 't';
\echo a column is dropped and added again
ALTER TABLE t DROP b;
ALTER TABLE t ADD b text;
SELECT tablename, status FROM pgrealtime.realtime_configuration WHERE tablename = 't';
SELECT count(*) FROM pgrealtime.changes_since(pgrealtime.current_cursor(), '{t}');
\echo and another trigger is created
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER other AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT tablename, status FROM pgrealtime.realtime_configuration WHERE tablename = 't';
\echo enable() takes the new one
SELECT pgrealtime.enable('t');
TABLE numbers;
SELECT tablename, status FROM pgrealtime.realtime_configuration WHERE tablename = 't';
\echo the same OID, other numbers; a disabled trigger
TRUNCATE dumped;
INSERT INTO dumped TABLE dump;
INSERT INTO dumped VALUES ('ALTER TABLE t DISABLE TRIGGER "00_pgrealtime_update"');
UPDATE dumped SET definition = regexp_replace(definition, '\[\d+,"b"\]', '[3,"b"]');
DROP TRIGGER "00_pgrealtime_insert" ON t;
DROP TRIGGER "00_pgrealtime_update" ON t;
DROP TRIGGER "00_pgrealtime_delete" ON t;
DROP TRIGGER "00_pgrealtime_truncate" ON t;
\set ECHO none
SELECT definition FROM dumped \gexec
\set ECHO all
TABLE numbers;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgenabled <> 'O';
\echo a partitioned table
DROP TABLE t;
CREATE TABLE t (id int PRIMARY KEY, junk int, a text) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF t DEFAULT;
ALTER TABLE t DROP junk;
SELECT pgrealtime.enable('t', columns => '{a}', row_filter => '');
TRUNCATE dumped;
INSERT INTO dumped TABLE dump;
DROP TABLE t;
SET search_path = '';
SET check_function_bodies = off;
CREATE TABLE public.t (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
RESET search_path;
RESET check_function_bodies;
CREATE TABLE leaf PARTITION OF t DEFAULT;
\set ECHO none
SELECT definition FROM dumped \gexec
\set ECHO all
TABLE numbers;
SELECT tgname, replace(substring(encode(tgargs, 'escape') FROM 'numbers=([^\\]*)'), 't'::regclass::oid::text, 'the root')
FROM pg_trigger WHERE tgname ~ '^00_pgrealtime' AND tgrelid = 'leaf'::regclass AND tgparentid <> 0 ORDER BY tgname;
DROP TABLE t;
DROP VIEW dump, numbers;
DROP TABLE dumped;
DROP FUNCTION nothing CASCADE;
DROP EXTENSION pgrealtime CASCADE;
