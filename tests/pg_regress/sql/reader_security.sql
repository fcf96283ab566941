-- Which rows and values each reader receives, and who may call at all.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE security_owner;
CREATE ROLE security_anna;
CREATE ROLE security_ben;
CREATE ROLE security_group;
CREATE ROLE security_member IN ROLE security_group;
CREATE ROLE security_bypass BYPASSRLS;
CREATE ROLE security_nobody;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET search_path = app;

-- What the caller receives after the cursor in :from, without times; errors are shown whole, but for cursors.
CREATE FUNCTION public.feed(cursor text, relation text, filter text DEFAULT NULL, net boolean DEFAULT false, columns text[] DEFAULT NULL)
RETURNS TABLE (change jsonb) LANGUAGE plpgsql SET search_path = app, pg_catalog AS $$
DECLARE code text; message text; detail text; hint text;
BEGIN
  RETURN QUERY SELECT c.change::jsonb - 'commit_timestamp' - 'schema' - 'errors' - 'table'
    FROM pgrealtime.changes_since(cursor, ARRAY[relation]::regclass[], filter => filter, net => net, columns => columns) WITH ORDINALITY c(cursor, change, n)
    WHERE c.change IS NOT NULL ORDER BY n;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN QUERY SELECT jsonb_build_object('code', code, 'message', message, 'detail', regexp_replace(detail, '(cursor: )\S+', '\1…', 'g'), 'hint', hint);
END $$;
GRANT EXECUTE ON FUNCTION public.feed TO PUBLIC;
CREATE FUNCTION public.claims(org int) RETURNS void LANGUAGE sql AS $$ SELECT set_config('request.jwt.claims', jsonb_build_object('org', org)::text, false) $$;
\pset format unaligned
\pset tuples_only on

CREATE TABLE goals (id int PRIMARY KEY, org int, title text, secret text);
ALTER TABLE goals OWNER TO security_owner;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY org ON goals USING (org = (current_setting('request.jwt.claims', true)::jsonb ->> 'org')::int);
GRANT SELECT ON goals TO security_anna, security_ben, security_bypass;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO security_owner;
SELECT pgrealtime.enable('goals');
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO goals VALUES (1, 1, 'first', 's1'), (2, 2, 'of two', 's2');
UPDATE goals SET org = 2 WHERE id = 1;
UPDATE goals SET title = 'mine now' WHERE id = 1;
DELETE FROM goals WHERE id = 2;
INSERT INTO goals VALUES (3, NULL, 'of nobody', 's3');

-- The old record of a row that came from another tenant is never shown; a DELETE reaches only who could see the row;
-- the re-assigned row's earlier INSERT never reaches the new owner.
\echo organisation 1
SELECT public.claims(1);
SET ROLE security_anna;
SELECT * FROM public.feed(:'from', 'goals');
SELECT * FROM public.feed(:'from', 'goals', net => true);
\echo organisation 2
SELECT public.claims(2);
SELECT * FROM public.feed(:'from', 'goals');
SELECT * FROM public.feed(:'from', 'goals', net => true);
\echo nobody is claimed
SELECT set_config('request.jwt.claims', '{}', false);
SELECT * FROM public.feed(:'from', 'goals');

-- Two users alternating on one session, by role and by claims.
\echo two users in turn
SELECT public.claims(1);
SELECT count(*) FROM public.feed(:'from', 'goals');
SET ROLE security_bypass;
SELECT count(*) FROM public.feed(:'from', 'goals');
SET ROLE security_ben;
SELECT public.claims(2);
SELECT count(*) FROM public.feed(:'from', 'goals');
SET ROLE security_anna;
SELECT count(*) FROM public.feed(:'from', 'goals');
SELECT public.claims(1);
SELECT count(*) FROM public.feed(:'from', 'goals');

-- The owner, without FORCE and with it.
\echo owner
SET ROLE security_owner;
SELECT count(*) FROM public.feed(:'from', 'goals');
ALTER TABLE goals FORCE ROW LEVEL SECURITY;
SELECT count(*) FROM public.feed(:'from', 'goals');
ALTER TABLE goals NO FORCE ROW LEVEL SECURITY;
SELECT count(*) FROM public.feed(:'from', 'goals');

-- row_security = off: the error of Postgres, for whom policies apply to.
\echo row_security = off
SET row_security = off;
SELECT count(*) FROM public.feed(:'from', 'goals');
SET ROLE security_anna;
SELECT * FROM public.feed(:'from', 'goals');
SELECT * FROM goals;
SET row_security = on;

-- No privilege at all; without the key; without a column, at once.
\echo privileges
SET ROLE security_nobody;
SELECT * FROM public.feed(:'from', 'goals');
SELECT * FROM public.feed(:'from', 'goals', 'secret=eq.s1');
SELECT * FROM public.feed('no cursor', 'goals');
RESET ROLE;
GRANT SELECT (title) ON goals TO security_nobody;
SET ROLE security_nobody;
SELECT * FROM public.feed(:'from', 'goals');
SET ROLE security_anna;
SELECT * FROM public.feed(:'from', 'goals', 'secret=eq.s1');
RESET ROLE;
REVOKE SELECT ON goals FROM security_anna;
GRANT SELECT (id, title) ON goals TO security_anna;
SET ROLE security_anna;
SELECT * FROM public.feed(:'from', 'goals');
SELECT * FROM public.feed(:'from', 'goals', 'secret=eq.s1');
SELECT * FROM public.feed(:'from', 'goals', 'secret=eq.nothing like it');
SELECT * FROM public.feed(:'from', 'goals', columns => ARRAY['secret']);
RESET ROLE;
SELECT 'app.goals'::regclass::oid AS goals \gset
REVOKE USAGE ON SCHEMA app FROM PUBLIC;
SET ROLE security_anna;
SELECT * FROM pgrealtime.changes_since(:'from', ARRAY[:goals]::regclass[]);
RESET ROLE;
GRANT USAGE ON SCHEMA app TO PUBLIC;

-- Policies, grants and memberships take effect on the next call.
\echo next call
SELECT public.claims(1);
GRANT SELECT ON goals TO security_group;
SET ROLE security_member;
SELECT count(*) FROM public.feed(:'from', 'goals');
RESET ROLE;
CREATE POLICY group_too ON goals FOR SELECT TO security_group USING (org = 2);
SET ROLE security_member;
SELECT count(*) FROM public.feed(:'from', 'goals');
RESET ROLE;
CREATE POLICY narrow ON goals AS RESTRICTIVE FOR SELECT USING (id <> 2);
SET ROLE security_member;
SELECT count(*) FROM public.feed(:'from', 'goals');
RESET ROLE;
DROP POLICY group_too ON goals;
DROP POLICY narrow ON goals;
REVOKE security_group FROM security_member;
SET ROLE security_member;
SELECT * FROM public.feed(:'from', 'goals');
RESET ROLE;

-- A policy for UPDATE or INSERT only does not count for readers; without a policy there is no row.
\echo no policy
DROP POLICY org ON goals;
CREATE POLICY writers ON goals FOR UPDATE USING (true);
SET ROLE security_ben;
SELECT count(*) FROM public.feed(:'from', 'goals');
RESET ROLE;
DROP POLICY writers ON goals;
CREATE POLICY org ON goals USING (org = (current_setting('request.jwt.claims', true)::jsonb ->> 'org')::int);

-- deletes => 'key': everybody gets the key of a deleted row and nothing else, in net changes, too.
\echo deletes by key
SELECT pgrealtime.enable('goals', deletes => 'key');
SELECT pgrealtime.current_cursor() AS from \gset
INSERT INTO goals VALUES (10, 2, 'theirs', 's10');
DELETE FROM goals WHERE id = 10;
INSERT INTO goals VALUES (10, 1, 'ours', 's10');
SELECT public.claims(1);
SET ROLE security_ben;
SELECT * FROM public.feed(:'from', 'goals');
\echo net
SELECT pgrealtime.current_cursor() AS later \gset
RESET ROLE;
INSERT INTO goals VALUES (11, 2, 'theirs', 's11');
SELECT pgrealtime.current_cursor() AS later \gset
DELETE FROM goals WHERE id = 11;
INSERT INTO goals VALUES (11, 1, 'ours', 's11');
SET ROLE security_ben;
SELECT * FROM public.feed(:'later', 'goals', net => true);
RESET ROLE;

DROP SCHEMA app CASCADE;
DROP FUNCTION public.feed, public.claims;
DROP OWNED BY security_owner;
DROP ROLE security_owner, security_anna, security_ben, security_group, security_member, security_bypass, security_nobody;
