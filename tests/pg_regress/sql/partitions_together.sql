-- Partitions of realtime tables are made in several transactions at once: none waits for another, only DROP EXTENSION waits for them.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE logs (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE events (id int PRIMARY KEY) PARTITION BY RANGE (id);
SELECT pgrealtime.enable('logs'), pgrealtime.enable('events');
BEGIN;
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (1000);
PREPARE TRANSACTION 'another session';
SET lock_timeout = '10ms';
\echo another partition, and other settings
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (1000);
SELECT pgrealtime.enable('events', deletes => 'key');
\echo DROP EXTENSION
DROP EXTENSION pgrealtime;
COMMIT PREPARED 'another session';
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '00\_pgrealtime\_%' ORDER BY tgrelid::regclass::text, tgname;
DROP EXTENSION pgrealtime;
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '00\_pgrealtime\_%';
