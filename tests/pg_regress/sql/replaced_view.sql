-- CREATE OR REPLACE VIEW adds columns to the type of its rows: values of this type have more columns than copies have.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE VIEW shown AS SELECT 1 AS a;
CREATE TABLE held (id int PRIMARY KEY, one shown);
CREATE TABLE other (id int PRIMARY KEY);
SELECT pgrealtime.enable('held'), pgrealtime.enable('other');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO held VALUES (1, ROW(1));
CREATE VIEW new_one AS SELECT 1 AS a;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{held}') WHERE change IS NOT NULL;
CREATE OR REPLACE VIEW shown AS SELECT 1 AS a, 2 AS b;
SELECT change FROM pgrealtime.changes_since(:'start', '{held}') WHERE change IS NOT NULL;
SELECT change FROM pgrealtime.changes_since(:'start', '{other}') WHERE change IS NOT NULL;
DROP TABLE held, other;
DROP VIEW shown, new_one;
DROP EXTENSION pgrealtime CASCADE;
