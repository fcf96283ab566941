-- Policies come first: a reader can notice nothing of a row that they hide, neither by a filter's answer nor by values that
-- its image lacks.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE hidden_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/reader.sql
CREATE TABLE people (id int PRIMARY KEY, org int, salary int, note text);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY org ON people USING (org = 1);
GRANT SELECT ON people TO hidden_reader;
\pset format unaligned
\pset tuples_only on

\echo deletes by key: a filter reveals nothing of a hidden row
SELECT pgrealtime.enable('people', deletes => 'key');
INSERT INTO people VALUES (1, 2, 5309, 'theirs'), (2, 1, 5309, 'ours'), (3, 1, 100, 'ours'), (4, NULL, 7000, 'nobody''s');
SELECT pgrealtime.current_cursor() AS c \gset
DELETE FROM people;
SET ROLE hidden_reader;
-- Twenty questions of bisection, in vain.
SELECT DISTINCT (SELECT string_agg(change, ', ') FROM public.feed(:'c', 'people', 'salary=gt.' || (1 << i)) WHERE change ~ ':[14]}')
  FROM generate_series(0, 19) AS i;
-- The filter applies to rows that the policies show.
SELECT * FROM public.feed(:'c', 'people', 'salary=gt.5000');
SELECT * FROM public.feed(:'c', 'people', 'salary=lte.5000');
SELECT * FROM public.feed(:'c', 'people');
SELECT * FROM public.feed(:'c', 'people', 'salary=lte.5000', net => true);
RESET ROLE;

\echo deletes by key: a row that cannot be judged is reported by its key
SET pgrealtime.max_image_bytes = '64kB';
INSERT INTO people VALUES (1, 2, 0, long()), (2, 1, 0, long()), (3, 1, 0, 'short'), (4, 2, 0, 'short');
SELECT pgrealtime.current_cursor() AS c \gset
DELETE FROM people;
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people', 'note=eq.other');
RESET ROLE;
CREATE FUNCTION raises(people) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN IF ($1).id = 3 THEN RAISE 'no'; END IF; RETURN ($1).org = 1; END $$;
DROP POLICY org ON people;
CREATE POLICY org ON people USING (raises(people));
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people', 'salary=eq.1');
RESET ROLE;
DROP POLICY org ON people;
CREATE POLICY org ON people USING (org = 1);

\echo deletes by key: an UPDATE of a row that was never visible is not reported as a DELETE
INSERT INTO people VALUES (5, 1, 10, 'ours'), (6, 2, 10, 'theirs');
SELECT pgrealtime.current_cursor() AS c \gset
UPDATE people SET org = 2, salary = 20;
DELETE FROM people;
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people', 'salary=eq.10');
SELECT * FROM public.feed(:'c', 'people', 'salary=eq.11');
SELECT * FROM public.feed(:'c', 'people', 'salary=eq.10', net => true);
RESET ROLE;

\echo values that a hidden row lacks for the filter make no difference
SELECT pgrealtime.enable('people', deletes => 'policy');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO people VALUES (1, 2, 0, long()), (2, 1, 0, 'short');
UPDATE people SET org = 1, note = 'short' WHERE id = 1;
UPDATE people SET org = 2, note = long() WHERE id = 1;
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people', 'note=eq.short');
SELECT * FROM public.feed(:'c', 'people', 'note=neq.short');
SELECT * FROM public.feed(:'c', 'people', 'note=eq.short', net => true);
RESET ROLE;
\echo those of a visible row do
INSERT INTO people VALUES (3, 1, 0, long());
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people', 'note=eq.short');
SELECT * FROM public.feed(:'c', 'people', 'salary=eq.1');
RESET ROLE;
\echo the same of the row filter of the table
SELECT pgrealtime.enable('people', row_filter => 'note=neq.other');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO people VALUES (4, 2, 0, long()), (5, 1, 0, 'short');
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people');
RESET ROLE;
INSERT INTO people VALUES (6, 1, 0, long());
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people');
RESET ROLE;
\echo a column that a policy looks at and a row lacks
SELECT pgrealtime.enable('people', row_filter => '');
CREATE POLICY note ON people AS RESTRICTIVE USING (note <> 'secret');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO people VALUES (7, 2, 0, long());
SET ROLE hidden_reader;
SELECT * FROM public.feed(:'c', 'people');
RESET ROLE;
DROP SCHEMA app CASCADE;
DROP FUNCTION public.feed;
DROP ROLE hidden_reader;
