-- The rows of foreign tables do not show the order of their changes. Readers are told when a statement within the running
-- one has changed rows of the relation before.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (seq int GENERATED ALWAYS AS IDENTITY, payload jsonb, event text, topic text, private boolean, extension text);
DO $$
BEGIN
    EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
        current_database(), current_setting('unix_socket_directories'), current_setting('port'));
END
$$;
CREATE USER MAPPING FOR CURRENT_USER SERVER here OPTIONS (user 'postgres');
CREATE TABLE elsewhere (id int, n int);
CREATE TABLE fp (id int, n int) PARTITION BY LIST (id);
CREATE TABLE fp_local PARTITION OF fp FOR VALUES IN (9);
CREATE FOREIGN TABLE fp1 PARTITION OF fp DEFAULT SERVER here OPTIONS (table_name 'elsewhere');
ALTER TABLE fp REPLICA IDENTITY FULL;
ALTER TABLE fp_local REPLICA IDENTITY FULL;
GRANT SELECT ON fp TO PUBLIC;
CREATE FUNCTION changes(start text, relation regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT concat_ws(' ', change->>'type', change->>'old_record', '->', change->>'record')
    FROM pgrealtime.changes_since(start, ARRAY[relation]) WHERE change IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN NEXT sqlstate || ' ' || sqlerrm;
END $$;
SELECT pgrealtime.enable('fp', sinks => '{log,broadcast}', broadcast_topic => 'all');
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN
    UPDATE fp SET n = n + 100 WHERE id = 3 - NEW.id;
  END IF;
  RETURN NULL;
END $$;
INSERT INTO fp VALUES (1, 0), (2, 0), (9, 0);
SELECT pgrealtime.current_cursor() AS start \gset
\echo without a statement within
UPDATE fp SET n = 1;
BEGIN;
UPDATE fp SET n = 2 WHERE id = 1;
UPDATE fp SET n = 2 WHERE id = 1;
DELETE FROM fp WHERE id = 1;
INSERT INTO fp VALUES (1, 0);
COMMIT;
SELECT changes(:'start', 'fp');
SELECT undelivered FROM pgrealtime.log_status;
\echo a trigger that changes another row of the statement
CREATE TRIGGER other AFTER UPDATE ON fp1 FOR EACH ROW EXECUTE FUNCTION other();
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE fp SET n = 1 WHERE id IN (1, 2);
SELECT changes(:'start', 'fp');
SELECT undelivered FROM pgrealtime.log_status;
\echo one whose statement was rolled back
CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN
    UPDATE fp SET n = 100 WHERE id = 9;
    RAISE EXCEPTION 'undone';
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE fp SET n = 3 WHERE id IN (1, 2);
SELECT changes(:'start', 'fp');
SELECT undelivered FROM pgrealtime.log_status;
\echo a local row that a statement within a foreign one changes
CREATE OR REPLACE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE fp SET n = n + 1 WHERE id = 9;
  RETURN NULL;
END $$;
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE fp SET n = 4 WHERE id IN (1, 9);
SELECT changes(:'start', 'fp');
\echo without the log
SELECT pgrealtime.enable('fp', sinks => '{broadcast}', broadcast_topic => 'all');
UPDATE fp SET n = 5 WHERE id = 1;
SELECT undelivered FROM pgrealtime.log_status;
UPDATE fp SET n = 5 WHERE id IN (1, 2);
SELECT undelivered FROM pgrealtime.log_status;
DROP EXTENSION pgrealtime CASCADE;
DROP EXTENSION postgres_fdw CASCADE;
DROP TABLE fp, elsewhere;
DROP SCHEMA realtime CASCADE;
DROP FUNCTION other, changes;
