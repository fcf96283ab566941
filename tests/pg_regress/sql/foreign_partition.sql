-- Foreign partitions and foreign tables write no WAL, yet their changes are logged in order.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE EXTENSION postgres_fdw;
DO $$
BEGIN
    EXECUTE format('CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname %L, host %L, port %L)',
        current_database(), current_setting('unix_socket_directories'), current_setting('port'));
END
$$;
CREATE USER MAPPING FOR CURRENT_USER SERVER here OPTIONS (user 'postgres');
CREATE TABLE kept_elsewhere (id int, region text);
CREATE TABLE places (id int, region text) PARTITION BY LIST (region);
CREATE TABLE places_here PARTITION OF places FOR VALUES IN ('here');
CREATE FOREIGN TABLE places_there PARTITION OF places FOR VALUES IN ('there')
    SERVER here OPTIONS (table_name 'kept_elsewhere');
ALTER TABLE places_here REPLICA IDENTITY FULL;
ALTER TABLE places REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('places');

CREATE FUNCTION since(start text, relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', change->>'type', change->>'old_record', change->>'record')
    FROM pgrealtime.changes_since(start, ARRAY[relation]) WHERE change IS NOT NULL
$$;
-- The last record that this session wrote lies before each of these cursors.
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO places VALUES (1, 'there');
SELECT since(:'start', 'places');
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE places SET id = 2;
SELECT since(:'start', 'places');
-- A row that moves from a table with WAL to one without.
INSERT INTO places VALUES (3, 'here');
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE places SET region = 'there' WHERE id = 3 AND region = 'here';
SELECT since(:'start', 'places');
SELECT pgrealtime.current_cursor() AS start \gset
DELETE FROM places WHERE id = 2;
SELECT since(:'start', 'places');
-- TRUNCATE of the root, whose partitions with rows are all foreign.
DROP TABLE places_here;
SELECT pgrealtime.current_cursor() AS start \gset
TRUNCATE places;
SELECT since(:'start', 'places');

-- One that comes later has rows already.
SET client_min_messages = notice;
SELECT pgrealtime.current_cursor() AS start \gset
CREATE FOREIGN TABLE places_beyond PARTITION OF places FOR VALUES IN ('beyond')
    SERVER here OPTIONS (table_name 'kept_elsewhere');
SET client_min_messages = warning;
SELECT since(:'start', 'places');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO places VALUES (4, 'beyond');
SELECT since(:'start', 'places');

-- A foreign table by itself, with triggers of one's own.
CREATE FOREIGN TABLE alone (id int, region text) SERVER here OPTIONS (table_name 'kept_elsewhere');
CREATE TRIGGER told AFTER INSERT ON alone FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO alone VALUES (5, 'there');
SELECT since(:'start', 'alone');

-- What a foreign partition has of triggers is complete as far as the server admits TRUNCATE triggers there (16 and later).
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'places';
SELECT pgrealtime.disable('places');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'places_there'::regclass;
DROP EXTENSION pgrealtime CASCADE;
