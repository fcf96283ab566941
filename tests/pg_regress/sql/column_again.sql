-- A column that is dropped and added again is another one: the status asks for enable() wherever readers and sinks do.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/realtime_messages.sql
CREATE VIEW state AS SELECT tablename, status FROM pgrealtime.realtime_configuration ORDER BY 1;
CREATE TABLE listed (id int PRIMARY KEY, a int, b int);
CREATE TABLE topics (id int PRIMARY KEY, a int);
CREATE TABLE parts (id int PRIMARY KEY, a int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts DEFAULT;
SELECT pgrealtime.enable('listed', columns => '{a,b}');
SELECT pgrealtime.enable('topics', sinks => '{log,broadcast}', broadcast_topic => 't:{a}');
SELECT pgrealtime.enable('parts', columns => '{a}', sinks => '{log,wal}');
TABLE state;
SELECT pgrealtime.current_cursor() AS start \gset
\echo dropped
ALTER TABLE listed DROP b;
ALTER TABLE topics DROP a;
ALTER TABLE parts DROP a;
TABLE state;
\echo and added again
ALTER TABLE listed ADD b int;
ALTER TABLE topics ADD a int;
ALTER TABLE parts ADD a int;
TABLE state;
SELECT * FROM pgrealtime.changes_since(:'start', '{listed}');
SELECT status, detail FROM pgrealtime.diagnose('topics') WHERE check_name = 'captured';
INSERT INTO topics VALUES (1, 1);
INSERT INTO parts VALUES (1, 1);
\echo enable() takes the new ones
SELECT pgrealtime.enable('listed'), pgrealtime.enable('topics'), pgrealtime.enable('parts');
TABLE state;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO listed VALUES (2, 2, 2);
INSERT INTO topics VALUES (2, 2);
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{listed,topics}') WHERE change IS NOT NULL;
SELECT topic FROM realtime.messages;
\echo another column is renamed to the name
ALTER TABLE listed DROP b;
ALTER TABLE listed ADD c int;
ALTER EVENT TRIGGER pgrealtime_ddl_start DISABLE;
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
ALTER TABLE listed RENAME c TO b;
ALTER EVENT TRIGGER pgrealtime_ddl_start ENABLE;
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE;
TABLE state;
DROP VIEW state;
