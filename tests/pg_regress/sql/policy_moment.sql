-- A policy's function may mean the moment by a literal, which is read when the function's body is compiled: 'now', 'today'.
-- A SELECT compiles it each time. What changes are judged by is compiled anew after a second at the latest.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE policy_moment_reader;
CREATE TABLE lasting (id int PRIMARY KEY, expires timestamptz);
CREATE FUNCTION alive(e timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT e > 'now' $$;
CREATE POLICY alive ON lasting USING (alive(expires));
ALTER TABLE lasting ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON lasting TO policy_moment_reader;
SELECT pgrealtime.enable('lasting');
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('lasting', role_name => 'policy_moment_reader');
INSERT INTO lasting VALUES (1, 'infinity'), (2, now() + interval '1 s');
-- Until the row has expired, and the second has passed. Each look is a transaction of its own; without an end the statement
-- fails.
SET statement_timeout = '60 s';
SELECT set_config('moment.c', :'c', false) <> '';
CREATE PROCEDURE until(looked text, shown text) LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
  LOOP
    EXECUTE looked INTO found USING current_setting('moment.c');
    EXIT WHEN found = shown;
    COMMIT;
    PERFORM pg_sleep(0.05);
  END LOOP;
  RAISE INFO '% is all there is', found;
END$$;
GRANT EXECUTE ON FUNCTION pgrealtime.fan_out TO policy_moment_reader;
CALL until($$SELECT string_agg(change -> 'record' ->> 'id', ' ') FROM pgrealtime.fan_out($1)$$, '1');
SET ROLE policy_moment_reader;
CALL until($$SELECT string_agg(change -> 'record' ->> 'id', ' ') FROM pgrealtime.changes_since($1, '{lasting}')$$, '1');
RESET ROLE;
-- Text search: what a configuration makes of constants is part of a compiled policy.
CREATE TEXT SEARCH CONFIGURATION public.words (COPY = simple);
CREATE TABLE notes (id int PRIMARY KEY, body text);
CREATE POLICY open ON notes USING (NOT to_tsvector('public.words', body) @@ to_tsquery('public.words', 'secrets'));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON notes TO policy_moment_reader;
SELECT pgrealtime.enable('notes');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO notes VALUES (1, 'a secret');
SET ROLE policy_moment_reader;
SELECT count(change) FROM pgrealtime.changes_since(:'c', '{notes}');
RESET ROLE;
ALTER TEXT SEARCH CONFIGURATION public.words ALTER MAPPING FOR asciiword WITH english_stem;
SET ROLE policy_moment_reader;
SELECT (SELECT count(*) FROM notes), count(change) FROM pgrealtime.changes_since(:'c', '{notes}');
RESET ROLE;
DROP OWNED BY policy_moment_reader;
DROP ROLE policy_moment_reader;
