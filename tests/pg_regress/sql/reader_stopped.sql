-- An error that a change raises ends the batch before that change. Earlier changes are delivered once; the next call fails
-- and offers a cursor behind the change.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE stopped_reader;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET search_path = app;
\pset format unaligned
\pset tuples_only on
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/follow.sql

-- Three rows fill a chunk: 4 and 7 are the first of the second and the third.
CREATE TABLE large (id int PRIMARY KEY, body text);
SELECT pgrealtime.enable('large');
ALTER TABLE large ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON large TO PUBLIC;
CREATE FUNCTION sees(id int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF id = ANY (current_setting('test.raises')::int[]) THEN RAISE 'no %', id USING ERRCODE = 'P0042'; END IF;
  RETURN id <> ALL (current_setting('test.hides')::int[]);
END $$;
CREATE POLICY p ON large USING (sees(id));
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO large SELECT i, (SELECT string_agg(md5(j::text), '') FROM generate_series(i, i + 47000) AS j) FROM generate_series(1, 8) AS i;
SET ROLE stopped_reader;
SET test.hides = '{}';
\echo the first change of the second chunk
SET test.raises = '{4}';
SELECT * FROM public.follow(:'c', 'large', false);
SELECT * FROM public.follow(:'c', 'large', true);
\echo of the third
SET test.raises = '{7}';
SELECT * FROM public.follow(:'c', 'large', false);
SELECT * FROM public.follow(:'c', 'large', true);
\echo of both
SET test.raises = '{4,7}';
SELECT * FROM public.follow(:'c', 'large', false);
SELECT * FROM public.follow(:'c', 'large', true);
\echo after a chunk without visible changes
SET test.hides = '{1,2,3}';
SELECT * FROM public.follow(:'c', 'large', false);
SELECT * FROM public.follow(:'c', 'large', true);
\echo after changes of events that were not asked for
SET test.hides = '{}';
SELECT count(*), count(change) FROM pgrealtime.changes_since(:'c', '{large}', events => '{DELETE}', net => true);
RESET ROLE;

-- What raises when it is written as json.
CREATE TYPE amount AS (cents int);
CREATE TYPE kind AS ENUM ('good', 'bad');
CREATE FUNCTION kind_json(kind) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  IF $1 = 'bad' THEN RAISE 'bad kind' USING ERRCODE = 'P0077'; END IF;
  RETURN '"a good kind"';
END $$;
CREATE CAST (kind AS json) WITH FUNCTION kind_json(kind);
CREATE TABLE kinds (id int PRIMARY KEY, kind kind);
SELECT pgrealtime.enable('kinds');
GRANT SELECT ON kinds TO PUBLIC;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO kinds VALUES (1, 'good'), (2, 'bad'), (3, 'good'), (4, 'bad'), (5, 'bad'), (6, 'good');
UPDATE kinds SET kind = 'good' WHERE id = 4;
SET ROLE stopped_reader;
\echo a cast to json that raises
SELECT * FROM public.follow(:'c', 'kinds', false);
SELECT * FROM public.follow(:'c', 'kinds', true);
\echo not asked for
SELECT change -> 'record' FROM pgrealtime.changes_since(:'c', '{kinds}', columns => '{id}') WHERE change IS NOT NULL;
RESET ROLE;
\echo a role that bypasses policies gets the message
SELECT * FROM public.follow(:'c', 'kinds', false) LIMIT 2;
DROP SCHEMA app CASCADE;
DROP FUNCTION public.follow;
DROP ROLE stopped_reader;
