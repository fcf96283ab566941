-- A function that raises the SQLSTATE of a cancel cancels nothing: it is an error like any other. A real cancel ends the
-- statement everywhere.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE raised_reader;
CREATE FUNCTION cancels() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_cancel_backend(pg_backend_pid());
  PERFORM pg_sleep(600);
  RETURN true;
END $$;

\echo a message that a trigger refuses with such a SQLSTATE is not delivered, and the write stands
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/realtime_messages.sql
CREATE FUNCTION realtime.refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CASE NEW.topic
    WHEN 'cancel' THEN PERFORM public.cancels();
    WHEN 'caught' THEN
      BEGIN
        PERFORM public.cancels();
      EXCEPTION WHEN query_canceled THEN
        RAISE 'refused' USING ERRCODE = 'P0001';
      END;
    WHEN 'sent' THEN RETURN NEW;
    ELSE RAISE 'refused' USING ERRCODE = NEW.topic;
  END CASE;
  RETURN NEW;
END $$;
CREATE TRIGGER refuses BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.refuses();
CREATE TABLE t (id int PRIMARY KEY, topic text);
SELECT pgrealtime.enable('t', sinks => '{broadcast}', broadcast_topic => '{topic}');
INSERT INTO t VALUES (1, '57014');
INSERT INTO t VALUES (2, '57P01');
INSERT INTO t VALUES (3, '57P02');
INSERT INTO t VALUES (4, '40001');
INSERT INTO t VALUES (5, 'caught');
\echo a cancel
INSERT INTO t VALUES (6, 'cancel');
INSERT INTO t VALUES (7, 'sent');
SELECT id FROM t ORDER BY id;
SELECT topic FROM realtime.messages;
SELECT undelivered FROM pgrealtime.log_status;
DROP TABLE t;

\echo a cast to json that raises it
CREATE TYPE mood AS ENUM ('good', 'raises', 'cancels');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  CASE $1
    WHEN 'good' THEN RETURN '"good"';
    WHEN 'raises' THEN RAISE 'raised' USING ERRCODE = '57014';
    ELSE PERFORM public.cancels();
  END CASE;
END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE moods (id int PRIMARY KEY, mood mood);
SELECT pgrealtime.enable('moods');
GRANT SELECT ON moods TO raised_reader;
\i :srcdir/include/follow.sql
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO moods VALUES (1, 'good'), (2, 'raises'), (3, 'good');
SET ROLE raised_reader;
SELECT * FROM follow(:'c', 'moods');
RESET ROLE;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO moods VALUES (4, 'good'), (5, 'cancels'), (6, 'good');
SET ROLE raised_reader;
SELECT * FROM follow(:'c', 'moods');
RESET ROLE;

\echo a policy
CREATE FUNCTION sees(id int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF id = 3 THEN RAISE 'raised' USING ERRCODE = '57014'; END IF;
  RETURN CASE id WHEN 5 THEN public.cancels() ELSE true END;
END $$;
CREATE TABLE seen (id int PRIMARY KEY);
SELECT pgrealtime.enable('seen');
ALTER TABLE seen ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON seen USING (sees(id));
GRANT SELECT ON seen TO raised_reader;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO seen VALUES (1), (3), (4);
SET ROLE raised_reader;
SELECT * FROM follow(:'c', 'seen');
RESET ROLE;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO seen VALUES (6), (5);
SET ROLE raised_reader;
SELECT * FROM follow(:'c', 'seen');
SELECT 'the session goes on' AS answer;
RESET ROLE;
DROP TABLE moods, seen;
DROP ROLE raised_reader;
