-- Policies about values that a row lacks: those whom they concern are told, and nobody is shown the row in NULL's name.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE missing_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE FUNCTION uid() RETURNS int STABLE LANGUAGE sql AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::int $$;
CREATE TABLE members (user_id int, note text);
INSERT INTO members VALUES (1, 'short'), (2, NULL);
CREATE TABLE notes (id int PRIMARY KEY, owner int, note text);
GRANT SELECT ON notes, members TO missing_reader;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
SELECT pgrealtime.enable('notes');
SET pgrealtime.max_image_bytes = '64kB';
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT subscription FROM generate_series(1, 2) AS sub, pgrealtime.subscribe('notes', role_name => 'missing_reader', claims => jsonb_build_object('sub', sub));
CREATE FUNCTION change() RETURNS void LANGUAGE sql AS $$
  INSERT INTO notes VALUES (1, 1, 'short');
  INSERT INTO notes VALUES (2, 1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) AS i));
  INSERT INTO notes VALUES (3, 1, NULL);
  DELETE FROM notes;
$$;
\echo a condition by keys
CREATE POLICY one ON notes USING (note IS NULL OR owner = uid());
SELECT change();
SELECT heard();
\echo a condition that is asked for all readers
ALTER POLICY one ON notes USING (coalesce(length(note), 0) = 0 OR owner = uid());
SELECT change();
SELECT heard();
\echo a comparison of what is asked with a claim
ALTER POLICY one ON notes USING (coalesce(length(note), 1) = uid());
SELECT change();
SELECT heard();
\echo members
ALTER POLICY one ON notes USING (EXISTS (SELECT FROM members m WHERE m.note IS NOT DISTINCT FROM notes.note AND m.user_id = uid()));
SELECT change();
SELECT heard();
\echo readers with the same claims
ALTER POLICY one ON notes USING (coalesce(note = 'other', uid() = 2));
SELECT change();
SELECT heard();
DROP OWNED BY missing_reader;
DROP ROLE missing_reader;
