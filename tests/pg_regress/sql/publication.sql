-- The publication: members that others added, FOR ALL TABLES, FOR TABLES IN SCHEMA, another owner's publication.
\pset format unaligned
\pset footer off
SET client_min_messages = error; -- about wal_level
CREATE EXTENSION pgrealtime;
-- What enable() and disable() do is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
CREATE TABLE plain (id int PRIMARY KEY, a int);
CREATE TABLE filtered (id int PRIMARY KEY, a int);
CREATE TABLE narrow (id int PRIMARY KEY, a int);
CREATE PUBLICATION supabase_realtime FOR TABLE plain, filtered WHERE (id > 3), narrow (id);
RESET client_min_messages;

-- Published by other means: realtime tables without settings.
SELECT schemaname, tablename, realtime_priority, enabled_operations, row_filter, captured, status FROM pgrealtime.realtime_configuration;
SELECT * FROM pgrealtime.get_user_realtime_tables();

-- Their own WHERE and column list stay, and are shown.
SELECT pgrealtime.enable('plain');
SELECT pgrealtime.enable('filtered');
SELECT pgrealtime.enable('narrow');
SELECT tablename, attnames, rowfilter FROM pg_publication_tables ORDER BY 1;
SELECT tablename, realtime_priority, row_filter, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.enable('filtered', row_filter => 'a=eq.1');
SELECT tablename, row_filter FROM pgrealtime.realtime_configuration WHERE tablename = 'filtered';
-- disable takes out only what enable could have put in.
SELECT pgrealtime.disable('plain');
SELECT pgrealtime.disable('filtered');
SELECT pgrealtime.disable('narrow');
SELECT tablename, attnames, rowfilter FROM pg_publication_tables ORDER BY 1;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_pgrealtime%';

-- Taken out by hand: drift that enable mends.
SELECT pgrealtime.enable('plain');
ALTER PUBLICATION supabase_realtime DROP TABLE plain;
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'plain';
SELECT pgrealtime.is_realtime_enabled('plain');
SELECT count(*) FROM pgrealtime.get_user_realtime_tables() WHERE table_name = 'plain';
SELECT pgrealtime.enable('plain');
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'plain';
SELECT pgrealtime.disable('plain');

-- A publication that lacks some operations.
ALTER PUBLICATION supabase_realtime SET (publish = 'insert, truncate');
SELECT tablename, enabled_operations FROM pgrealtime.realtime_configuration;
DROP PUBLICATION supabase_realtime;

-- FOR ALL TABLES: nothing to add, but the table is registered. The extension's own tables are not shown.
SET client_min_messages = error; -- about wal_level
CREATE PUBLICATION supabase_realtime FOR ALL TABLES;
RESET client_min_messages;
SELECT tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.is_realtime_enabled('plain'), pgrealtime.is_realtime_enabled('pgrealtime.settings');
SELECT pgrealtime.enable('plain', priority => 'high');
SELECT tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.disable('plain');
SELECT tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration;
-- Writes to the extension's own tables are not even refused for want of a replica identity.
SELECT count(*) FROM pg_publication_rel;
DROP PUBLICATION supabase_realtime;

-- FOR TABLES IN SCHEMA.
SET client_min_messages = error; -- about wal_level
CREATE SCHEMA hr;
CREATE TABLE hr.staff (id int PRIMARY KEY);
CREATE PUBLICATION supabase_realtime FOR TABLES IN SCHEMA hr;
RESET client_min_messages;
SELECT pgrealtime.is_realtime_enabled('hr.staff'), pgrealtime.is_realtime_enabled('plain');
SELECT pgrealtime.enable('hr.staff');
SELECT count(*) FROM pg_publication_rel;
SELECT schemaname, tablename, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.disable('hr.staff');
DROP PUBLICATION supabase_realtime;

-- Without a publication there are no realtime tables.
SELECT count(*) FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.is_realtime_enabled('plain');
