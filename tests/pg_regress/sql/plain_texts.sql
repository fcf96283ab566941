-- Messages fit the situation: a table that was never enabled, triggers switched off, settings of an earlier call.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, a int, b int);
SELECT check_name, status, detail FROM pgrealtime.diagnose('t') WHERE check_name IN ('row filter', 'replica identity');
SELECT pgrealtime.enable('t', columns => '{a}');
SELECT check_name, status, detail FROM pgrealtime.diagnose('t') WHERE check_name IN ('row filter', 'replica identity');
ALTER TABLE t DISABLE TRIGGER USER;
SELECT check_name, status, detail, hint FROM pgrealtime.diagnose('t') WHERE check_name = 'operations';
ALTER TABLE t ENABLE TRIGGER USER;
ALTER TABLE t DROP a;
\echo remembered
SELECT pgrealtime.enable('t', row_filter => '');
SELECT pgrealtime.enable('t', columns => '{a}');
SELECT pgrealtime.enable('t', columns => '{}');
SELECT pgrealtime.enable('t', row_filter => 'b=gt.0', broadcast_topic => 't:{b}');
ALTER TABLE t DROP b CASCADE;
SELECT pgrealtime.enable('t', columns => '{}');
SELECT pgrealtime.enable('t', row_filter => '');
SELECT pgrealtime.enable('t', row_filter => '', broadcast_topic => '');
\echo a trigger made by hand under one of our names
CREATE TABLE root (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE one (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k));
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON one FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT pgrealtime.enable('root');
ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1);
ALTER TRIGGER "00_pgrealtime_insert" ON one RENAME TO mine;
ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1);
DROP EXTENSION pgrealtime CASCADE;
