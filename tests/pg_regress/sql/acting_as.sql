-- Code that an owner defined (a domain's CHECK, a policy) never runs as a side effect with another role's rights or claims.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE acting_owner;
CREATE ROLE acting_anna;
CREATE ROLE acting_ben;
GRANT acting_ben TO acting_anna;
CREATE SCHEMA app AUTHORIZATION acting_owner;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET search_path = app;
\pset format unaligned
\pset tuples_only on

-- A CHECK that records who runs it, even when its transaction is rolled back.
SET ROLE acting_owner;
CREATE FUNCTION told(value text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN RAISE WARNING 'the CHECK runs as % on %', current_user, value; RETURN value <> 'refused'; END $$;
CREATE DOMAIN tag AS text CHECK (told(VALUE));
CREATE DOMAIN inner_tag AS tag;
CREATE TYPE pair AS (a int, b tag);
CREATE TABLE tagged (id tag PRIMARY KEY, one inner_tag, many tag[], two pair, word text);
ALTER TABLE tagged ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON tagged USING (one = 'a' OR 'a' = ANY (many) OR (two).a = 1 OR tagged IS NULL);
GRANT SELECT ON tagged TO acting_anna, acting_ben;
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO acting_owner;
SELECT pgrealtime.enable('tagged');
SELECT pgrealtime.current_cursor() AS from \gset
\echo the writer runs it
INSERT INTO tagged VALUES ('k', 'a', '{a,b}', '(1,c)', 'x');
UPDATE tagged SET word = 'y';
DELETE FROM tagged;
\echo readers do not
SET ROLE acting_anna;
SELECT change ->> 'type', change -> 'record', change -> 'old_record' FROM pgrealtime.changes_since(:'from', '{tagged}');
SELECT count(change) FROM pgrealtime.changes_since(:'from', '{tagged}', filter => 'id=eq.k,one=in.(a,b),many=cs.{b},word=neq.z');
SELECT count(change) FROM pgrealtime.changes_since(:'from', '{tagged}', net => true);
\echo nor do questions for another role, or by it
SELECT check_name, status, detail FROM pgrealtime.diagnose('tagged', 'acting_ben', '{}', 'id=eq.k,one=in.(a,b),many=cs.{b}') WHERE check_name = 'recent changes';
SELECT pgrealtime.check_filter('tagged', 'id=eq.k,one=not.in.(a,refused),many=cs.{refused}');
RESET ROLE;
SELECT detail FROM pgrealtime.diagnose('tagged', 'acting_ben', '{}', 'one=eq.refused') WHERE check_name = 'recent changes';
\echo nor does a row filter, neither when it is set nor for each row
SELECT pgrealtime.enable('tagged', row_filter => 'one=in.(a,refused),many=cs.{b}');
SELECT pgrealtime.current_cursor() AS from \gset
\echo the writer does
INSERT INTO tagged VALUES ('k', 'a', '{b}', NULL, 'x'), ('l', 'b', '{b}', NULL, 'x');
\echo the reader does not
SET ROLE acting_anna;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'from', '{tagged}');
RESET ROLE;
\echo nor does a CHECK that was added later, and that no row passes
ALTER DOMAIN tag ADD CONSTRAINT late CHECK (told('refused')) NOT VALID;
SET ROLE acting_anna;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'from', '{tagged}', filter => 'id=eq.k');
RESET ROLE;

-- The claims of older clients, one setting each: a policy sees the caller's own claims, and no claims for another role.
CREATE TABLE notes (id int PRIMARY KEY, who text, word text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION email() RETURNS text LANGUAGE sql STABLE AS $$ SELECT current_setting('Request.Jwt.Claim.Email', true) $$;
CREATE FUNCTION who() RETURNS text[] LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ARRAY[current_setting('request.jwt.claim.sub', true), app.email()]; END $$;
CREATE POLICY own ON notes USING (who = ANY (app.who()));
GRANT SELECT ON notes TO acting_anna, acting_ben;
SELECT pgrealtime.enable('notes');
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO notes VALUES (1, 'anna'), (2, 'anna@example.org'), (3, 'ben');
\set recent 'SELECT detail FROM pgrealtime.diagnose(''notes'', '
\set of ') WHERE check_name = ''recent changes'''
SET request.jwt.claim.sub = 'anna';
SET request.jwt.claim.email = 'anna@example.org';
SET request.jwt.claims = '{"sub": "anna"}';
SET ROLE acting_anna;
\echo what the caller has
SELECT change -> 'record' ->> 'who' FROM pgrealtime.changes_since(:'from', '{notes}');
SELECT who FROM notes ORDER BY id;
:recent NULL :of;
:recent 'acting_anna' :of;
\echo claims that were given, and no others
:recent 'acting_anna', '{"sub": "anna"}' :of;
\echo another role
:recent 'acting_ben' :of;
:recent 'acting_ben', '{"sub": "anna"}' :of;
\echo and the caller has his own again
SHOW request.jwt.claim.sub;
SELECT change -> 'record' ->> 'who' FROM pgrealtime.changes_since(:'from', '{notes}');
SET request.jwt.claim.sub = 'ben';
RESET request.jwt.claim.email;
SELECT change -> 'record' ->> 'who' FROM pgrealtime.changes_since(:'from', '{notes}');
\echo policies for the calling role itself run under its search_path
RESET ROLE;
CREATE OR REPLACE FUNCTION who() RETURNS text[] LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN ARRAY[current_setting('request.jwt.claim.sub', true), email()]; END $$;
SET ROLE acting_ben;
SELECT change -> 'record' ->> 'who' FROM pgrealtime.changes_since(:'from', '{notes}');
:recent NULL :of;
RESET ROLE;
DROP SCHEMA app CASCADE;
DROP OWNED BY acting_owner;
DROP ROLE acting_owner, acting_anna, acting_ben;
