-- A change that cannot be written is its own receivers' error: a policy may drop the type of a column meanwhile.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE ROLE unwritable_owner;
CREATE ROLE unwritable_reader;
SELECT format('GRANT CREATE ON DATABASE %I TO unwritable_owner', current_database()) \gexec
GRANT CREATE ON SCHEMA public TO unwritable_owner;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change, pgrealtime.enable, pgrealtime.disable TO unwritable_owner;
CREATE TABLE victims (id int PRIMARY KEY, x text);
GRANT SELECT ON victims TO unwritable_reader;
SELECT pgrealtime.enable('victims');
ALTER PUBLICATION supabase_realtime OWNER TO unwritable_owner;
SET SESSION AUTHORIZATION unwritable_owner;
CREATE TYPE label AS ENUM ('a');
CREATE TABLE rows (id int PRIMARY KEY, label label, s int);
ALTER TABLE rows ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE FUNCTION drops(v int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$BEGIN
  IF v = 7 AND current_setting('request.jwt.claims', true) <> '' THEN DROP TYPE IF EXISTS label CASCADE; END IF;
  RETURN true;
END$$;
CREATE POLICY p ON rows USING (drops(s)) WITH CHECK (true);
SELECT pgrealtime.enable('rows');
GRANT SELECT ON rows TO unwritable_reader;
RESET SESSION AUTHORIZATION;
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('victims', role_name => 'unwritable_reader');
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'unwritable_owner', claims => '{"a": 1}');
-- Of a role that is judged behind the owner.
SELECT subscription FROM pgrealtime.subscribe('rows', 'label=eq.a', role_name => 'unwritable_reader');
INSERT INTO victims VALUES (1, 'first');
SET ROLE unwritable_owner;
INSERT INTO rows VALUES (1, 'a', 1), (2, NULL, 7), (3, 'a', 1), (4, NULL, 1);
RESET ROLE;
INSERT INTO victims VALUES (2, 'second');
CREATE FUNCTION heard(from_cursor text, changes int DEFAULT 1000) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', subscriptions, change ->> 'table', change #>> '{record,id}', error) FROM pgrealtime.fan_out(from_cursor, changes) WHERE subscriptions IS NOT NULL
$$;
\echo the others get theirs, and this one is told
BEGIN;
SELECT heard(:'c');
ROLLBACK;
\echo in small batches, too
BEGIN;
SELECT heard(:'c', 3);
ROLLBACK;
\echo a reader that stops can go on behind it
\set VERBOSITY default
CREATE FUNCTION read(from_cursor text, skip boolean, net boolean DEFAULT false) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
  RETURN QUERY SELECT concat_ws(' ', change ->> 'table', change #>> '{record,id}') FROM pgrealtime.changes_since(from_cursor, '{rows}', net => net) WHERE change IS NOT NULL;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS told = PG_EXCEPTION_DETAIL;
  RETURN NEXT SQLSTATE || ' ' || SQLERRM;
  IF skip THEN RETURN QUERY SELECT read(substring(told FROM 'skip_cursor: (\S+)'), skip, net); END IF;
END$$;
SET request.jwt.claims = '{"a": 1}';
SET ROLE unwritable_owner;
BEGIN;
SELECT read(:'c', true);
ROLLBACK;
BEGIN;
SELECT read(:'c', true, true);
ROLLBACK;
RESET ROLE;
ALTER PUBLICATION supabase_realtime OWNER TO postgres;
DROP OWNED BY unwritable_reader;
DROP OWNED BY unwritable_owner CASCADE;
DROP ROLE unwritable_reader;
DROP ROLE unwritable_owner;
