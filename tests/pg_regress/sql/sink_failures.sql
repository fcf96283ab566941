-- A message that a sink cannot deliver causes one warning per transaction and is counted; the write succeeds.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text CHECK (topic <> 'bad'), extension text, payload jsonb, event text, private boolean);
CREATE TABLE sent (id int PRIMARY KEY, topic text);
SELECT pgrealtime.enable('sent', sinks => '{broadcast}', broadcast_topic => '{topic}');
\set sent 'SELECT topic, payload #> ''{record,id}'' AS id FROM realtime.messages ORDER BY id; TRUNCATE realtime.messages; SELECT undelivered FROM pgrealtime.log_status'
\echo the second message and the third
INSERT INTO sent VALUES (1, 'a');
BEGIN;
INSERT INTO sent VALUES (2, 'a');
INSERT INTO sent VALUES (3, 'bad'), (4, 'a'), (5, 'bad');
INSERT INTO sent VALUES (6, 'bad');
COMMIT;
:sent;
SELECT count(*) FROM sent;
\echo a missing partition, which only the second message needs
DROP TABLE realtime.messages;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean) PARTITION BY LIST (topic);
CREATE TABLE realtime.a PARTITION OF realtime.messages FOR VALUES IN ('a');
BEGIN; INSERT INTO sent VALUES (11, 'a'); INSERT INTO sent VALUES (12, 'b'); INSERT INTO sent VALUES (13, 'a'); COMMIT;
:sent;
\echo savepoints: what is rolled back was neither sent nor lost
BEGIN;
INSERT INTO sent VALUES (21, 'a');
SAVEPOINT s; INSERT INTO sent VALUES (22, 'b'); INSERT INTO sent VALUES (23, 'a'); ROLLBACK TO s;
INSERT INTO sent VALUES (24, 'b');
SAVEPOINT t; INSERT INTO sent VALUES (25, 'a'); RELEASE t;
COMMIT;
:sent;
\echo a transaction that is prepared
BEGIN; INSERT INTO sent VALUES (31, 'a'); INSERT INTO sent VALUES (32, 'b'); PREPARE TRANSACTION 'sink_failures';
COMMIT PREPARED 'sink_failures';
:sent;
\echo an exception block of the writer
DO $$ BEGIN
  FOR i IN 41..44 LOOP
    BEGIN
      INSERT INTO sent VALUES (i, CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END);
      IF i = 42 THEN RAISE 'x'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL;
    END;
  END LOOP;
END $$;
:sent;
\echo constraint triggers that are deferred would run at the end with the rights of the writer
CREATE FUNCTION realtime.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'runs as %', current_user; RETURN NULL; END $$;
CREATE ROLE sink_owner;
GRANT USAGE ON SCHEMA realtime TO sink_owner;
ALTER TABLE realtime.messages OWNER TO sink_owner;
GRANT SELECT ON sent TO sink_owner;
ALTER TABLE realtime.a OWNER TO sink_owner;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON realtime.a DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION realtime.later();
BEGIN; INSERT INTO sent VALUES (51, 'a'); SET CONSTRAINTS ALL DEFERRED; INSERT INTO sent VALUES (52, 'a'); SET CONSTRAINTS ALL IMMEDIATE; INSERT INTO sent VALUES (53, 'a'); COMMIT;
:sent;
DROP TRIGGER later ON realtime.a;
\echo nested writes: a trigger of the messages changes another table that is broadcast
CREATE TABLE seen (id int PRIMARY KEY, topic text);
GRANT INSERT, SELECT (id, topic) ON seen TO sink_owner;
SELECT pgrealtime.enable('seen', sinks => '{broadcast}', broadcast_topic => '{topic}');
CREATE FUNCTION realtime.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.payload ->> 'table' = 'sent' THEN
    INSERT INTO public.seen VALUES ((NEW.payload #>> '{record,id}')::int * 10, CASE (NEW.payload #>> '{record,id}')::int % 2 WHEN 0 THEN 'b' ELSE 'a' END);
    IF NEW.payload #>> '{record,id}' = '63' THEN RAISE division_by_zero; END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER INSERT ON realtime.a FOR EACH ROW EXECUTE FUNCTION realtime.note();
BEGIN; INSERT INTO sent VALUES (61, 'a'), (62, 'a'); INSERT INTO sent VALUES (63, 'a'), (64, 'c'), (65, 'a'); COMMIT;
SELECT id FROM seen ORDER BY id;
:sent;
\echo and one that changes the same table again and again
CREATE OR REPLACE FUNCTION realtime.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO public.sent SELECT max(id) + 1, 'a' FROM public.sent; RETURN NEW; END $$;
GRANT SELECT, INSERT ON sent TO sink_owner;
INSERT INTO sent VALUES (71, 'a');
SELECT max(id) FROM sent;
:sent;
DROP TRIGGER note ON realtime.a;
\echo the reason of a failure is shown to roles that may see the row
CREATE FUNCTION realtime.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the payload is %', NEW.payload; END $$;
CREATE TRIGGER tell BEFORE INSERT ON realtime.a FOR EACH ROW EXECUTE FUNCTION realtime.tell();
CREATE ROLE sink_writer;
GRANT INSERT, DELETE, SELECT (id, topic) ON sent TO sink_writer;
SET ROLE sink_writer;
DELETE FROM sent WHERE id = 1;
RESET ROLE;
DELETE FROM sent WHERE id = 2;
DROP TRIGGER tell ON realtime.a;
:sent;
\echo a cast that raises: in a message, in the topic, for each sink
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE FUNCTION mood_to_json(mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN IF $1::text = 'sad' THEN RAISE 'sad' USING ERRCODE = 'XY123'; END IF; RETURN '"a"'; END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_to_json(mood);
CREATE TABLE moods (id int PRIMARY KEY, mood mood);
GRANT SELECT ON moods TO PUBLIC;
SELECT pgrealtime.enable('moods', sinks => '{broadcast}', broadcast_topic => 'a');
BEGIN; INSERT INTO moods VALUES (1, 'happy'); INSERT INTO moods VALUES (2, 'sad'), (3, 'happy'); COMMIT;
:sent;
SELECT pgrealtime.enable('moods', broadcast_topic => '{mood}');
UPDATE moods SET mood = 'sad';
UPDATE moods SET mood = 'happy';
INSERT INTO moods VALUES (4, 'happy');
:sent;
SELECT pgrealtime.enable('moods', sinks => '{wal,broadcast}', broadcast_topic => '{mood}');
BEGIN; INSERT INTO moods VALUES (5, 'happy'); INSERT INTO moods VALUES (6, 'sad'), (7, 'happy'); COMMIT;
:sent;
SELECT count(*) FROM moods;
\echo a transaction that cannot send its messages stops trying
CREATE TABLE many (id int PRIMARY KEY);
GRANT SELECT ON many TO sink_owner;
SELECT pgrealtime.enable('many', sinks => '{broadcast}', broadcast_topic => 'nowhere');
INSERT INTO many SELECT generate_series(1, 1000);
SELECT undelivered FROM pgrealtime.log_status;
\echo a cancel ends the statement
CREATE OR REPLACE FUNCTION realtime.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
CREATE TRIGGER tell BEFORE INSERT ON realtime.a FOR EACH ROW EXECUTE FUNCTION realtime.tell();
BEGIN; SET LOCAL statement_timeout = '50ms'; INSERT INTO sent VALUES (92, 'a'); ROLLBACK;
SELECT count(*) FROM sent WHERE id > 90;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE sent, seen, moods, many;
DROP TYPE mood CASCADE;
DROP SCHEMA realtime CASCADE;
DROP ROLE sink_owner, sink_writer;
