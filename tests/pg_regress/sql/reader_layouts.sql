-- The table was altered between a change and its reading, under a policy that lets NULL pass. Images that can be mapped are
-- judged; for others readers must read the table again, and they are never shown.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE layouts_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/reader.sql
-- A table with a row of organisation 1, one of 2 and one of nobody, captured; then what happens to it, then its readers.
CREATE PROCEDURE public.made() LANGUAGE plpgsql AS $$
BEGIN
  DROP TABLE IF EXISTS goals;
  DROP TYPE IF EXISTS state;
  CREATE TYPE state AS ENUM ('open', 'done');
  CREATE TABLE goals (id int PRIMARY KEY, org int, state state, title varchar(40));
  ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
  CREATE POLICY org ON goals USING (org IS NULL OR org = 1);
  GRANT SELECT ON goals TO layouts_reader;
  PERFORM pgrealtime.enable('goals');
END $$;
CREATE PROCEDURE public.fill() LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('test.since', pgrealtime.current_cursor(), false);
  INSERT INTO app.goals VALUES (1, 1, 'open', 'ours'), (2, 2, 'open', 'secret'), (3, NULL, 'done', 'nobody''s');
END $$;
CREATE FUNCTION public.read() RETURNS TABLE (change text) LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL ROLE layouts_reader;
  RETURN QUERY SELECT * FROM public.feed(current_setting('test.since'), 'app.goals');
  RESET ROLE;
END $$;
\pset format unaligned
\pset tuples_only on

\echo nothing happens
CALL public.made();
CALL public.fill();
SELECT * FROM public.read();
\echo RENAME of the table, and of the column that the policy uses
CALL public.made();
CALL public.fill();
ALTER TABLE goals RENAME TO targets;
ALTER TABLE targets RENAME TO goals;
SELECT * FROM public.read();
ALTER TABLE goals RENAME COLUMN org TO tenant;
SELECT * FROM public.read();
SELECT set_config('test.since', pgrealtime.current_cursor(), false) <> '';
INSERT INTO goals VALUES (4, 1, 'open', 'ours'), (5, 2, 'open', 'secret');
SELECT * FROM public.read();
\echo DROP COLUMN of another column
CALL public.made();
CALL public.fill();
ALTER TABLE goals DROP COLUMN title;
SELECT * FROM public.read();
\echo DROP COLUMN of the policy, and another one for it
CALL public.made();
CALL public.fill();
ALTER TABLE goals DROP COLUMN org CASCADE;
ALTER TABLE goals ADD COLUMN tenant int;
CREATE POLICY org ON goals USING (tenant IS NULL OR tenant = 1);
SELECT * FROM public.read();
\echo ADD COLUMN that no policy looks at
CALL public.made();
CALL public.fill();
ALTER TABLE goals ADD COLUMN more int;
SELECT * FROM public.read();
\echo ADD COLUMN, and a policy on it
CALL public.made();
CALL public.fill();
ALTER TABLE goals ADD COLUMN shown boolean;
CREATE POLICY shown ON goals AS RESTRICTIVE USING (shown IS NULL OR shown);
SELECT * FROM public.read();
\echo ALTER TYPE of the column that the policy uses
CALL public.made();
CALL public.fill();
DROP POLICY org ON goals;
ALTER TABLE goals ALTER COLUMN org TYPE bigint;
CREATE POLICY org ON goals USING (org IS NULL OR org = 1);
SELECT * FROM public.read();
\echo ALTER TYPE of another
CALL public.made();
CALL public.fill();
ALTER TABLE goals ALTER COLUMN title TYPE text;
SELECT * FROM public.read();
\echo ALTER TYPE RENAME VALUE
CALL public.made();
CALL public.fill();
CREATE POLICY state ON goals AS RESTRICTIVE USING (state IS NULL OR state = 'open');
ALTER TYPE state RENAME VALUE 'open' TO 'begun';
SELECT * FROM public.read();
SELECT to_json(goals) FROM goals;
\echo without that gap entry, an image has the new name as well
CALL public.made();
CALL public.fill();
CREATE POLICY state ON goals AS RESTRICTIVE USING (state IS NULL OR state = 'open');
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
ALTER TYPE state RENAME VALUE 'open' TO 'begun';
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
SELECT * FROM public.read();
\echo DROP and CREATE of the same name
CALL public.made();
CALL public.fill();
SELECT current_setting('test.since') AS from \gset
CALL public.made();
SELECT set_config('test.since', :'from', false) IS NULL;
SELECT * FROM public.read();
\echo an image cut for its size
CALL public.made();
ALTER TABLE goals ADD COLUMN long text;
SELECT set_config('test.since', pgrealtime.current_cursor(), false) IS NULL;
SET pgrealtime.max_image_bytes = '64kB';
INSERT INTO goals VALUES (4, 1, 'open', 'ours', long());
INSERT INTO goals VALUES (5, 2, 'open', 'secret', long());
SELECT * FROM public.read();
CREATE POLICY long ON goals AS RESTRICTIVE USING (long IS NULL OR long = '');
SELECT * FROM public.read();
RESET pgrealtime.max_image_bytes;
\echo payload => key
CALL public.made();
SELECT pgrealtime.enable('goals', payload => 'key');
CALL public.fill();
UPDATE goals SET org = 2 WHERE id = 1;
SELECT * FROM public.read();
DROP SCHEMA app CASCADE;
DROP PROCEDURE public.made, public.fill;
DROP FUNCTION public.feed, public.read;
DROP ROLE layouts_reader;
