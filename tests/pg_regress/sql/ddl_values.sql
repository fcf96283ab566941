-- DDL that changes values, column names or the key without changing a row: readers must read the table again.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/received.sql
CREATE FUNCTION told(relation regclass) RETURNS text LANGUAGE sql AS $$ SELECT concat(relation, ': ', received(relation)) $$;

\echo -- Attributes of a composite type, in every table that uses it
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN pairs AS pair[];
CREATE TABLE by_itself (id int PRIMARY KEY, p pair);
CREATE TABLE deep (id int PRIMARY KEY, p pairs);
CREATE TABLE elsewhere (id int PRIMARY KEY, a int);
SELECT pgrealtime.enable(t::regclass) FROM unnest('{by_itself,deep,elsewhere}'::text[]) AS t;
:from_here
ALTER TYPE pair RENAME ATTRIBUTE a TO c;
SELECT told(t::regclass) FROM unnest('{by_itself,deep,elsewhere}'::text[]) AS t;
:from_here
ALTER TYPE pair ADD ATTRIBUTE d text;
SELECT told(t::regclass) FROM unnest('{by_itself,deep,elsewhere}'::text[]) AS t;
:from_here
ALTER TYPE pair DROP ATTRIBUTE b;
SELECT told(t::regclass) FROM unnest('{by_itself,deep,elsewhere}'::text[]) AS t;
-- The rows of another table.
CREATE TABLE rows (id int PRIMARY KEY, a int);
CREATE TABLE holder (id int PRIMARY KEY, r rows);
SELECT pgrealtime.enable('holder');
:from_here
ALTER TABLE rows ADD COLUMN b int;
SELECT told('holder');
:from_here
ALTER TABLE rows RENAME b TO c;
SELECT told('holder');
:from_here
ALTER TABLE rows DROP COLUMN c;
SELECT told('holder');
:from_here
ALTER TABLE rows SET (fillfactor = 90);
ALTER TYPE pair OWNER TO CURRENT_USER;
SELECT told(t::regclass) FROM unnest('{by_itself,deep,holder}'::text[]) AS t;
DROP TABLE by_itself, deep, holder, rows;

\echo -- ADD COLUMN that gives existing rows a value
CREATE TABLE filled (id int PRIMARY KEY, a int);
CREATE DOMAIN seven AS int DEFAULT 7;
SELECT pgrealtime.enable('filled');
:from_here
ALTER TABLE filled ADD COLUMN b int, ADD COLUMN c int DEFAULT NULL;
ALTER TABLE filled ALTER b SET DEFAULT 3;
ALTER TABLE filled DROP COLUMN c;
SELECT told('filled');
ALTER TABLE filled ADD COLUMN c int NOT NULL DEFAULT 3;
SELECT told('filled');
:from_here
ALTER TABLE filled ADD COLUMN d seven;
SELECT told('filled');
:from_here
-- A column that exists already is left alone.
ALTER TABLE filled ADD COLUMN IF NOT EXISTS c int DEFAULT 3;
SELECT told('filled');
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
SELECT pgrealtime.enable('parts');
:from_here
ALTER TABLE parts ADD COLUMN a int DEFAULT 1;
SELECT told('parts');
CREATE TABLE above (id int);
CREATE TABLE below (PRIMARY KEY (id)) INHERITS (above);
SELECT pgrealtime.enable('below');
:from_here
ALTER TABLE above ADD COLUMN a text DEFAULT 'x';
SELECT told('below');

\echo -- A renamed column: copies have the old name
:from_here
ALTER TABLE filled RENAME a TO aa;
SELECT told('filled');
:from_here
INSERT INTO filled VALUES (1, 1);
SELECT told('filled');
ALTER TABLE filled RENAME TO renamed;
ALTER TABLE renamed RENAME TO filled;
ALTER TABLE filled RENAME CONSTRAINT filled_pkey TO key;
SELECT told('filled');
ALTER TABLE above RENAME a TO aa;
SELECT told('below');
ALTER TABLE parts RENAME a TO aa;
SELECT told('parts');
CREATE TYPE typed AS (id int, a int);
CREATE TABLE of_type OF typed (PRIMARY KEY (id));
SELECT pgrealtime.enable('of_type');
:from_here
ALTER TYPE typed ADD ATTRIBUTE b int CASCADE;
SELECT told('of_type');
ALTER TYPE typed RENAME ATTRIBUTE a TO aa CASCADE;
SELECT told('of_type');

\echo -- The key
CREATE TABLE keyed (id int NOT NULL, code int NOT NULL UNIQUE, a int);
CREATE UNIQUE INDEX keyed_a ON keyed (id, code);
ALTER TABLE keyed REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('keyed');
:from_here
ALTER TABLE keyed ADD PRIMARY KEY (id);
SELECT told('keyed');
:from_here
-- The primary key stays the key.
ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_a;
ALTER TABLE keyed ADD CHECK (id > 0), ADD UNIQUE (a);
SELECT told('keyed');
ALTER TABLE keyed DROP CONSTRAINT keyed_pkey;
SELECT told('keyed');
:from_here
ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_code_key;
SELECT told('keyed');
:from_here
ALTER TABLE keyed REPLICA IDENTITY FULL;
SELECT told('keyed');
:from_here
ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_a;
:from_here
DROP INDEX keyed_a;
SELECT told('keyed');
:from_here
CREATE INDEX keyed_b ON keyed (a);
DROP INDEX keyed_b;
SELECT told('keyed');
ALTER TABLE keyed DROP COLUMN code, ADD COLUMN key int GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
SELECT told('keyed');
:from_here
ALTER TABLE keyed DROP COLUMN key;
SELECT told('keyed');
-- A key that is dropped along with a type.
CREATE TYPE kind AS ENUM ('a');
CREATE TABLE of_kind (k kind PRIMARY KEY, a int);
SELECT pgrealtime.enable('of_kind');
:from_here
DROP TYPE kind CASCADE;
SELECT told('of_kind');
TABLE gaps;
