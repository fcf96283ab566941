-- A column that gets the name of a dropped one: copies have the old values under this name, so readers read again.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE FUNCTION since(start text, relation regclass) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT coalesce(string_agg(change ->> 'record', ' '), 'nothing') FROM pgrealtime.changes_since(start, ARRAY[relation]) WHERE change IS NOT NULL);
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate || ' ' || sqlerrm;
END $$;
CREATE TABLE t (id int PRIMARY KEY, v int, w int);
SELECT pgrealtime.enable('t');
INSERT INTO t VALUES (1, 3, 4);
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE t DROP v;
SELECT since(:'start', 't');
\echo another name
ALTER TABLE t ADD other int;
SELECT since(:'start', 't');
\echo the name
ALTER TABLE t ADD v int;
SELECT since(:'start', 't');
\echo it is told once
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE t ADD more int;
SELECT since(:'start', 't');
\echo in one command, and again after enable()
ALTER TABLE t DROP v, ADD v text;
SELECT since(:'start', 't');
ALTER TABLE t DROP v;
SELECT pgrealtime.enable('t');
SELECT pgrealtime.enable('t', payload => 'full');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE t ADD v text;
SELECT since(:'start', 't');
\echo a command that was rolled back
SELECT pgrealtime.current_cursor() AS start \gset
BEGIN;
ALTER TABLE t DROP w;
ROLLBACK;
ALTER TABLE t ADD one int;
SELECT since(:'start', 't');
\echo a column that is renamed to the name: told by the RENAME alone
ALTER TABLE t DROP v;
ALTER TABLE t RENAME other TO v;
SELECT since(:'start', 't');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE t ADD two int;
SELECT since(:'start', 't');
\echo the table and the column are renamed before
ALTER TABLE t RENAME w TO x;
ALTER TABLE t DROP x;
ALTER TABLE t RENAME TO "T";
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE "T" ADD x int;
SELECT since(:'start', '"T"');
\echo a partitioned table
CREATE TABLE parted (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted DEFAULT;
SELECT pgrealtime.enable('parted');
ALTER TABLE parted DROP v;
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE parted ADD v int;
SELECT since(:'start', 'parted');
\echo a table of a type
CREATE TYPE shape AS (id int, v int);
CREATE TABLE shaped OF shape (PRIMARY KEY (id));
SELECT pgrealtime.enable('shaped');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TYPE shape DROP ATTRIBUTE v CASCADE;
SELECT since(:'start', 'shaped');
ALTER TYPE shape ADD ATTRIBUTE v int CASCADE;
SELECT since(:'start', 'shaped');
\echo a type that is dropped takes the column along
CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE felt (id int PRIMARY KEY, v mood);
SELECT pgrealtime.enable('felt');
DROP TYPE mood CASCADE;
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE felt ADD v int;
SELECT since(:'start', 'felt');
DROP TABLE "T", parted, shaped, felt;
DROP TYPE shape;
DROP FUNCTION since;
DROP EXTENSION pgrealtime CASCADE;
