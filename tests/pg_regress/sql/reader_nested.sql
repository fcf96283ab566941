-- Code that runs for captured rows must not poll itself: the work would double with every row. It fails at once.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE nested_reader;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET search_path = app;
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION public.poll(relation regclass, filter text = NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT change -> 'record' ->> 'id' FROM pgrealtime.changes_since(current_setting('test.cursor'), ARRAY[relation], filter)
    WITH ORDINALITY c(cursor, change, n) WHERE change IS NOT NULL ORDER BY n;
EXCEPTION WHEN OTHERS THEN
  RETURN QUERY SELECT concat_ws(' ', SQLSTATE, SQLERRM);
END $$;
CREATE TABLE own (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY, note text);
SELECT pgrealtime.enable('own'), pgrealtime.enable('other');
GRANT SELECT ON own, other TO PUBLIC;
GRANT EXECUTE ON FUNCTION pgrealtime.wait_for_changes TO PUBLIC;
SELECT set_config('test.cursor', pgrealtime.current_cursor(), false) IS NULL;
INSERT INTO own SELECT generate_series(1, 200);
INSERT INTO other SELECT generate_series(1, 3);
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
SET ROLE nested_reader;
-- It would take longer than anybody waits.
SET statement_timeout = '20s';
\echo a policy that polls its own table
RESET ROLE;
CREATE POLICY p ON own USING ((SELECT count(change) FROM pgrealtime.changes_since(current_setting('test.cursor'), '{own}') AS c WHERE own.id > 0) >= 0);
SET ROLE nested_reader;
SELECT * FROM public.poll('own');
SELECT * FROM public.poll('other');
\echo by a function, which catches the error
RESET ROLE;
DROP POLICY p ON own;
CREATE FUNCTION catches(id int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM pgrealtime.changes_since(current_setting('test.cursor'), '{app.own}');
  RETURN false;
EXCEPTION WHEN statement_too_complex THEN
  RETURN id < 3;
END $$;
CREATE POLICY p ON own USING (catches(id));
SET ROLE nested_reader;
SELECT * FROM public.poll('own');
SELECT * FROM public.poll('own');
\echo and for the owner of the table
RESET ROLE;
ALTER TABLE own FORCE ROW LEVEL SECURITY;
GRANT ALL ON SCHEMA app TO nested_reader;
ALTER TABLE own OWNER TO nested_reader;
SET ROLE nested_reader;
SELECT count(*) FROM public.poll('own');
\echo by waiting
RESET ROLE;
DROP POLICY p ON own;
CREATE FUNCTION waits(id int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN pgrealtime.wait_for_changes(current_setting('test.cursor'), '{app.own}'); END $$;
CREATE POLICY p ON own USING (waits(id));
SET ROLE nested_reader;
SELECT * FROM public.poll('own');
\echo by diagnose
RESET ROLE;
DROP POLICY p ON own;
CREATE FUNCTION diagnoses(id int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN EXISTS (SELECT FROM pgrealtime.diagnose('app.own')); END $$;
CREATE POLICY p ON own USING (diagnoses(id));
SET ROLE nested_reader;
SELECT * FROM public.poll('own');
\echo while it is planned
RESET ROLE;
DROP POLICY p ON own;
CREATE FUNCTION lies() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  PERFORM pgrealtime.changes_since(current_setting('test.cursor'), '{app.own}');
  RETURN true;
END $$;
CREATE POLICY p ON own USING (lies());
SET ROLE nested_reader;
SELECT * FROM public.poll('own');
\echo a cast
RESET ROLE;
DROP POLICY p ON own;
CREATE TYPE mood AS ENUM ('good');
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql AS $$
BEGIN RETURN to_json(ARRAY(SELECT public.poll('app.moods'))); END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
CREATE TABLE moods (id int PRIMARY KEY, mood mood);
GRANT SELECT ON moods TO PUBLIC;
SELECT pgrealtime.enable('moods');
SELECT set_config('test.cursor', pgrealtime.current_cursor(), false) IS NULL;
INSERT INTO moods SELECT i, 'good' FROM generate_series(1, 3) AS i;
SET ROLE nested_reader;
SELECT change -> 'record' FROM pgrealtime.changes_since(current_setting('test.cursor'), '{moods}') WHERE change IS NOT NULL;
\echo after a cancel it may read again
RESET ROLE;
INSERT INTO own VALUES (201);
INSERT INTO other VALUES (4);
CREATE FUNCTION sleeps() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM pg_sleep(600); RETURN true; END';
CREATE POLICY p ON own USING (sleeps());
SET ROLE nested_reader;
SET statement_timeout = '100ms';
SELECT cursor FROM pgrealtime.changes_since(current_setting('test.cursor'), '{own}');
SELECT check_name FROM pgrealtime.diagnose('own');
SET statement_timeout = 0;
SELECT * FROM public.poll('other');
\echo and after a filter that is wrong
SELECT * FROM public.poll('other', 'nothing=eq.1');
SELECT * FROM public.poll('other', 'id=eq.4');
RESET ROLE;
DROP SCHEMA app CASCADE;
DROP FUNCTION public.poll;
REVOKE EXECUTE ON FUNCTION pgrealtime.wait_for_changes FROM PUBLIC;
DROP ROLE nested_reader;
