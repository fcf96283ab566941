-- An attribute of a composite type that is dropped along with its own type: values that tables hold have changed.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/received.sql
CREATE FUNCTION told(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT concat(relation, ': ', received(relation)) $$;
CREATE TYPE mood AS ENUM ('x');
CREATE DOMAIN sevens AS int CHECK (VALUE % 7 = 0);
CREATE SCHEMA apart;
CREATE TYPE apart.size AS ENUM ('s');
CREATE TABLE rows (a int, m mood[]);
CREATE TYPE inner_row AS (a int, m mood, d sevens, s apart.size);
CREATE DOMAIN inner_rows AS inner_row[];
CREATE TABLE outside (id int PRIMARY KEY, v inner_row, m mood);
CREATE TABLE deep (id int PRIMARY KEY, v inner_rows);
CREATE TABLE of_rows (id int PRIMARY KEY, v rows);
CREATE TABLE elsewhere (id int PRIMARY KEY, m mood);
SELECT pgrealtime.enable(t::regclass) FROM unnest('{outside,deep,of_rows,elsewhere}'::text[]) AS t;
\set told 'SELECT told(t::regclass) FROM unnest(\'{outside,deep,of_rows,elsewhere}\'::text[]) AS t; UPDATE place SET cursor = pgrealtime.current_cursor();'
INSERT INTO outside VALUES (1, (1, 'x', 7, 's'), 'x');
INSERT INTO deep VALUES (1, ARRAY[(1, 'x', 7, 's')::inner_row]);
:from_here
DROP TYPE mood CASCADE;
:told
SELECT row_to_json(t) FROM outside AS t;
DROP DOMAIN sevens CASCADE;
:told
DROP SCHEMA apart CASCADE;
:told
\echo nothing of theirs
CREATE TYPE mood AS ENUM ('x');
CREATE TYPE other AS (a int, m mood);
CREATE TABLE of_other (id int PRIMARY KEY, v other, m mood);
DROP TYPE mood CASCADE;
DROP TABLE of_other;
DROP TYPE other;
:told
\echo the rows of another table
CREATE TABLE parts_of (a int);
CREATE TYPE holding AS (a int, part parts_of);
ALTER TABLE elsewhere ADD h holding;
:from_here
DROP TABLE parts_of CASCADE;
:told
