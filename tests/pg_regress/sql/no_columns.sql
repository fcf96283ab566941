-- A table without columns has rows, too: it is captured, and read by who may SELECT from it.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE no_columns_reader;
CREATE ROLE no_columns_other;
CREATE TABLE nothing ();
GRANT SELECT ON nothing TO no_columns_reader;
ALTER TABLE nothing REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('nothing');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO nothing DEFAULT VALUES;
DELETE FROM nothing WHERE ctid = '(0,1)';
TRUNCATE nothing;
\echo to its owner
SELECT change ->> 'type' AS type, change -> 'columns' AS columns, change -> 'record' AS record, change -> 'old_record' AS old_record
FROM pgrealtime.changes_since(:'c', '{nothing}') WHERE change IS NOT NULL;
\echo to who may SELECT from it
SET ROLE no_columns_reader;
SELECT change ->> 'type' AS type FROM pgrealtime.changes_since(:'c', '{nothing}') WHERE change IS NOT NULL;
RESET ROLE;
\echo … in a relay
SELECT subscription FROM pgrealtime.subscribe('nothing', role_name => 'no_columns_reader');
INSERT INTO nothing DEFAULT VALUES;
SELECT change ->> 'type' AS type, subscriptions FROM pgrealtime.fan_out(:'c') WHERE change IS NOT NULL;
SELECT check_name, status FROM pgrealtime.diagnose('nothing', 'no_columns_reader') WHERE check_name = 'privileges';
\echo to who may not
SET ROLE no_columns_other;
SELECT change ->> 'type' AS type FROM pgrealtime.changes_since(:'c', '{nothing}') WHERE change IS NOT NULL;
RESET ROLE;
DROP TABLE nothing;
DROP ROLE no_columns_reader, no_columns_other;
