-- A statement that is cancelled while the extension uses a subtransaction leaves nothing open: the session works on, and
-- what a block writes after it has caught the cancel is there once it has committed.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE TABLE slow (id int PRIMARY KEY, note text);
SELECT pgrealtime.enable('slow');
CREATE FUNCTION sleepy() RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(600) IS NOT NULL';
CREATE POLICY waits ON slow FOR SELECT USING (sleepy());
ALTER TABLE slow ENABLE ROW LEVEL SECURITY;
CREATE ROLE cancelled_reader;
GRANT SELECT, INSERT ON slow TO cancelled_reader;
CREATE POLICY writes ON slow FOR INSERT WITH CHECK (true);
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO slow VALUES (1, 'before');

-- Policies of a reader.
SET ROLE cancelled_reader;
SET statement_timeout = '100ms';
SELECT cursor FROM pgrealtime.changes_since(:'start', '{slow}');
SET statement_timeout = 0;
INSERT INTO slow VALUES (2, 'after the reader');
ROLLBACK;
BEGIN;
SET LOCAL statement_timeout = '100ms';
SELECT cursor FROM pgrealtime.changes_since(:'start', '{slow}');
ROLLBACK;
INSERT INTO slow VALUES (3, 'after the reader in a transaction');
RESET ROLE;
-- Caught, in the middle of a transaction that goes on.
CREATE FUNCTION reads(start text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pgrealtime.changes_since(start, '{slow}');
  RETURN 'read';
EXCEPTION WHEN query_canceled THEN
  INSERT INTO slow VALUES (4, 'in the block that caught it');
  RETURN SQLERRM;
END $$;
SET ROLE cancelled_reader;
BEGIN;
SET LOCAL statement_timeout = '100ms';
SELECT reads(:'start');
SET LOCAL statement_timeout = 0;
INSERT INTO slow VALUES (5, 'after it was caught');
COMMIT;
RESET ROLE;
SELECT * FROM slow ORDER BY id;

-- diagnose, as another role.
SET statement_timeout = '100ms';
SELECT count(*) FROM pgrealtime.diagnose('slow', 'cancelled_reader');
SET statement_timeout = 0;
INSERT INTO slow VALUES (6, 'after diagnose');

-- The broadcast of a writer.
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/realtime_messages.sql
CREATE FUNCTION realtime.sleeps() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
CREATE TRIGGER sleeps BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.sleeps();
SELECT pgrealtime.enable('slow', sinks => '{log,broadcast}', broadcast_topic => 'slow');
SELECT pgrealtime.current_cursor() AS start \gset
SET statement_timeout = '100ms';
INSERT INTO slow VALUES (7, 'never');
SET statement_timeout = 0;
CREATE FUNCTION writes() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO slow VALUES (8, 'never');
  RETURN 'written';
EXCEPTION WHEN query_canceled THEN
  RETURN SQLERRM;
END $$;
BEGIN;
SET LOCAL statement_timeout = '100ms';
SELECT writes();
SET LOCAL statement_timeout = 0;
ALTER TABLE realtime.messages DISABLE TRIGGER sleeps;
INSERT INTO slow VALUES (9, 'after the broadcast');
COMMIT;
SELECT * FROM slow WHERE id > 5 ORDER BY id;
SELECT count(*) FROM realtime.messages;
-- The log and the table agree.
ALTER TABLE slow DISABLE ROW LEVEL SECURITY;
SELECT change ->> 'type' AS type, change -> 'record' ->> 'id' AS id
FROM pgrealtime.changes_since(:'start', '{slow}') WHERE change IS NOT NULL;
DROP FUNCTION reads, writes;
DROP TABLE slow;
DROP ROLE cancelled_reader;
