-- Policies that are judged by claims where these decide, and by each reader's own execution where they do not.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE separate_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE FUNCTION claim(name text) RETURNS text STABLE LANGUAGE sql AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> name $$;
CREATE TABLE permissions (who text, org int);
INSERT INTO permissions VALUES ('a', 1), ('b', 2);
-- A look-up with the rights of its owner, which counts how often it is asked.
CREATE SEQUENCE asked;
CREATE FUNCTION permitted(of int) RETURNS boolean STABLE SECURITY DEFINER SET search_path = public LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('asked');
  RETURN EXISTS (SELECT FROM permissions WHERE org = of AND who = claim('sub'));
END $$;
CREATE TABLE goals (id int PRIMARY KEY, org int, public boolean);
GRANT SELECT ON goals TO separate_reader;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
SELECT pgrealtime.enable('goals');
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT who, org, subscription FROM (VALUES ('a', 1), ('a', 2), ('b', 1), ('b', 2), ('c', NULL)) AS claims (who, org),
  pgrealtime.subscribe('goals', role_name => 'separate_reader', claims => jsonb_build_object('sub', who, 'org', org));
-- compared(): changes, heard with and without policies that readers share; whether the look-up was then asked less often.
CREATE FUNCTION compared() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE first text := current_setting('test.cursor'); one text[]; other text[]; times bigint[];
BEGIN
  SET LOCAL pgrealtime.share_policies = off;
  PERFORM setval('asked', 1, false);
  one := array(SELECT heard());
  times[1] := nextval('asked');
  PERFORM set_config('test.cursor', first, false);
  SET LOCAL pgrealtime.share_policies = on;
  PERFORM setval('asked', 1, false);
  other := array(SELECT heard());
  times[2] := nextval('asked');
  RETURN NEXT 'the look-up was asked ' || CASE WHEN times[2] < times[1] THEN 'less' ELSE 'as' END || ' often';
  IF one <> other THEN RETURN NEXT 'NOT THE SAME'; RETURN QUERY SELECT unnest(one); END IF;
  RETURN QUERY SELECT unnest(other);
END $$;
CREATE FUNCTION change() RETURNS void LANGUAGE sql AS $$
  TRUNCATE goals;
  INSERT INTO goals VALUES (1, 1, false), (2, 2, true), (3, NULL, NULL);
  UPDATE goals SET org = 1 WHERE id = 2;
$$;
\echo a claim and a look-up
CREATE POLICY one ON goals USING (org = claim('org')::int AND permitted(org));
SELECT change();
SELECT compared();
\echo a column or a look-up
ALTER POLICY one ON goals USING (public OR permitted(org));
SELECT change();
SELECT compared();
\echo a restrictive policy on claims
ALTER POLICY one ON goals USING (permitted(org));
CREATE POLICY two ON goals AS RESTRICTIVE USING (claim('sub') = 'b');
SELECT change();
SELECT compared();
\echo a look-up that raises an error
CREATE OR REPLACE FUNCTION permitted(of int) RETURNS boolean STABLE SECURITY DEFINER SET search_path = public LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1 / (of - 1) > 0;
END $$;
SELECT change();
SELECT compared();
