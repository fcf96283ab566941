-- Conditions of policies are evaluated in the order of a SELECT's sequential scan: by the levels of the policies, leakproof
-- and cheap ones first, then by cost. Besides, no error is felt of a row that another condition hides.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE policy_order_reader;
CREATE TABLE rows (id int PRIMARY KEY, org int, s int);
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON rows TO policy_order_reader;
SELECT pgrealtime.enable('rows');
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_order_reader');
INSERT INTO rows VALUES (1, 2, 0), (2, 1, 1);
\set look 'SET ROLE policy_order_reader; SELECT id FROM rows; SELECT change #>> ''{record,id}'' FROM pgrealtime.changes_since(:''c'', ''{rows}'') WHERE change IS NOT NULL; RESET ROLE; SELECT change #>> ''{record,id}'', error FROM pgrealtime.fan_out(:''c'') WHERE subscriptions IS NOT NULL; SET pgrealtime.share_policies = off; SELECT change #>> ''{record,id}'', error FROM pgrealtime.fan_out(:''c'') WHERE subscriptions IS NOT NULL; RESET pgrealtime.share_policies;'
\echo within one policy
CREATE POLICY p ON rows USING (10 / s > 0 AND org = 1);
:look
\echo a restrictive policy that raises
ALTER POLICY p ON rows USING (org = 1);
CREATE POLICY r ON rows AS RESTRICTIVE USING (10 / s > 0);
:look
\echo a permissive policy that raises
ALTER POLICY p ON rows USING (10 / s > 0);
ALTER POLICY r ON rows USING (org = 1);
:look
\echo a function that costs more than a comparison that is not leakproof
CREATE FUNCTION costly(s int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN RETURN 10 / s > 0; END$$;
DROP POLICY r ON rows;
ALTER POLICY p ON rows USING (costly(s) AND to_json(org)::text = '1');
:look
CREATE POLICY r ON rows AS RESTRICTIVE USING (true);
ALTER POLICY p ON rows USING (10 / s > 0);
\echo where a SELECT raises, the change is an error, too
ALTER POLICY r ON rows USING (org < 3);
:look
\echo restrictive policies come first, however costly: the error is theirs in a SELECT, too
CREATE FUNCTION raises(code text, anything int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN RAISE 'no' USING ERRCODE = code; END$$;
CREATE FUNCTION raises_cheaply(code text, anything int) RETURNS boolean LANGUAGE plpgsql STABLE COST 1 AS $$BEGIN RAISE 'no' USING ERRCODE = code; END$$;
\set VERBOSITY sqlstate
ALTER POLICY r ON rows USING (raises('P0001', s));
ALTER POLICY p ON rows USING (raises_cheaply('P0002', s));
:look
\echo of two restrictive ones the first by name, however costly
ALTER POLICY p ON rows USING (true);
CREATE POLICY q ON rows AS RESTRICTIVE USING (raises_cheaply('P0003', s));
ALTER POLICY r ON rows RENAME TO a;
:look
\echo a SELECT raises here: it does not come to the permissive policy, which hides the rows
ALTER POLICY p ON rows USING (to_json(org)::text = '7');
:look
\echo nor to a condition that costs more
DROP POLICY q ON rows;
DROP POLICY a ON rows;
ALTER POLICY p ON rows USING (raises_cheaply('P0004', s) AND NOT costly(org) AND s IS NOT NULL);
:look
\echo a condition that is the same for all rows is evaluated first
ALTER POLICY p ON rows USING (raises('P0005', s) AND current_setting('test.open', true) = 'yes');
:look
SET test.open = 'yes';
:look
\echo what an INSERT checks keeps its order
CREATE POLICY i ON rows FOR INSERT WITH CHECK (org = 1 AND raises('P0006', s) AND raises_cheaply('P0007', s));
SELECT pgrealtime.is_row_allowed('rows', 'INSERT', '{"org": 2}', 'policy_order_reader');
SELECT pgrealtime.is_row_allowed('rows', 'INSERT', '{"org": 1}', 'policy_order_reader');
\set VERBOSITY terse

\echo that no row passes is as valid as what it came of: here the claims of a reader who comes first
DROP POLICY i ON rows;
DROP POLICY p ON rows;
CREATE FUNCTION is_admin() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$BEGIN RETURN current_setting('request.jwt.claims', true)::json ->> 'admin' = 'yes'; END$$;
CREATE POLICY p ON rows USING (is_admin());
SELECT pgrealtime.unsubscribe('{1}');
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_order_reader', claims => '{"admin": "no"}');
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_order_reader', claims => '{"admin": "yes"}');
INSERT INTO rows VALUES (3, 1, 1);
SELECT subscriptions, change #>> '{record,id}' FROM pgrealtime.fan_out(:'c') WHERE subscriptions IS NOT NULL;
SET ROLE policy_order_reader;
SET request.jwt.claims = '{"admin": "no"}';
SELECT change #>> '{record,id}' FROM pgrealtime.changes_since(:'c', '{rows}') WHERE change IS NOT NULL;
SET request.jwt.claims = '{"admin": "yes"}';
SELECT change #>> '{record,id}' FROM pgrealtime.changes_since(:'c', '{rows}') WHERE change IS NOT NULL;
RESET ROLE;
\echo here a table that an immutable function reads
CREATE TABLE open (is_open boolean);
GRANT SELECT ON open TO policy_order_reader;
CREATE FUNCTION is_open() RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT EXISTS (SELECT FROM open)$$;
ALTER POLICY p ON rows USING (is_open());
:look
INSERT INTO open VALUES (true);
:look
RESET request.jwt.claims;
SELECT pgrealtime.unsubscribe('{2,3}');
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_order_reader');

\echo what is raised when the policies are planned shows no more than what a row raises
CREATE FUNCTION at_planning() RETURNS int LANGUAGE plpgsql STABLE AS $$BEGIN RAISE 'secret' USING ERRCODE = '55000'; END$$;
ALTER POLICY p ON rows USING (org = 1 AND id = at_planning());
SET ROLE policy_order_reader;
SELECT count(*) FROM pgrealtime.changes_since(:'c', '{rows}');
RESET ROLE;
SELECT pgrealtime.is_row_allowed('rows', 'SELECT', '{"id": 1, "org": 1}', 'policy_order_reader');

\echo hidden rows that raise cost a reader as much as one of them
CREATE SEQUENCE calls;
GRANT USAGE ON calls TO policy_order_reader;
CREATE FUNCTION counted(s int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN PERFORM nextval('public.calls'); RAISE 'no' USING ERRCODE = 'P0008'; END$$;
CREATE POLICY r ON rows AS RESTRICTIVE USING (counted(s));
ALTER POLICY p ON rows USING (org = 1);
DELETE FROM rows;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO rows SELECT i, 2, 0 FROM generate_series(100, 300) AS i;
SELECT setval('calls', 1, false);
SET ROLE policy_order_reader;
SELECT count(change) FROM pgrealtime.changes_since(:'c', '{rows}');
RESET ROLE;
SELECT count(change) FROM pgrealtime.fan_out(:'c');
SET pgrealtime.share_policies = off;
SELECT count(change) FROM pgrealtime.fan_out(:'c');
RESET pgrealtime.share_policies;
SELECT last_value <= 10 AS few_calls FROM calls;
DROP POLICY r ON rows;

\echo random policies: what a SELECT shows or hides, so does the feed; where it raises, the feed raises the same, or hides the row
DELETE FROM rows;
SELECT pgrealtime.current_cursor() AS c \gset
SELECT set_config('test.cursor', :'c', false) = :'c';
INSERT INTO rows VALUES (3, 1, 1);
CREATE TABLE outcomes (policies text, selected text, read text, shared text, alone text);
CREATE FUNCTION chosen(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT $1[1 + floor(random() * cardinality($1))] $$;
CREATE FUNCTION condition() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  cost text := chosen('0.5', '1', '3', '9', '11', '100');
  name text := format('%s_%s', chosen('leaks', 'proof'), replace(cost, '.', '_'));
BEGIN
  IF random() < 0.4 THEN
    RETURN chosen('org = 1', 's = org', 'org = 2', 'org IS NOT NULL', '10 / s > 0', 'org IN (SELECT 1)', 'EXISTS (SELECT FROM pg_am WHERE org > 5)', 'org IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)', 'true', 'NULL');
  END IF;
  RETURN format('%s(%L, %s)', name, chosen('t', 't', 't', 'f', NULL, 'P0101', 'P0102', 'P0103', 'P0104', 'P0105'), chosen('s', 's', 's', 's', '0'));
END $$;
CREATE FUNCTION conditions() RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT string_agg(condition(), CASE WHEN random() < 0.15 THEN ' OR ' ELSE ' AND ' END) FROM generate_series(1, (1 + floor(random() * 3))::int)
$$;
CREATE FUNCTION outcome(query text, role text = 'none') RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text;
BEGIN
  PERFORM set_config('role', role, true);
  EXECUTE query INTO got;
  PERFORM set_config('role', 'none', true);
  RETURN coalesce(got, 'hidden');
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END $$;
DO $$
DECLARE
  names text;
  policy text;
  made text;
BEGIN
  FOR names, policy, made IN
    SELECT format('%s_%s', kind, replace(cost, '.', '_')), cost, CASE kind WHEN 'proof' THEN 'LEAKPROOF' ELSE '' END
    FROM unnest('{leaks,proof}'::text[]) kind, unnest('{0.5,1,3,9,11,100}'::text[]) cost LOOP
    EXECUTE format('CREATE FUNCTION %s(what text, s int) RETURNS boolean LANGUAGE plpgsql STABLE COST %s %s AS %L', names, policy, made,
      'BEGIN IF length(what) > 1 THEN RAISE USING MESSAGE = 0, ERRCODE = what; END IF; RETURN what = ''t''; END');
  END LOOP;
END $$;
CREATE FUNCTION look() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  made text := '';
  one text;
  received text := 'SELECT coalesce(left(error, 5), ''seen'') FROM pgrealtime.fan_out(current_setting(''test.cursor'')) WHERE subscriptions IS NOT NULL';
BEGIN
  FOR one IN SELECT polname FROM pg_policy WHERE polrelid = 'rows'::regclass LOOP
    EXECUTE format('DROP POLICY %I ON rows', one);
  END LOOP;
  FOR i IN 1 .. 1 + floor(random() * 4)::int LOOP
    one := format('CREATE POLICY %s ON rows AS %s USING (%s)', chr(122 - i), CASE WHEN i = 1 OR random() < 0.2 THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, conditions());
    EXECUTE one;
    made := concat_ws('; ', made, one);
  END LOOP;
  INSERT INTO outcomes SELECT made,
    outcome('SELECT ''seen'' FROM rows', 'policy_order_reader'),
    outcome('SELECT ''seen'' FROM pgrealtime.changes_since(current_setting(''test.cursor''), ''{rows}'') WHERE change IS NOT NULL', 'policy_order_reader'),
    outcome(received), NULL;
  SET LOCAL pgrealtime.share_policies = off;
  UPDATE outcomes SET alone = outcome(received) WHERE alone IS NULL;
  SET LOCAL pgrealtime.share_policies = on;
END $$;
SELECT setseed(0.3) AS none;
SELECT count(look()) FROM generate_series(1, 400);
SELECT * FROM outcomes WHERE read <> alone OR read <> shared OR read <> selected AND NOT (selected LIKE 'P0%' AND read = 'hidden') AND NOT (selected = '22012' AND read = 'hidden');
SELECT count(*) FILTER (WHERE selected = 'seen') > 20 AS seen, count(*) FILTER (WHERE selected = 'hidden') > 20 AS hidden, count(*) FILTER (WHERE selected LIKE 'P%' AND read = selected) > 20 AS raised, count(*) FILTER (WHERE selected LIKE 'P%' AND read = 'hidden') > 20 AS raised_and_hidden FROM outcomes;
DROP OWNED BY policy_order_reader;
DROP ROLE policy_order_reader;
