-- A policy shows a reader of changes what it shows a SELECT in the same session at the same moment: also where the
-- functions that it calls depend on search_path, on settings of dates, or on claims that they should not look at.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE context_app;
CREATE SCHEMA a;
CREATE SCHEMA b;
GRANT USAGE ON SCHEMA a, b TO context_app;
CREATE TABLE public.docs (id int PRIMARY KEY, owner text, due date);
GRANT SELECT ON docs TO context_app;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
SELECT pgrealtime.enable('docs');
SELECT pgrealtime.current_cursor() AS cursor \gset
INSERT INTO docs VALUES (1, 'ann', '2024-02-01'), (2, 'bob', '2024-02-01');
-- What a SELECT shows, and what the changes do.
CREATE PROCEDURE public.shown(cursor text, filter text = NULL) LANGUAGE plpgsql AS $$
DECLARE selected text; changed text;
BEGIN
  EXECUTE 'SELECT string_agg(owner, '' '' ORDER BY id) FROM public.docs' INTO selected;
  SELECT string_agg(change->'record'->>'owner', ' ' ORDER BY change->'record'->>'id') INTO changed
  FROM pgrealtime.changes_since(cursor, '{public.docs}', filter) WHERE change IS NOT NULL;
  RAISE INFO 'SELECT: %, changes: %', selected, changed;
END $$;
GRANT EXECUTE ON PROCEDURE public.shown(text, text) TO context_app;

\echo names in a function that becomes part of the plan
CREATE FUNCTION a.me() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'ann' $$;
CREATE FUNCTION b.me() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'bob' $$;
SET check_function_bodies = off;
CREATE FUNCTION public.mine(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT who = me() $$;
CREATE POLICY p ON docs USING (mine(owner));
SET ROLE context_app;
SET search_path = a, public;
CALL public.shown(:'cursor');
CALL public.shown(:'cursor', 'id=gt.0');
DISCARD ALL;
SET ROLE context_app;
SET search_path = b, public;
CALL public.shown(:'cursor');
CALL public.shown(:'cursor', 'id=gt.0');
SET search_path = a, public;
CALL public.shown(:'cursor');
DISCARD ALL;

\echo dates in a function that becomes part of the plan
DROP POLICY p ON docs;
CREATE FUNCTION past(due date) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT due < '02/01/2024' $$;
CREATE POLICY p ON docs USING (past(due - 10));
SET ROLE context_app;
SET datestyle = 'ISO, MDY';
CALL public.shown(:'cursor');
SET datestyle = 'ISO, DMY';
CALL public.shown(:'cursor');
DISCARD ALL;

\echo digits of a number that is part of the plan
DROP POLICY p ON docs;
CREATE FUNCTION digits(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT (0.1::float8 + 0.2::float8)::text <> '0.3' OR who = 'ann' $$;
CREATE POLICY p ON docs USING (digits(owner));
SET ROLE context_app;
SET extra_float_digits = 0;
CALL public.shown(:'cursor');
RESET extra_float_digits;
CALL public.shown(:'cursor');
DISCARD ALL;

\echo claims in functions that are declared immutable
DROP POLICY p ON docs;
CREATE FUNCTION uid() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
CREATE POLICY p ON docs USING (owner = uid());
SET ROLE context_app;
SET request.jwt.claims = '{"sub": "ann"}';
CALL public.shown(:'cursor');
DISCARD ALL;
SET ROLE context_app;
SET request.jwt.claims = '{"sub": "bob"}';
CALL public.shown(:'cursor');
RESET ROLE;
\echo by another function, with a setting of its own, and in a sub-select
ALTER FUNCTION uid() SET search_path = pg_catalog;
CREATE FUNCTION has(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT who = uid() $$;
DROP POLICY p ON docs;
CREATE POLICY p ON docs USING (EXISTS (SELECT FROM generate_series(1, 2) AS i WHERE has(owner) OR i > 2));
SET ROLE context_app;
CALL public.shown(:'cursor');
SET request.jwt.claims = '{"sub": "ann"}';
CALL public.shown(:'cursor');
RESET ROLE;
\echo in PL/pgSQL
CREATE OR REPLACE FUNCTION uid() RETURNS text LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS $$ BEGIN RETURN current_setting('request.jwt.claims')::json ->> 'sub'; END $$;
SET ROLE context_app;
CALL public.shown(:'cursor');
SET request.jwt.claims = '{"sub": "bob"}';
CALL public.shown(:'cursor');
RESET ROLE;
\echo in the policy of a table that the policy reads
CREATE TABLE members (who text);
INSERT INTO members VALUES ('ann'), ('bob');
GRANT SELECT ON members TO context_app;
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON members USING (who = uid());
DROP POLICY p ON docs;
CREATE POLICY p ON docs USING (owner IN (SELECT who FROM members));
SET ROLE context_app;
CALL public.shown(:'cursor');
SET request.jwt.claims = '{"sub": "ann"}';
CALL public.shown(:'cursor');
RESET ROLE;
\echo diagnose asks with other claims
SELECT detail FROM pgrealtime.diagnose('docs', 'context_app', '{"sub": "bob"}') WHERE check_name LIKE '%recent%';
SET ROLE context_app;
CALL public.shown(:'cursor');
RESET ROLE;
\echo subscriptions under different claims
SELECT subscription, cursor FROM pgrealtime.subscribe('docs', role_name => 'context_app', claims => '{"sub": "ann"}') \gset ann_
SELECT subscription FROM pgrealtime.subscribe('docs', role_name => 'context_app', claims => '{"sub": "bob"}') \gset bob_
INSERT INTO docs VALUES (3, 'ann'), (4, 'bob');
SELECT CASE subscription WHEN :ann_subscription THEN 'ann' WHEN :bob_subscription THEN 'bob' END AS subscriber, change->'record'->>'owner' AS owner
FROM pgrealtime.fan_out(:'ann_cursor') CROSS JOIN unnest(subscriptions) AS subscription;
