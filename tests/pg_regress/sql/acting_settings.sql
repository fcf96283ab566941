-- Work as a subscriber's role is as if the session had set the role: policies may ask the settings role and is_superuser.
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\set SHOW_CONTEXT never
CREATE ROLE regress_subscriber;
CREATE ROLE regress_relay LOGIN;
GRANT regress_subscriber TO regress_relay;
CREATE FUNCTION told() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN concat_ws(' ', current_user, current_setting('role'), current_setting('is_superuser')); END $$;
CREATE TABLE by_superuser (id int PRIMARY KEY, owner text);
CREATE TABLE by_role (LIKE by_superuser INCLUDING ALL);
CREATE TABLE in_code (LIKE by_superuser INCLUDING ALL);
GRANT SELECT, INSERT ON by_superuser, by_role, in_code TO regress_subscriber;
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY '{by_superuser,by_role,in_code}'::text[] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    PERFORM pgrealtime.enable(t::regclass);
  END LOOP;
END
$$;
CREATE POLICY p ON by_superuser USING (current_setting('is_superuser') = 'on' OR owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
CREATE POLICY p ON by_role USING (current_setting('role') = 'regress_subscriber' AND owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
CREATE POLICY p ON in_code USING (told() = 'regress_subscriber regress_subscriber off' AND owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
GRANT EXECUTE ON FUNCTION pgrealtime.subscribe, pgrealtime.fan_out, pgrealtime.unsubscribe, pgrealtime.is_row_allowed TO regress_relay;
\pset format unaligned
\pset tuples_only on
-- What comes to a subscriber, and what is allowed; then the session is as it was.
CREATE FUNCTION shown(cursor text, ids int[]) RETURNS text LANGUAGE sql SECURITY INVOKER AS $$
  SELECT string_agg(concat_ws(' ', change ->> 'table', change #>> '{record,id}', error), ', ') FROM pgrealtime.fan_out(cursor) WHERE subscriptions && ids $$;
CREATE FUNCTION allowed() RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(concat_ws(' ', t, c, o, pgrealtime.is_row_allowed(t, c, jsonb_build_object('id', 1, 'owner', o), 'regress_subscriber', '{"sub": "a"}')), ', ' ORDER BY t::text, c, o)
  FROM unnest('{by_superuser,by_role,in_code}'::regclass[]) AS t, unnest('{SELECT,INSERT}'::text[]) AS c, unnest('{a,b}'::text[]) AS o $$;
SELECT pgrealtime.current_cursor() AS cursor \gset
SELECT array_agg(subscription) AS ids FROM unnest('{by_superuser,by_role,in_code}'::regclass[]) AS t, pgrealtime.subscribe(t, role_name => 'regress_subscriber', claims => '{"sub": "a"}') \gset
\set write 'INSERT INTO by_superuser VALUES (:n, ''a''), (:n + 1, ''b''); INSERT INTO by_role VALUES (:n, ''a''), (:n + 1, ''b''); INSERT INTO in_code VALUES (:n, ''a''), (:n + 1, ''b'');'
\set n 1
:write
SELECT shown(:'cursor', :'ids');
SELECT allowed();
SELECT told() = concat(session_user, ' none on');
-- A session that has set a role, and one in a function with its owner's rights.
GRANT regress_relay TO CURRENT_USER;
SET ROLE regress_relay;
SELECT shown(:'cursor', :'ids');
SELECT told();
RESET ROLE;
CREATE FUNCTION as_owner(cursor text, ids int[]) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT concat_ws(' | ', shown(cursor, ids), allowed(), told()) $$;
ALTER FUNCTION as_owner OWNER TO regress_relay;
GRANT EXECUTE ON FUNCTION as_owner TO regress_subscriber;
SET ROLE regress_subscriber;
SELECT as_owner(:'cursor', :'ids');
SELECT told();
RESET ROLE;
-- An error within leaves nothing.
CREATE FUNCTION fails(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE 'PR001'; END $$;
CREATE POLICY fails ON by_role AS RESTRICTIVE USING (fails(owner));
SELECT shown(:'cursor', :'ids');
SELECT pgrealtime.is_row_allowed('by_role', 'SELECT', '{"owner": "a"}', 'regress_subscriber', '{"sub": "a"}');
SELECT told() = concat(session_user, ' none on');
DROP POLICY fails ON by_role;
SELECT pgrealtime.unsubscribe(:'ids');
-- A relay that is no superuser.
SET SESSION AUTHORIZATION regress_relay;
SELECT pgrealtime.current_cursor() AS cursor \gset
SELECT array_agg(subscription) AS ids FROM unnest('{by_superuser,by_role,in_code}'::regclass[]) AS t, pgrealtime.subscribe(t, role_name => 'regress_subscriber', claims => '{"sub": "a"}') \gset
RESET SESSION AUTHORIZATION;
\set n 11
:write
SET SESSION AUTHORIZATION regress_relay;
SELECT shown(:'cursor', :'ids');
SELECT allowed();
SELECT told();
RESET SESSION AUTHORIZATION;
DROP OWNED BY regress_subscriber, regress_relay;
DROP ROLE regress_subscriber, regress_relay;
