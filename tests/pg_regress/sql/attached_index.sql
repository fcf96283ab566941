-- The key of a partitioned table becomes valid with ALTER INDEX ATTACH PARTITION of the last partition's index.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE pk (id int NOT NULL, v int) PARTITION BY RANGE (id);
CREATE TABLE pk1 PARTITION OF pk DEFAULT PARTITION BY RANGE (id);
CREATE TABLE pk11 PARTITION OF pk1 DEFAULT;
ALTER TABLE ONLY pk ADD PRIMARY KEY (id);
ALTER TABLE ONLY pk1 ADD PRIMARY KEY (id);
ALTER TABLE pk11 ADD PRIMARY KEY (id);
ALTER INDEX pk_pkey ATTACH PARTITION pk1_pkey;
SELECT pgrealtime.enable('pk');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO pk VALUES (1, 1);
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{pk}', net => true) WHERE change IS NOT NULL;
ALTER INDEX pk1_pkey ATTACH PARTITION pk11_pkey;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{pk}') WHERE change IS NOT NULL;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO pk VALUES (2, 1);
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{pk}', net => true) WHERE change IS NOT NULL;
\echo an index that is no key
CREATE INDEX pk_v ON ONLY pk (v);
CREATE INDEX pk1_v ON ONLY pk1 (v);
ALTER INDEX pk_v ATTACH PARTITION pk1_v;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{pk}', net => true) WHERE change IS NOT NULL;
DROP TABLE pk;
DROP EXTENSION pgrealtime CASCADE;
