-- A column with another type, whose rows Postgres does not write because both types store values alike: readers must read
-- the table again, since the values look different, and a key is not found again.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/received.sql
CREATE FUNCTION told(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT concat(relation, ': ', received(relation)) $$;
-- Asks for changes after each command.
\set told 'SELECT told(\'t\'); UPDATE place SET cursor = pgrealtime.current_cursor();'
SET timezone = 'UTC';
CREATE DOMAIN whole AS int;
CREATE TABLE t (id int PRIMARY KEY, a int, b cidr, c regclass, d timestamp, e varchar(5), f int, g numeric(5, 2));
SELECT pgrealtime.enable('t');
INSERT INTO t VALUES (1, -1, '10.1.2.3/32', 'pg_class', '2020-01-01 12:00', 'x', 1, 1);
:from_here
SELECT pg_relation_filenode('t') AS file \gset
\echo the values look different
ALTER TABLE t ALTER a TYPE oid;
:told
ALTER TABLE t ALTER b TYPE inet;
:told
ALTER TABLE t ALTER c TYPE oid;
:told
ALTER TABLE t ALTER d TYPE timestamptz;
:told
\echo another type that shows the same values
ALTER TABLE t ALTER e TYPE text;
:told
ALTER TABLE t ALTER f TYPE whole;
:told
\echo the same type, with more room or as it was
ALTER TABLE t ALTER g TYPE numeric(7, 2);
:told
ALTER TABLE t ALTER a TYPE oid, ALTER a SET STATISTICS 10, ADD h text;
:told
\echo the key
ALTER TABLE t ALTER id TYPE oid;
UPDATE t SET e = 'y';
:told
SELECT pg_relation_filenode('t') = :file AS not_rewritten;
\echo there and back, and only there, in a transaction
BEGIN;
ALTER TABLE t ALTER f TYPE int;
ALTER TABLE t ALTER f TYPE whole;
COMMIT;
:told
BEGIN;
SAVEPOINT s;
ALTER TABLE t ALTER f TYPE int;
ROLLBACK TO s;
ALTER TABLE t ALTER g TYPE numeric(9, 2);
COMMIT;
:told
\echo in partitions, in children, and in tables of a type
CREATE TABLE parts (id int, a int) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts (PRIMARY KEY (id)) FOR VALUES IN (1);
ALTER TABLE parts ADD PRIMARY KEY (id);
SELECT pgrealtime.enable('parts');
:from_here
ALTER TABLE parts ALTER a TYPE oid;
SELECT told('parts');
CREATE TABLE above (id int, a int);
CREATE TABLE below (PRIMARY KEY (id)) INHERITS (above);
SELECT pgrealtime.enable('below');
:from_here
ALTER TABLE above ALTER a TYPE oid;
SELECT told('below');
CREATE TYPE typed AS (id int, a int);
CREATE TABLE of_type OF typed (PRIMARY KEY (id));
SELECT pgrealtime.enable('of_type');
:from_here
ALTER TYPE typed ALTER ATTRIBUTE a TYPE oid CASCADE;
SELECT told('of_type');
:from_here
ALTER TYPE typed ADD ATTRIBUTE b int CASCADE;
SELECT told('of_type');
\echo a table that is none of these
:from_here
CREATE TABLE other (id int PRIMARY KEY);
ALTER TABLE other ALTER id TYPE oid;
SELECT told('t'), told('parts'), told('below'), told('of_type');
