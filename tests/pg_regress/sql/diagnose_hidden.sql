-- diagnose() reveals nothing of rows that policies hide from the caller: neither how many changed, nor what they contain.
\pset format unaligned
\pset tuples_only on
\pset null ''
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE hidden_owner;
CREATE ROLE hidden_reader;
GRANT CREATE ON SCHEMA public TO hidden_owner;
GRANT hidden_reader TO hidden_owner;
CREATE TABLE notes (id int PRIMARY KEY, tenant text, body text);
ALTER TABLE notes ALTER body SET STORAGE EXTERNAL;
ALTER TABLE notes OWNER TO hidden_owner;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = current_setting('request.jwt.claims', true)::jsonb->>'tenant');
GRANT SELECT ON notes TO hidden_reader;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO hidden_owner;
SELECT pgrealtime.enable('notes');
\set recent 'SELECT status, detail, hint FROM pgrealtime.diagnose(''notes'', ''hidden_reader'', ''{"tenant": "mine"}'', ''body=neq.no'') WHERE check_name = ''recent changes'''

INSERT INTO notes VALUES (1, 'mine', 'a'), (2, 'mine', 'no'), (3, 'theirs', 'b'), (4, 'theirs', 'no');
UPDATE notes SET tenant = 'theirs' WHERE id = 1;
UPDATE notes SET body = 'c' WHERE tenant = 'theirs';
DELETE FROM notes WHERE tenant = 'theirs';
SET pgrealtime.max_image_bytes = '64kB';
INSERT INTO notes VALUES (5, 'theirs', repeat('x', 100000)), (6, 'mine', repeat('x', 100000)), (7, 'mine', 'd');
UPDATE notes SET tenant = 'theirs', body = repeat('y', 100000) WHERE id = 7;
RESET pgrealtime.max_image_bytes;

\echo the superuser, and the owner, whom no policy stops, see the whole tally
:recent;
SET ROLE hidden_owner;
:recent;
RESET ROLE;
\echo the reader, and an owner under FORCE, see what the role sees
SET ROLE hidden_reader;
:recent;
RESET ROLE;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
SET ROLE hidden_owner;
:recent;
RESET ROLE;
ALTER TABLE notes NO FORCE ROW LEVEL SECURITY;

\echo however much others write, the answer to the reader stays the same
CREATE TEMP TABLE told AS SELECT ''::text AS detail;
GRANT ALL ON told TO hidden_reader;
SET ROLE hidden_reader;
INSERT INTO told SELECT detail FROM pgrealtime.diagnose('notes', claims => '{"tenant": "mine"}');
RESET ROLE;
INSERT INTO notes SELECT i, 'theirs', repeat('z', i % 100) FROM generate_series(100, 2500) AS i;
UPDATE notes SET body = repeat('z', 200) WHERE id BETWEEN 100 AND 200;
SET ROLE hidden_reader;
SELECT detail FROM pgrealtime.diagnose('notes', claims => '{"tenant": "mine"}') EXCEPT SELECT detail FROM told;
RESET ROLE;

\echo an operation that is no longer captured: theirs are not counted
SELECT pgrealtime.enable('notes', operations => '{INSERT}');
SET ROLE hidden_reader;
:recent;
RESET ROLE;

\echo a policy that raises for hidden rows, and one that cannot judge older rows: the answer says that there are some, not how many
CREATE FUNCTION picky(tenant text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN IF tenant = 'theirs' THEN RAISE 'never %', tenant; END IF; RETURN true; END $$;
CREATE POLICY picky ON notes AS RESTRICTIVE USING (picky(tenant));
SET ROLE hidden_reader;
:recent;
RESET ROLE;
DROP POLICY picky ON notes;
ALTER TABLE notes ADD COLUMN secret boolean;
CREATE POLICY no_secret ON notes AS RESTRICTIVE USING (NOT secret);
SET ROLE hidden_reader;
:recent;
RESET ROLE;

\echo a reader of one tenant that has nothing
SET ROLE hidden_reader;
SELECT check_name, status, detail FROM pgrealtime.diagnose('notes', claims => '{"tenant": "none"}') WHERE check_name IN ('rows', 'recent changes', 'log');
RESET ROLE;

\echo a value that the role may not SELECT, and that was left out, is not mentioned
DROP POLICY no_secret ON notes;
REVOKE SELECT ON notes FROM hidden_reader;
GRANT SELECT (id, tenant) ON notes TO hidden_reader;
SET ROLE hidden_reader;
SELECT detail FROM pgrealtime.diagnose('notes', claims => '{"tenant": "mine"}') WHERE check_name = 'recent changes';
RESET ROLE;

\echo the age of the log is shown only to roles that may read log_status
SET ROLE hidden_owner;
SELECT detail FROM pgrealtime.diagnose('notes') WHERE check_name = 'log';
RESET ROLE;
GRANT USAGE ON SCHEMA pgrealtime TO hidden_owner;
GRANT SELECT ON pgrealtime.log_status TO hidden_owner;
SET ROLE hidden_owner;
SELECT regexp_replace(detail, 'last [0-9]+ s', 'last N s') FROM pgrealtime.diagnose('notes') WHERE check_name = 'log';
RESET ROLE;

DROP TABLE notes;
DROP FUNCTION picky;
DROP OWNED BY hidden_owner, hidden_reader;
DROP ROLE hidden_owner, hidden_reader;
