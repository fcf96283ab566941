-- Policies of all kinds over captured rows: what they may do, and what a reader learns when one fails.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE policies_reader;
CREATE ROLE policies_bypass BYPASSRLS;
CREATE SCHEMA app;
CREATE SCHEMA hidden;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET search_path = app;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/feed.sql
\pset format unaligned
\pset tuples_only on

CREATE TABLE goals (id int PRIMARY KEY, title text, org int);
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON goals TO policies_reader, policies_bypass;
SELECT pgrealtime.enable('goals');
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO goals VALUES (1, 'one', 1), (2, 'two', 2), (3, 'nobody', NULL), (4, 'zero', 0);

\echo sub-select on a table with policies of its own
CREATE TABLE members (org int, who text);
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON members USING (who = current_user);
GRANT SELECT ON members TO policies_reader;
INSERT INTO members VALUES (1, 'policies_reader'), (2, 'somebody else');
CREATE POLICY p ON goals USING (org IN (SELECT org FROM members));
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
SELECT title FROM goals;
RESET ROLE;
INSERT INTO members VALUES (2, 'policies_reader');
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;
\echo and which the reader may not SELECT
REVOKE SELECT ON members FROM policies_reader;
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;
DROP POLICY p ON goals;

\echo functions and tables of a schema without USAGE, with an invalidation in between
CREATE TABLE hidden.orgs (org int);
INSERT INTO hidden.orgs VALUES (2);
GRANT SELECT ON hidden.orgs TO policies_reader;
CREATE FUNCTION hidden.visible(org int) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT org IN (SELECT o.org FROM hidden.orgs o) $$;
CREATE POLICY p ON goals USING (hidden.visible(org) OR org IN (SELECT o.org - 1 FROM hidden.orgs o));
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;
ALTER TABLE hidden.orgs ADD COLUMN more int;
CREATE OR REPLACE FUNCTION hidden.visible(org int) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT org IS NULL $$;
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
SELECT title FROM goals ORDER BY id;
RESET ROLE;
DROP POLICY p ON goals;

\echo the row as a whole, the same table in a sub-select, current_user
CREATE FUNCTION short(goals) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN length($1.title) < 4; END $$;
CREATE POLICY p ON goals USING (short(goals));
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;
DROP POLICY p ON goals;
CREATE FUNCTION last_id() RETURNS int LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT max(id) FROM app.goals $$;
CREATE POLICY p ON goals USING (id = last_id() AND current_user = 'policies_reader');
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;
DROP POLICY p ON goals;
CREATE POLICY p ON goals USING (EXISTS (SELECT FROM goals g WHERE g.id > goals.id));
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
SELECT title FROM goals;
RESET ROLE;
DROP POLICY p ON goals;
\echo a system column
CREATE POLICY p ON goals USING (ctid IS NOT NULL);
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;
DROP POLICY p ON goals;

\echo an error: its SQLSTATE and where to go on, not its message
CREATE FUNCTION tells(goals) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN IF $1.org = 2 THEN RAISE EXCEPTION 'the row is %', $1 USING ERRCODE = 'no_data_found', DETAIL = $1.title, HINT = $1.title; END IF; RETURN true; END $$;
CREATE POLICY p ON goals USING (tells(goals));
\echo what came before is delivered first
SET ROLE policies_reader;
SELECT * FROM public.feed(:'from', 'goals');
SELECT (SELECT c.cursor FROM pgrealtime.changes_since(:'from', '{goals}') WITH ORDINALITY c(cursor, change, n) ORDER BY n DESC LIMIT 1) AS next \gset
SELECT * FROM public.feed(:'next', 'goals');
SELECT current_setting('test.skip') AS skip \gset
SELECT * FROM public.feed(:'skip', 'goals');
RESET ROLE;
DROP POLICY p ON goals;

\echo a policy that writes
CREATE TABLE notes (who text);
GRANT ALL ON notes TO policies_reader;
CREATE FUNCTION writes() RETURNS boolean LANGUAGE sql AS $$ INSERT INTO app.notes VALUES (current_user); SELECT true $$;
CREATE POLICY p ON goals USING (writes());
SET ROLE policies_reader;
SELECT count(*) FROM public.feed(:'from', 'goals');
SELECT who, count(*) FROM notes GROUP BY who;
BEGIN READ ONLY;
SELECT * FROM public.feed(:'from', 'goals');
ROLLBACK;
RESET ROLE;
\echo whose write queues a deferred trigger, which runs as whoever commits, the reader
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.notes VALUES ('deferred as ' || current_user); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.who NOT LIKE 'deferred%') EXECUTE FUNCTION note();
TRUNCATE notes;
SET ROLE policies_reader;
SELECT count(*) FROM public.feed(:'from', 'goals');
SELECT who, count(*) FROM notes GROUP BY who ORDER BY who;
RESET ROLE;
DROP POLICY p ON goals;
\echo that sets search_path, and makes a temporary table
CREATE FUNCTION sets() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN PERFORM set_config('search_path', 'hidden', true); CREATE TEMP TABLE IF NOT EXISTS left_over (a int); RETURN true; END $$;
CREATE POLICY p ON goals USING (sets());
GRANT TEMPORARY ON DATABASE :DBNAME TO policies_reader;
SET ROLE policies_reader;
SELECT count(*) FROM public.feed(:'from', 'app.goals');
SHOW search_path;
RESET ROLE;
DROP SCHEMA app CASCADE;
DROP SCHEMA hidden CASCADE;
DROP FUNCTION public.feed;
REVOKE ALL ON DATABASE :DBNAME FROM policies_reader;
DROP OWNED BY policies_reader;
DROP ROLE policies_reader, policies_bypass;
