-- TRUNCATE empties all its tables before a trigger AFTER TRUNCATE fires. Rows that a trigger of another table inserts are
-- captured before the TRUNCATE. Readers are told, since they would end without these rows.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (seq int GENERATED ALWAYS AS IDENTITY, payload jsonb, event text, topic text, private boolean, extension text);
CREATE FUNCTION seed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %s VALUES (100)', TG_ARGV[0]);
  RETURN NULL;
END $$;
CREATE FUNCTION changes(start text, relation regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT concat_ws(' ', change->>'type', change->>'old_record', '->', change->>'record')
    FROM pgrealtime.changes_since(start, ARRAY[relation]) WHERE change IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN NEXT sqlstate || ' ' || sqlerrm;
END $$;

\echo two tables of one TRUNCATE
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY);
GRANT SELECT ON b TO PUBLIC;
SELECT pgrealtime.enable('a'), pgrealtime.enable('b', sinks => '{log,broadcast,wal}', broadcast_topic => 'all');
CREATE TRIGGER seed AFTER TRUNCATE ON a EXECUTE FUNCTION seed('b');
INSERT INTO a VALUES (1);
INSERT INTO b VALUES (2);
SELECT pgrealtime.current_cursor() AS start \gset
TRUNCATE realtime.messages;
BEGIN;
INSERT INTO b VALUES (3);
TRUNCATE a, b;
COMMIT;
SELECT changes(:'start', 'a'), changes(:'start', 'b');
TABLE b;
SELECT event, payload -> 'record' FROM realtime.messages ORDER BY seq;
SELECT undelivered FROM pgrealtime.log_status;
\echo without the log
SELECT pgrealtime.enable('b', sinks => '{broadcast}', broadcast_topic => 'all');
TRUNCATE a, b;
SELECT undelivered FROM pgrealtime.log_status;
SELECT pgrealtime.enable('b', sinks => '{log}');
\echo what was rolled back does not count, nor does what came before
SELECT pgrealtime.current_cursor() AS start \gset
CREATE OR REPLACE FUNCTION seed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %s VALUES (100)', TG_ARGV[0]);
  RAISE EXCEPTION 'undone';
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;
BEGIN;
INSERT INTO b VALUES (4);
TRUNCATE a, b;
INSERT INTO b VALUES (5);
COMMIT;
SELECT changes(:'start', 'b');
CREATE OR REPLACE FUNCTION seed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %s VALUES (100)', TG_ARGV[0]);
  RETURN NULL;
END $$;
\echo TRUNCATE within a function, and of tables that the transaction has truncated before
SELECT pgrealtime.current_cursor() AS start \gset
DO $$ BEGIN TRUNCATE a, b; END $$;
SELECT changes(:'start', 'b');
CREATE TABLE fresh (id int PRIMARY KEY);
SELECT pgrealtime.enable('fresh');
SELECT pgrealtime.current_cursor() AS start \gset
CREATE OR REPLACE TRIGGER seed AFTER TRUNCATE ON a EXECUTE FUNCTION seed('fresh');
BEGIN;
TRUNCATE fresh;
INSERT INTO fresh VALUES (1);
TRUNCATE fresh;
INSERT INTO fresh VALUES (2);
COMMIT;
SELECT changes(:'start', 'fresh');
BEGIN;
TRUNCATE fresh;
TRUNCATE a, fresh;
COMMIT;
SELECT changes(:'start', 'fresh');
CREATE OR REPLACE TRIGGER seed AFTER TRUNCATE ON a EXECUTE FUNCTION seed('b');
\echo CASCADE, and a partitioned table
CREATE TABLE child (id int PRIMARY KEY, a int REFERENCES a);
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parted DEFAULT;
SELECT pgrealtime.enable('child'), pgrealtime.enable('parted');
CREATE OR REPLACE TRIGGER seed AFTER TRUNCATE ON a EXECUTE FUNCTION seed('child');
SELECT pgrealtime.current_cursor() AS start \gset
TRUNCATE a CASCADE;
SELECT changes(:'start', 'child');
CREATE OR REPLACE TRIGGER seed AFTER TRUNCATE ON a EXECUTE FUNCTION seed('parted');
SELECT pgrealtime.current_cursor() AS start \gset
TRUNCATE a, child, parted;
SELECT changes(:'start', 'parted');
\echo a trigger of the table itself, which fires first
DROP TRIGGER seed ON a;
CREATE TRIGGER "!seed" AFTER TRUNCATE ON b EXECUTE FUNCTION seed('b');
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'b';
SELECT status, detail FROM pgrealtime.diagnose('b') WHERE check_name = 'trigger order';
SELECT pgrealtime.current_cursor() AS start \gset
TRUNCATE b;
SELECT changes(:'start', 'b');
ALTER TRIGGER "!seed" ON b RENAME TO seed;
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'b';
SELECT pgrealtime.current_cursor() AS start \gset
TRUNCATE b;
SELECT changes(:'start', 'b');
DROP TABLE a, b, child, parted, fresh;
DROP SCHEMA realtime CASCADE;
DROP FUNCTION seed, changes;
DROP EXTENSION pgrealtime CASCADE;
