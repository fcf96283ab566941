-- A capture trigger that was replaced by one for some columns, or with a condition of its own, captures only some changes:
-- readers and the status say so, and enable() creates it again.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, v int, w int);
SELECT pgrealtime.enable('t');
CREATE VIEW state AS SELECT captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 't';
\set check 'SELECT status, detail, hint FROM pgrealtime.diagnose(''t'') WHERE check_name = ''captured'''
TABLE state;
\echo UPDATE OF
CREATE OR REPLACE TRIGGER "00_pgrealtime_update" AFTER UPDATE OF id ON t FOR EACH ROW
    EXECUTE FUNCTION pgrealtime.capture_change('sinks=log');
TABLE state;
:check;
SELECT pgrealtime.current_cursor() AS start \gset
SELECT * FROM pgrealtime.changes_since(:'start', '{t}');
SELECT pgrealtime.wait_for_changes(:'start', '{t}', '0 s');
SELECT pgrealtime.enable('t');
TABLE state;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO t VALUES (1, 1);
UPDATE t SET v = 2;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{t}') WHERE change IS NOT NULL;
\echo several operations in one trigger
CREATE TRIGGER own AFTER INSERT OR UPDATE OF v ON t FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
DROP TRIGGER "00_pgrealtime_update" ON t;
DROP TRIGGER "00_pgrealtime_insert" ON t;
TABLE state;
DROP TRIGGER own ON t;
SELECT pgrealtime.enable('t');
\echo WHEN
CREATE OR REPLACE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON t FOR EACH ROW WHEN (NEW.id > 5)
    EXECUTE FUNCTION pgrealtime.capture_change('sinks=log');
TABLE state;
:check;
SELECT pgrealtime.current_cursor() AS start \gset
SELECT * FROM pgrealtime.changes_since(:'start', '{t}');
SELECT pgrealtime.enable('t');
TABLE state;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO t VALUES (2, 1);
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{t}') WHERE change IS NOT NULL;
\echo a row filter has a condition
SELECT pgrealtime.enable('t', row_filter => 'v=gt.1');
TABLE state;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO t VALUES (3, 1), (4, 2);
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{t}') WHERE change IS NOT NULL;
DROP VIEW state;
DROP TABLE t;
DROP EXTENSION pgrealtime CASCADE;
