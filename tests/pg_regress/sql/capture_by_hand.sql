-- Triggers that are attached by hand: on partitions whose columns are elsewhere, and on the widest table.
\set VERBOSITY terse
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/capture_by_hand.sql
CREATE TABLE place (cursor text);
INSERT INTO place VALUES (pgrealtime.current_cursor());
-- The changes since its last call.
CREATE FUNCTION changes(names text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    next text;
BEGIN
    RETURN QUERY SELECT concat_ws(' ', change->>'type', change->>'table', change->'old_record', change->'record')
        FROM place, pgrealtime.changes_since(place.cursor, names::regclass[]) AS c WHERE change IS NOT NULL;
    SELECT c.cursor INTO next FROM place, pgrealtime.changes_since(place.cursor, names::regclass[]) AS c WHERE change IS NULL;
    UPDATE place SET cursor = next;
END
$$;
\pset format unaligned
\pset tuples_only on

\echo -- A row that moves to another partition
CREATE TABLE parts (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (k int, gone text, id int);
ALTER TABLE parts_2 DROP COLUMN gone, ALTER id SET NOT NULL, ALTER k SET NOT NULL;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
SELECT capture('parts');
UPDATE place SET cursor = pgrealtime.current_cursor();
INSERT INTO parts VALUES (1, 1), (2, 2);
UPDATE parts SET k = 2 WHERE id = 1;
UPDATE parts SET id = 3 WHERE id = 2;
DELETE FROM parts_2 WHERE id = 3;
SELECT changes('{parts}');

\echo -- The widest table
DO $$ BEGIN EXECUTE (SELECT format('CREATE TABLE wide (%s)', string_agg(format('c%s int', i), ', ')) FROM generate_series(1, 1600) AS i); END $$;
SELECT capture('wide');
UPDATE place SET cursor = pgrealtime.current_cursor();
INSERT INTO wide (c1, c1600) VALUES (1, 1600);
UPDATE wide SET c800 = 800;
WITH c AS (SELECT change, row_number() OVER () FROM place, pgrealtime.changes_since(place.cursor, '{wide}') WHERE change IS NOT NULL)
SELECT change->>'type', (SELECT count(*) FROM json_object_keys(change->'record')), change->'record'->>'c1600', change->'record'->>'c800' FROM c ORDER BY row_number;
