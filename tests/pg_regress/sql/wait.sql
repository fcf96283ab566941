-- The procedure wait, as far as one session can see it; tests/waiting has several.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE watched (id int PRIMARY KEY);
CREATE TABLE unwatched (id int PRIMARY KEY);
SELECT pgrealtime.enable('watched'), pgrealtime.enable('unwatched');
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('watched') \gset
-- Nothing is there: the cursor moves on past what was looked at.
INSERT INTO unwatched VALUES (1);
CALL pgrealtime.wait(:'c', '0 s') \gset
SELECT :'cursor' <> :'c';
CALL pgrealtime.wait(:'c', interval '10 ms') \gset
SELECT :'cursor' <> :'c';
-- The cursor may be one of a setting, so that the text of the statement stays the same.
SELECT set_config('relay.cursor', :'c', false) = :'c';
CALL pgrealtime.wait(current_setting('relay.cursor'), '0 s') \gset
SELECT :'cursor' <> :'c';
-- Something is there: the cursor stays in front of it. The time is not waited for.
INSERT INTO watched VALUES (1);
CALL pgrealtime.wait(:'c', '1 h') \gset
SELECT change #>> '{record,id}', subscriptions = ARRAY[:subscription], error FROM pgrealtime.fan_out(:'cursor');
-- Without subscriptions there is nothing to wait for but the time.
SELECT pgrealtime.unsubscribe(ARRAY[:subscription]);
CALL pgrealtime.wait(:'c', '10 ms') \gset
SELECT :'cursor' <> :'c';
-- It ends the transaction, so it must be one of its own.
BEGIN;
CALL pgrealtime.wait(:'c');
ROLLBACK;
CREATE FUNCTION waits(cursor text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN CALL pgrealtime.wait(cursor, '0 s'); RETURN cursor; END $$;
SELECT waits(:'c');
DO $$
DECLARE c text := pgrealtime.current_cursor();
BEGIN
  CALL pgrealtime.wait(c, '0 s');
  BEGIN
    CALL pgrealtime.wait(c, '0 s');
  EXCEPTION WHEN OTHERS THEN RAISE INFO '%: %', SQLSTATE, SQLERRM;
  END;
END
$$;
CREATE PROCEDURE definer(INOUT cursor text) LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN CALL pgrealtime.wait(cursor, '0 s'); END $$;
CALL definer(:'c');
-- Arguments.
CALL pgrealtime.wait(NULL);
CALL pgrealtime.wait('');
CALL pgrealtime.wait('nonsense');
CALL pgrealtime.wait(:'c', NULL);
CALL pgrealtime.wait(:'c', '-1 s');
SET statement_timeout = '50 ms';
CALL pgrealtime.wait(:'c', '1 h');
RESET statement_timeout;
SET pgrealtime.max_wait = '1 ms';
CALL pgrealtime.wait(:'c', '1 day') \gset
SELECT :'cursor' <> :'c';
SELECT pgrealtime.invalidate_cursors();
CALL pgrealtime.wait(:'c', '0 s');
-- EXECUTE is for relays.
CREATE ROLE waits;
SET ROLE waits;
CALL pgrealtime.wait(:'c', '0 s');
RESET ROLE;
DROP ROLE waits;
