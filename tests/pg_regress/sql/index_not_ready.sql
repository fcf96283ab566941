-- An index of the extension's own tables that is being made again, as by REINDEX CONCURRENTLY: nothing is put into it yet.
\set QUIET on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE TABLE before (id int PRIMARY KEY);
SELECT pgrealtime.enable('before');
UPDATE pg_index SET indisready = false, indisvalid = false
  WHERE indexrelid IN ('pgrealtime.settings_pkey'::regclass, 'pgrealtime.relation_cache_relation_key'::regclass);
CREATE TABLE after (id int PRIMARY KEY);
SELECT pgrealtime.enable('after');
ALTER TABLE after RENAME TO renamed;
ALTER TABLE before RENAME TO renamed_too;
SELECT tablename, status FROM pgrealtime.realtime_configuration ORDER BY 1;
\echo what the index has
UPDATE pg_index SET indisready = true, indisvalid = true
  WHERE indexrelid IN ('pgrealtime.settings_pkey'::regclass, 'pgrealtime.relation_cache_relation_key'::regclass);
SET enable_seqscan = off;
SELECT relation_name FROM pgrealtime.settings WHERE schema_name = 'public' ORDER BY relation_name;
\echo and after REINDEX
REINDEX TABLE pgrealtime.settings;
REINDEX TABLE pgrealtime.relation_cache;
SELECT relation_name FROM pgrealtime.settings WHERE schema_name = 'public' ORDER BY relation_name;
DROP EXTENSION pgrealtime CASCADE;
