-- Relations that cannot be realtime, and callers who may not make them so.
\pset format unaligned
\pset footer off
CREATE EXTENSION pgrealtime;
-- What enable() and disable() do is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
CREATE TABLE base (id int PRIMARY KEY);
CREATE VIEW a_view AS SELECT * FROM base;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM base;
CREATE TEMPORARY TABLE a_temp (id int PRIMARY KEY);
CREATE UNLOGGED TABLE an_unlogged (id int PRIMARY KEY);
CREATE SEQUENCE a_sequence;
CREATE TYPE a_composite AS (a int);
CREATE FOREIGN DATA WRAPPER regress_fdw;
CREATE SERVER regress_server FOREIGN DATA WRAPPER regress_fdw;
CREATE FOREIGN TABLE a_foreign (id int) SERVER regress_server;
SELECT r, try(format('SELECT pgrealtime.enable(%L)', r))
FROM unnest('{a_view,a_matview,a_temp,an_unlogged,a_sequence,a_composite,a_foreign,base_pkey,pg_catalog.pg_class,information_schema.sql_features,pgrealtime.settings}'::text[]) AS r;
SELECT count(*) FROM pg_publication;

-- Publishing a table without a replica identity would make its UPDATE and DELETE fail. A deferrable key is none.
CREATE TABLE no_key (a int);
CREATE TABLE late_key (a int PRIMARY KEY DEFERRABLE);
CREATE TABLE nothing (a int PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
SELECT r, try(format('SELECT pgrealtime.enable(%L)', r)) FROM unnest('{no_key,late_key,nothing}'::text[]) AS r;
SELECT count(*) FROM pg_publication;
-- Both ways out.
ALTER TABLE no_key ADD PRIMARY KEY (a);
SELECT pgrealtime.enable('no_key');
ALTER TABLE late_key REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('late_key');
INSERT INTO late_key VALUES (1);
UPDATE late_key SET a = 2;
-- A publication without UPDATE and DELETE breaks neither.
ALTER PUBLICATION supabase_realtime SET (publish = 'insert');
SELECT pgrealtime.enable('nothing');
INSERT INTO nothing VALUES (1);
UPDATE nothing SET a = 2;
ALTER PUBLICATION supabase_realtime SET (publish = 'insert, update, delete, truncate');
-- Published already: UPDATE and DELETE fail already, and enable() only warns of it.
SELECT pgrealtime.enable('nothing');
ALTER PUBLICATION supabase_realtime DROP TABLE nothing;

-- INHERITS: a SELECT of the parent would show rows whose changes are not captured. A child alone is an ordinary table.
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
SELECT try($$SELECT pgrealtime.enable('parent')$$);
SELECT pgrealtime.enable('child');
SELECT tablename FROM pg_publication_tables WHERE tablename IN ('parent', 'child');

-- Not the owner of the table.
CREATE ROLE regress_owner;
CREATE ROLE regress_other;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgrealtime TO regress_owner, regress_other;
GRANT CREATE ON SCHEMA public TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE owned (id int PRIMARY KEY);
SET ROLE regress_other;
SELECT try($$SELECT pgrealtime.enable('owned')$$);
SELECT try($$SELECT pgrealtime.disable('owned')$$);
-- Owner of the table, not of the publication.
SET ROLE regress_owner;
SELECT try($$SELECT pgrealtime.enable('owned')$$);
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'owned'::regclass;
RESET ROLE;
ALTER PUBLICATION supabase_realtime ADD TABLE owned;
-- A member already: the publication's owner has done his part.
SET ROLE regress_owner;
SELECT pgrealtime.enable('owned');
SELECT pgrealtime.disable('owned');
RESET ROLE;
-- Added by enable() while the caller owned the publication, which has another owner now.
ALTER PUBLICATION supabase_realtime DROP TABLE owned;
SELECT pgrealtime.enable('owned');
SET ROLE regress_owner;
SELECT try($$SELECT pgrealtime.disable('owned')$$);
RESET ROLE;
ALTER PUBLICATION supabase_realtime DROP TABLE owned;
SET ROLE regress_owner;
SELECT pgrealtime.disable('owned');
-- Neither publication nor right to make one.
RESET ROLE;
DROP PUBLICATION supabase_realtime;
SET ROLE regress_owner;
SELECT try($$SELECT pgrealtime.enable('owned')$$);
-- Without EXECUTE on capture_change no trigger can be made.
RESET ROLE;
SET client_min_messages = error; -- wal_level
CREATE PUBLICATION supabase_realtime FOR TABLE owned;
RESET client_min_messages;
REVOKE EXECUTE ON FUNCTION pgrealtime.capture_change() FROM regress_owner;
SET ROLE regress_owner;
SELECT try($$SELECT pgrealtime.enable('owned')$$);
RESET ROLE;
SELECT count(*) FROM pgrealtime.settings WHERE relation_name = 'owned';
DROP OWNED BY regress_owner, regress_other;
DROP ROLE regress_owner, regress_other;
