-- A crash empties an unlogged partition without any change. Such a partition is refused where possible, else reported.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE VIEW state AS SELECT tablename, status, gaps->>'unlogged' FROM pgrealtime.realtime_configuration, pgrealtime.log_status ORDER BY 1;
CREATE TABLE root (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE one PARTITION OF root FOR VALUES IN (1);
CREATE TABLE middle PARTITION OF root FOR VALUES IN (2, 3) PARTITION BY LIST (k);
CREATE UNLOGGED TABLE two PARTITION OF middle FOR VALUES IN (2);
SELECT pgrealtime.enable('root');
ALTER TABLE two SET LOGGED;
SELECT pgrealtime.enable('root');
TABLE state;
\echo attached
CREATE UNLOGGED TABLE three (id int, k int, PRIMARY KEY (id, k));
ALTER TABLE middle ATTACH PARTITION three FOR VALUES IN (3);
CREATE TABLE four (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE UNLOGGED TABLE four_1 PARTITION OF four FOR VALUES IN (4);
ALTER TABLE root ATTACH PARTITION four FOR VALUES IN (4);
ALTER TABLE four_1 SET LOGGED;
ALTER TABLE root ATTACH PARTITION four FOR VALUES IN (4);
\echo below what is not enabled
CREATE TABLE other (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
ALTER TABLE other ATTACH PARTITION three FOR VALUES IN (3);
TABLE state;
\echo made, and switched
SELECT pgrealtime.current_cursor() AS start \gset
CREATE UNLOGGED TABLE five PARTITION OF root FOR VALUES IN (5);
TABLE state;
\set VERBOSITY sqlstate
SELECT * FROM pgrealtime.changes_since(:'start', '{root}');
\set VERBOSITY default
SELECT check_name, status, detail, hint FROM pgrealtime.diagnose('root') WHERE check_name = 'captured';
ALTER TABLE five SET LOGGED;
TABLE state;
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE one SET UNLOGGED;
TABLE state;
\set VERBOSITY sqlstate
SELECT * FROM pgrealtime.changes_since(:'start', '{root}');
\set VERBOSITY default
ALTER TABLE one SET LOGGED;
TABLE state;
DROP TABLE root, other;
DROP VIEW state;
DROP EXTENSION pgrealtime CASCADE;
