-- A session that has subscribed before begins at a cursor of the log as it is now: after invalidate_cursors(), also one
-- that was undone, and after the extension was made again.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE TABLE goals (id int PRIMARY KEY);
SELECT pgrealtime.enable('goals');
-- begun(): subscribes, and says what comes of an INSERT.
CREATE FUNCTION begun(new int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('test.cursor', cursor, false) FROM pgrealtime.subscribe('goals', 'id=eq.' || new);
  INSERT INTO goals VALUES (new);
END
$$;
SELECT begun(1);
SELECT heard();

SELECT current_setting('test.cursor') AS old \gset
SELECT pgrealtime.invalidate_cursors();
SELECT cursor FROM pgrealtime.fan_out(:'old');
SELECT begun(2);
SELECT heard();

BEGIN;
SELECT pgrealtime.invalidate_cursors();
SELECT begun(3);
ROLLBACK;
SELECT begun(4);
SELECT heard();

DROP EXTENSION pgrealtime;
CREATE EXTENSION pgrealtime;
SELECT pgrealtime.enable('goals');
SELECT begun(5);
SELECT heard();
