-- A table that is dropped and created again under its name, by the same owner, is realtime again with the settings of the
-- first: as soon as it has a key.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE recreator;
GRANT ALL ON SCHEMA public TO recreator;
CREATE VIEW status AS SELECT tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration ORDER BY 1;
CREATE TABLE logs (id int PRIMARY KEY, a text);
SELECT pgrealtime.enable('logs', priority => 'high', columns => '{a}');
SET client_min_messages = notice;
\echo in one transaction
BEGIN;
DROP TABLE logs;
SELECT * FROM status;
CREATE TABLE logs (id int PRIMARY KEY, a text, b text);
SELECT * FROM status;
COMMIT;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO logs VALUES (1, 'a', 'b');
SELECT change -> 'record' AS record FROM pgrealtime.changes_since(:'c', '{logs}') WHERE change IS NOT NULL;
SELECT attname FROM pg_publication_tables, unnest(attnames) AS attname WHERE tablename = 'logs';
\echo with a key that comes later
DROP TABLE logs;
CREATE TABLE logs (id int NOT NULL, a text);
SELECT * FROM status;
ALTER TABLE logs ADD COLUMN b text;
ALTER TABLE logs ADD PRIMARY KEY (id);
SELECT * FROM status;
DROP TABLE logs;
CREATE TABLE logs AS SELECT 1 AS id, 'a'::text AS a;
CREATE UNIQUE INDEX logs_id ON logs (id);
ALTER TABLE logs ALTER id SET NOT NULL;
ALTER TABLE logs REPLICA IDENTITY USING INDEX logs_id;
SELECT * FROM status;
\echo by another name first, and in another schema
CREATE TABLE logs_new (id int PRIMARY KEY, a text);
DROP TABLE logs;
ALTER TABLE logs_new RENAME TO logs;
SELECT * FROM status;
CREATE SCHEMA elsewhere CREATE TABLE logs (id int PRIMARY KEY, a text);
DROP TABLE logs;
ALTER TABLE elsewhere.logs SET SCHEMA public;
SELECT * FROM status;
\echo partitioned, and in CREATE SCHEMA
DROP TABLE logs;
CREATE TABLE logs (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
SELECT * FROM status;
DROP TABLE logs;
CREATE TABLE elsewhere.it (id int PRIMARY KEY);
SELECT pgrealtime.enable('elsewhere.it');
DROP SCHEMA elsewhere CASCADE;
CREATE SCHEMA elsewhere CREATE TABLE it (id int PRIMARY KEY);
SELECT * FROM status;
\echo settings that do not fit
CREATE TABLE logs (id int PRIMARY KEY);
SELECT * FROM status;
DROP TABLE logs;
\echo the right owner, and a log of its changes, come later
SET ROLE recreator;
CREATE TABLE logs (id int PRIMARY KEY, a text);
RESET ROLE;
SELECT * FROM status;
ALTER TABLE logs OWNER TO CURRENT_USER;
SELECT * FROM status;
DROP TABLE logs;
CREATE UNLOGGED TABLE logs (id int PRIMARY KEY, a text);
ALTER TABLE logs SET LOGGED;
SELECT * FROM status;
DROP TABLE logs;
\echo a partition of the name that is detached
CREATE TABLE all_logs (id int PRIMARY KEY, a text) PARTITION BY RANGE (id);
CREATE TABLE logs PARTITION OF all_logs DEFAULT;
SELECT * FROM status;
ALTER TABLE all_logs DETACH PARTITION logs;
SELECT * FROM status;
DROP TABLE logs, all_logs;
\echo a temporary table, a view, another owner
CREATE TEMP TABLE logs (id int PRIMARY KEY);
DROP TABLE pg_temp.logs;
CREATE VIEW logs AS SELECT 1 AS id;
DROP VIEW logs;
SET ROLE recreator;
CREATE TABLE logs (id int PRIMARY KEY, a text);
RESET ROLE;
SELECT * FROM status;
DROP TABLE logs;
CREATE TABLE logs (id int PRIMARY KEY, a text);
SELECT * FROM status;
\echo what is rolled back
BEGIN;
DROP TABLE logs;
SAVEPOINT s;
CREATE TABLE logs (id int PRIMARY KEY, a text);
ROLLBACK TO s;
SELECT * FROM status;
ROLLBACK;
SELECT * FROM status;
\echo a script of pg_dump creates the triggers itself
DROP TABLE logs;
SET check_function_bodies = off;
SELECT set_config('search_path', '', false);
CREATE TABLE public.logs (id int PRIMARY KEY, a text);
ALTER PUBLICATION supabase_realtime ADD TABLE public.logs;
RESET search_path;
RESET check_function_bodies;
SELECT * FROM status;
DROP OWNED BY recreator;
DROP ROLE recreator;
