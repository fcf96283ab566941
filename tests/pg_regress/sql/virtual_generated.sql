-- Virtual generated columns, which PostgreSQL 18 brought: in the image, though no row stores them.
SELECT current_setting('server_version_num')::int < 180000 AS too_old \gset
\if :too_old
\quit
\endif
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, a int, long text, b int GENERATED ALWAYS AS (100 / a) VIRTUAL, c text GENERATED ALWAYS AS (upper(long)), s int GENERATED ALWAYS AS (a + 1) STORED);
SELECT pgrealtime.enable('t');
SELECT pgrealtime.current_cursor() AS cursor \gset
INSERT INTO t VALUES (1, 5, 'x'), (2, NULL, NULL);
UPDATE t SET a = 10 WHERE id = 1;
UPDATE t SET id = 3 WHERE id = 2;
DELETE FROM t WHERE id = 1;
SELECT change->>'type' AS type, change->'record' AS record, change->'old_record' AS old_record FROM pgrealtime.changes_since(:'cursor', '{t}') WHERE change IS NOT NULL;
-- A filter, as SELECT has it: a row that enters it is an INSERT.
SELECT pgrealtime.current_cursor() AS cursor \gset
INSERT INTO t VALUES (4, 50, 'low'), (5, 2, 'high');
UPDATE t SET a = 4 WHERE id = 4;
SELECT change->>'type' AS type, change->'record' AS record FROM pgrealtime.changes_since(:'cursor', '{t}', filter => 'b=gte.25') WHERE change IS NOT NULL;
-- A policy.
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t FOR SELECT USING (c = 'HIGH');
CREATE ROLE virtual_reader;
GRANT SELECT ON t TO virtual_reader;
SET ROLE virtual_reader;
SELECT change->>'type' AS type, change->'record'->'id' AS id FROM pgrealtime.changes_since(:'cursor', '{t}') WHERE change IS NOT NULL;
RESET ROLE;
-- A value that cannot be computed is an error for readers of the column, never for the write; it is absent, not NULL.
SELECT pgrealtime.current_cursor() AS cursor \gset
INSERT INTO t VALUES (6, 0, 'zero');
UPDATE t SET a = 1 WHERE id = 6;
UPDATE t SET a = 0 WHERE id = 6;
SELECT b FROM t WHERE id = 6;
SELECT change->>'type' AS type, change->'record' AS record, change->'old_record' AS old_record FROM pgrealtime.changes_since(:'cursor', '{t}') WHERE change IS NOT NULL;
SELECT count(*) FROM pgrealtime.changes_since(:'cursor', '{t}', filter => 'b=is.null');
-- Long values, and those that are cut.
SELECT pgrealtime.current_cursor() AS cursor \gset
SET pgrealtime.max_image_bytes = '64kB';
ALTER TABLE t ALTER long SET STORAGE EXTERNAL;
INSERT INTO t VALUES (7, 1, repeat('x', 20000)), (8, 1, repeat('x', 40000));
SELECT change->'record'->'id' AS id, length(change->'record'->>'long') AS long, length(change->'record'->>'c') AS c, change->'record'->'b' AS b
FROM pgrealtime.changes_since(:'cursor', '{t}') WHERE change IS NOT NULL;
-- By the expression of the root, whatever the order of the partition's columns.
CREATE TABLE r (id int PRIMARY KEY, a int, v int GENERATED ALWAYS AS (a * 2)) PARTITION BY LIST (id);
CREATE TABLE r1 (v int GENERATED ALWAYS AS (a * 2), gone int, a int, id int NOT NULL);
ALTER TABLE r1 DROP COLUMN gone;
ALTER TABLE r ATTACH PARTITION r1 FOR VALUES IN (1);
SELECT pgrealtime.enable('r');
SELECT pgrealtime.current_cursor() AS cursor \gset
INSERT INTO r VALUES (1, 21);
UPDATE r SET a = 22;
SELECT change->>'type' AS type, change->'record' AS record, change->'old_record' AS old_record FROM pgrealtime.changes_since(:'cursor', '{r}') WHERE change IS NOT NULL;
-- A replica identity with a column that is not published: Postgres refuses UPDATE and DELETE, so enable refuses the table.
CREATE TABLE f (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id + 1) STORED);
ALTER TABLE f REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('f');
ALTER PUBLICATION supabase_realtime SET (publish_generated_columns = stored);
SELECT pgrealtime.enable('f');
INSERT INTO f VALUES (1); UPDATE f SET id = 2; DELETE FROM f;
CREATE TABLE v (id int PRIMARY KEY, s int GENERATED ALWAYS AS (id + 1) VIRTUAL);
ALTER TABLE v REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('v');
ALTER TABLE v REPLICA IDENTITY DEFAULT;
SELECT pgrealtime.enable('v');
INSERT INTO v VALUES (1); UPDATE v SET id = 2; DELETE FROM v;
DROP TABLE t, r, f, v;
DROP ROLE virtual_reader;
