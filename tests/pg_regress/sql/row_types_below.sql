-- Values of a row type that gets its columns from another relation: what is done to that one changes them.
\set QUIET on
\pset tuples_only on
\pset format unaligned
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE TABLE parent (a int);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
CREATE TABLE parts (a int) PARTITION BY LIST (a);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
CREATE TYPE shape AS (a int);
CREATE TABLE typed OF shape;
CREATE TABLE of_child (id int PRIMARY KEY, c grandchild[]);
CREATE TABLE of_part (id int PRIMARY KEY, c part);
CREATE TABLE of_typed (id int PRIMARY KEY, c typed);
CREATE TABLE of_nothing (id int PRIMARY KEY, c int);
SELECT pgrealtime.enable(one::regclass) FROM unnest('{of_child,of_part,of_typed,of_nothing}'::text[]) AS one;
CREATE FUNCTION told(start text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  all_told text := '';
  one text;
BEGIN
  FOREACH one IN ARRAY '{of_child,of_part,of_typed,of_nothing}'::text[] LOOP
    BEGIN
      PERFORM pgrealtime.changes_since(start, ARRAY[one::regclass]);
    EXCEPTION WHEN SQLSTATE '72000' THEN
      all_told := all_told || ' ' || one;
    END;
  END LOOP;
  RETURN 'told:' || all_told;
END $$;
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE parent RENAME a TO b;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE parent ADD d int;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE parts RENAME a TO b;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE parts ADD d int;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TYPE shape RENAME ATTRIBUTE a TO b CASCADE;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TYPE shape ADD ATTRIBUTE d int CASCADE;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TYPE shape DROP ATTRIBUTE d CASCADE;
SELECT told(:'start');
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE of_nothing RENAME c TO e;
SELECT told(:'start');
DROP EXTENSION pgrealtime CASCADE;
