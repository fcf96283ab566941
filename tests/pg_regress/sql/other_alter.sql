-- Commands for other kinds of relations that Postgres runs on tables as well: settings and triggers follow, and readers read
-- the table again, as after ALTER TABLE.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/received.sql
CREATE FUNCTION told(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT concat(relation, ': ', received(relation)) $$;
\set told 'SELECT told(\'t\'); UPDATE place SET cursor = pgrealtime.current_cursor();'
CREATE TABLE t (id int PRIMARY KEY, a text, b text);
SELECT pgrealtime.enable('t', columns => '{a}', row_filter => 'a=eq.shown');
CREATE TABLE holder (id int PRIMARY KEY, row t);
SELECT pgrealtime.enable('holder');
:from_here
ALTER VIEW t RENAME COLUMN a TO x;
SELECT told('holder');
:told
ALTER MATERIALIZED VIEW t RENAME COLUMN b TO a;
:told
ALTER FOREIGN TABLE t RENAME COLUMN a TO b;
:told
ALTER TYPE t RENAME ATTRIBUTE x TO y;
:told
ALTER VIEW IF EXISTS t RENAME y TO a;
:told
ALTER VIEW t RENAME a TO tmp;
ALTER VIEW t RENAME b TO a;
ALTER VIEW t RENAME tmp TO b;
:told
SELECT tablename, status, row_filter FROM pgrealtime.realtime_configuration;
INSERT INTO t VALUES (1, 'shown', 'secret'), (2, 'secret', 'shown');
:told
\echo other names: an index is another relation for all commands but one
ALTER INDEX t RENAME TO u;
SELECT tablename, status FROM pgrealtime.realtime_configuration ORDER BY 1;
ALTER TABLE u RENAME TO t;
ALTER SEQUENCE t RENAME TO u;
ALTER VIEW t SET SCHEMA pg_temp;
ALTER VIEW t OWNER TO CURRENT_USER;
\echo after the settings were restored without the cache
DELETE FROM pgrealtime.relation_cache;
ALTER VIEW t RENAME b TO c;
:told
SELECT tablename, status, row_filter FROM pgrealtime.realtime_configuration ORDER BY 1;
\echo a view
CREATE VIEW v AS SELECT 1 AS a;
CREATE TABLE of_view (id int PRIMARY KEY, v v);
SELECT pgrealtime.enable('of_view');
:from_here
ALTER VIEW v RENAME COLUMN a TO b;
SELECT told('of_view'), told('t');
