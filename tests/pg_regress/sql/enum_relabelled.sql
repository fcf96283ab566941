-- A filter on an enum means the label that it names, whatever value had it when the session used the filter before.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE TYPE level AS ENUM ('low', 'high');
CREATE TABLE alarms (id int PRIMARY KEY, level level, details jsonb DEFAULT '{"n": 1}');
SELECT pgrealtime.enable('alarms');
CREATE FUNCTION low() RETURNS SETOF json LANGUAGE sql AS $$
  SELECT change -> 'record' FROM pgrealtime.changes_since(current_setting('test.cursor'), '{alarms}', 'level=eq.low') WHERE change IS NOT NULL
$$;
SELECT start();
INSERT INTO alarms VALUES (1, 'low'), (2, 'high');
SELECT low();

-- The labels change places. The filter follows the label.
ALTER TYPE level RENAME VALUE 'low' TO 'other';
ALTER TYPE level RENAME VALUE 'high' TO 'low';
ALTER TYPE level RENAME VALUE 'other' TO 'high';
SELECT start();
INSERT INTO alarms VALUES (3, 'low'), (4, 'high');
SELECT low();

-- Subscriptions are no different, whether or not keys decide the whole filter.
SELECT start();
SELECT subscription FROM pgrealtime.subscribe('alarms', 'level=eq.low');
SELECT subscription FROM pgrealtime.subscribe('alarms', 'level=eq.low,details->n=gt.0');
INSERT INTO alarms VALUES (5, 'low'), (6, 'high');
SELECT heard();
ALTER TYPE level RENAME VALUE 'low' TO 'other';
ALTER TYPE level RENAME VALUE 'high' TO 'low';
INSERT INTO alarms VALUES (7, 'low'), (8, 'other');
SELECT heard();

-- Where a table with a row filter cannot be locked, the command fails, and can be repeated. A prepared transaction takes the
-- place of another session.
SELECT pgrealtime.enable('alarms', row_filter => 'level=eq.low');
BEGIN;
INSERT INTO alarms VALUES (9, 'low');
PREPARE TRANSACTION 'another session';
SET lock_timeout = '10ms';
ALTER TYPE level RENAME VALUE 'low' TO 'lowest';
COMMIT PREPARED 'another session';
SELECT row_filter, status FROM pgrealtime.realtime_configuration;
ALTER TYPE level RENAME VALUE 'low' TO 'lowest';
SELECT row_filter, status FROM pgrealtime.realtime_configuration;
