-- Whether the policies of a role would show a row, or let it in, which is not there.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\set SHOW_CONTEXT never
CREATE FUNCTION uid() RETURNS int LANGUAGE sql STABLE AS $$ SELECT (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::int $$;
CREATE TABLE members (room int, person int);
INSERT INTO members VALUES (1, 10), (2, 20);
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE TABLE notes (gone int, id int PRIMARY KEY, room small, author int DEFAULT 10, tags text[], code char(3), price numeric(6, 2));
ALTER TABLE notes DROP COLUMN gone;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE ROLE regress_reader;
CREATE ROLE regress_other;
CREATE ROLE regress_free BYPASSRLS;
GRANT SELECT ON members, notes TO regress_reader, regress_free;
GRANT INSERT ON notes TO regress_reader, regress_free;
CREATE POLICY shown ON notes FOR SELECT TO regress_reader USING (room IN (SELECT m.room FROM members AS m WHERE m.person = uid()));
CREATE POLICY written ON notes FOR INSERT TO regress_reader WITH CHECK (author = uid());
CREATE POLICY cheap ON notes AS RESTRICTIVE FOR INSERT WITH CHECK (price < 100 OR 'dear' = ANY (tags));
CREATE FUNCTION allowed(command text, record jsonb, sub int, role_name text = 'regress_reader') RETURNS boolean LANGUAGE sql AS
  $$ SELECT pgrealtime.is_row_allowed('notes', command, record, role_name::regrole, jsonb_build_object('sub', sub)) $$;
\pset format unaligned
\pset tuples_only on

-- SELECT: policies with a look-up, as the role, with its claims. The row is not there, nor is it afterwards.
BEGIN READ ONLY;
SELECT allowed('SELECT', '{"id": 1, "room": 1}', 10), allowed('select', '{"id": 1, "room": 2}', 10), allowed('Select', '{"id": 1}', 10);
SELECT allowed('SELECT', '{"id": 1, "room": 1}', NULL);
-- INSERT: WITH CHECK, permissive and restrictive ones. What is not in the record is NULL: no default is computed.
SELECT allowed('INSERT', '{"author": 10, "price": 5}', 10), allowed('INSERT', '{"author": 11, "price": 5}', 10), allowed('INSERT', '{"price": 5}', 10);
SELECT allowed('INSERT', '{"author": 10, "price": 500}', 10), allowed('INSERT', '{"author": 10, "price": 500, "tags": ["a", "dear"]}', 10), allowed('INSERT', '{"author": 10}', 10);
COMMIT;
SELECT count(*) FROM notes;
-- Without claims: the setting is empty, which is no JSON.
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"room": 1}', 'regress_reader');
-- Nobody's policies but the role's; none for one that bypasses them, and none for the owner.
SELECT allowed('SELECT', '{"room": 1}', 10, 'regress_free'), allowed('INSERT', '{"author": 7}', 10, 'regress_free');
SELECT allowed('SELECT', '{"room": 1}', 99, current_user::text), allowed('INSERT', '{"author": 7}', 99, current_user::text);
-- Privileges, of the table, its columns and its schema.
SELECT allowed('SELECT', '{"room": 1}', 10, 'regress_other'), allowed('INSERT', '{"author": 10, "price": 5}', 10, 'regress_other');
REVOKE INSERT ON notes FROM regress_reader;
GRANT INSERT (id, author, price) ON notes TO regress_reader;
SELECT allowed('INSERT', '{"author": 10, "price": 5}', 10), allowed('INSERT', '{"author": 10, "price": 5, "room": 1}', 10);
CREATE SCHEMA hidden;
CREATE TABLE hidden.t (id int PRIMARY KEY);
GRANT ALL ON hidden.t TO regress_reader;
SELECT pgrealtime.is_row_allowed('hidden.t', 'SELECT', '{}', 'regress_reader'), pgrealtime.is_row_allowed('hidden.t', 'INSERT', '{"id": 1}', 'regress_reader');
GRANT USAGE ON SCHEMA hidden TO regress_reader;
SELECT pgrealtime.is_row_allowed('hidden.t', 'SELECT', '{}', 'regress_reader'), pgrealtime.is_row_allowed('hidden.t', 'INSERT', '{"id": 1}', 'regress_reader');
-- The same as a statement, for many rows.
GRANT INSERT ON notes TO regress_reader;
CREATE FUNCTION inserts(author int, price int, tags text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL ROLE regress_reader;
  PERFORM set_config('request.jwt.claims', '{"sub": 10}', true);
  INSERT INTO notes VALUES (1, 1, author, tags, NULL, price);
  RAISE SQLSTATE 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN RETURN true;
WHEN insufficient_privilege THEN RETURN false;
END
$$;
SELECT count(*), count(*) FILTER (WHERE may), bool_and(may = allowed('INSERT', jsonb_build_object('author', author, 'price', price, 'tags', tags), 10))
FROM unnest(ARRAY[NULL, 9, 10]) AS author, unnest(ARRAY[NULL, 50, 150]) AS price, (VALUES (NULL), ('{}'::text[]), ('{dear}')) AS t (tags),
  LATERAL (SELECT inserts(author, price, tags) AS may OFFSET 0) AS m;
-- Values: by their types, as they are stored. A domain's CHECK is no policy.
CREATE TABLE kinds (c char(3), d small, a small[], j jsonb, n numeric(4, 1), t timestamptz, b bytea);
ALTER TABLE kinds ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON kinds TO regress_reader;
CREATE POLICY p ON kinds FOR SELECT USING (c = 'a  ' AND d = 200 AND a = '{1,2}' AND j = '{"x": [1.50]}' AND n = 1.3 AND t = '2026-01-01 00:00+00' AND b = '\x01');
SELECT pgrealtime.is_row_allowed('kinds', 'SELECT', '{"c": "a", "d": 200, "a": [1, 2], "j": {"x": [1.5]}, "n": 1.26, "t": "2026-01-01T01:00:00+01:00", "b": "\\x01"}', 'regress_reader');
SELECT pgrealtime.is_row_allowed('kinds', 'SELECT', '{"c": "abcd"}', 'regress_reader');
SELECT pgrealtime.is_row_allowed('kinds', 'SELECT', '{"n": "x"}', 'regress_reader');
-- A partitioned table, a sub-select's table with policies of its own, a policy for all commands.
CREATE TABLE parts (id int, room int, PRIMARY KEY (id)) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parts DEFAULT;
ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
GRANT ALL ON parts TO regress_reader;
CREATE POLICY all_of_it ON parts USING (EXISTS (SELECT FROM members AS m WHERE m.room = parts.room)) WITH CHECK (id > 0 AND EXISTS (SELECT FROM members AS m WHERE m.room = parts.room));
CREATE POLICY own ON members USING (person = uid());
CREATE FUNCTION on_parts(record jsonb, sub int) RETURNS text LANGUAGE sql AS
  $$ SELECT string_agg(pgrealtime.is_row_allowed('parts', c, record, 'regress_reader', jsonb_build_object('sub', sub))::text, ' ') FROM unnest('{SELECT,INSERT}'::text[]) AS c $$;
SELECT on_parts('{"id": 1, "room": 1}', 10), on_parts('{"id": 1, "room": 2}', 10), on_parts('{"id": -1, "room": 2}', 20);
-- What policies change is seen at once.
CREATE POLICY more ON parts FOR INSERT WITH CHECK (true);
SELECT on_parts('{"id": 1, "room": 2}', 10);
-- A policy that raises: for the superuser with its message, for others without.
CREATE FUNCTION raises(secret int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'PR001' USING MESSAGE = 'secret ' || secret; END $$;
CREATE POLICY raising ON kinds AS RESTRICTIVE FOR SELECT USING (raises(d));
SELECT pgrealtime.is_row_allowed('kinds', 'SELECT', '{"c": "a", "d": 200, "a": [1, 2], "j": {"x": [1.5]}, "n": 1.3, "t": "2026-01-01T00:00:00Z", "b": "\\x01"}', 'regress_reader');
CREATE ROLE regress_relay;
GRANT EXECUTE ON FUNCTION pgrealtime.is_row_allowed TO regress_relay;
GRANT regress_reader TO regress_relay;
SET SESSION AUTHORIZATION regress_relay;
SELECT pgrealtime.is_row_allowed('kinds', 'SELECT', '{"c": "a", "d": 200, "a": [1, 2], "j": {"x": [1.5]}, "n": 1.3, "t": "2026-01-01T00:00:00Z", "b": "\\x01"}', 'regress_reader');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"room": 1}', 'regress_reader', '{"sub": 10}'), current_user, current_setting('request.jwt.claims', true);
-- A role that the session's user may not become.
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"room": 1}', 'regress_free');
RESET SESSION AUTHORIZATION;
-- EXECUTE is for relays.
SET ROLE regress_reader;
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"room": 1}');
RESET ROLE;
-- A policy that asks it.
CREATE POLICY asking ON hidden.t USING (pgrealtime.is_row_allowed('hidden.t', 'SELECT', '{}'));
ALTER TABLE hidden.t ENABLE ROW LEVEL SECURITY;
GRANT EXECUTE ON FUNCTION pgrealtime.is_row_allowed TO regress_reader;
SELECT pgrealtime.is_row_allowed('hidden.t', 'SELECT', '{}', 'regress_reader');
-- Generated columns are not computed: a policy that reads one needs its value.
CREATE TABLE doubled (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, other int GENERATED ALWAYS AS (id * 3) STORED);
ALTER TABLE doubled ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON doubled USING (twice < 50);
GRANT SELECT, INSERT (id) ON doubled TO regress_reader;
SELECT pgrealtime.is_row_allowed('doubled', 'INSERT', '{"id": 26}', 'regress_reader');
SELECT pgrealtime.is_row_allowed('doubled', 'SELECT', '{"id": 26}', 'regress_reader');
SELECT pgrealtime.is_row_allowed('doubled', 'INSERT', '{"id": 26, "twice": 52}', 'regress_reader'),
       pgrealtime.is_row_allowed('doubled', 'INSERT', '{"id": 6, "twice": 12}', 'regress_reader');
-- Arguments.
CREATE VIEW v AS SELECT * FROM notes;
SELECT pgrealtime.is_row_allowed('v', 'SELECT', '{}');
SELECT pgrealtime.is_row_allowed(NULL, 'SELECT', '{}');
SELECT pgrealtime.is_row_allowed('notes', NULL, '{}');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', NULL);
SELECT pgrealtime.is_row_allowed('notes', 'UPDATE', '{}');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '[]');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '1');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"rum": 1}');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"gone": 1}');
SELECT pgrealtime.is_row_allowed('notes', 'SELECT', '{"........pg.dropped.1........": 1}');
DROP OWNED BY regress_reader, regress_other, regress_free, regress_relay;
DROP ROLE regress_reader, regress_other, regress_free, regress_relay;
