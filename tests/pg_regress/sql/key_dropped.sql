-- The key of a table goes with something else: its readers must read it again.
\set QUIET on
\pset tuples_only on
\pset format unaligned
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE DOMAIN number AS int;
CREATE COLLATION words FROM "C";
CREATE TABLE by_domain (id number NOT NULL, v int NOT NULL);
CREATE UNIQUE INDEX by_domain_key ON by_domain (id, v);
ALTER TABLE by_domain REPLICA IDENTITY USING INDEX by_domain_key;
CREATE TABLE by_collation (id text NOT NULL);
CREATE UNIQUE INDEX by_collation_key ON by_collation (id COLLATE words);
ALTER TABLE by_collation REPLICA IDENTITY USING INDEX by_collation_key;
CREATE TABLE another (id int PRIMARY KEY, t text);
CREATE INDEX another_t ON another (t COLLATE words);
SELECT pgrealtime.enable('by_domain'), pgrealtime.enable('by_collation'), pgrealtime.enable('another');
SELECT pgrealtime.current_cursor() AS start \gset
DROP DOMAIN number CASCADE;
SELECT * FROM pgrealtime.changes_since(:'start', '{by_domain}');
DROP COLLATION words CASCADE;
SELECT * FROM pgrealtime.changes_since(:'start', '{by_collation}');
SELECT change FROM pgrealtime.changes_since(:'start', '{another}');
DROP EXTENSION pgrealtime CASCADE;
