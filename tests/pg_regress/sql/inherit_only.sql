-- Since version 16 a member may have the grants of a role and not become it: BYPASSRLS and SUPERUSER stay out of reach.
SELECT current_setting('server_version_num')::int < 160000 AS too_old \gset
\if :too_old
\quit
\endif
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean);
CREATE ROLE inherit_admin BYPASSRLS;
CREATE ROLE inherit_super SUPERUSER;
CREATE ROLE inherit_between;
CREATE ROLE inherit_member;
CREATE TABLE t (id int PRIMARY KEY, org int, word text);
SELECT pgrealtime.enable('t', sinks => '{log,broadcast}', broadcast_topic => '{org}');
CREATE PROCEDURE sent(what text) LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
  TRUNCATE realtime.messages;
  INSERT INTO public.t VALUES (1, 1, 'x');
  DELETE FROM public.t;
  SELECT coalesce(payload ->> 'record', 'nothing') INTO told FROM realtime.messages WHERE payload ->> 'operation' = 'INSERT';
  RAISE INFO '%: %', what, told;
END $$;

\echo Policies that one reader bypasses, and who has his grants does not
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t USING (org = 2);
GRANT SELECT ON t TO inherit_admin;
CALL sent('nobody else');
GRANT inherit_admin TO inherit_member WITH INHERIT TRUE, SET TRUE;
CALL sent('a member who can become it');
GRANT inherit_admin TO inherit_member WITH INHERIT FALSE, SET FALSE;
CALL sent('one that has nothing of it');
GRANT inherit_admin TO inherit_member WITH INHERIT TRUE;
CALL sent('one that has the grants');
SET ROLE inherit_member;
SELECT count(*) FROM t;
RESET ROLE;
ALTER ROLE inherit_member BYPASSRLS;
CALL sent('and bypasses policies, too');
ALTER ROLE inherit_member NOBYPASSRLS;
GRANT inherit_admin TO inherit_between WITH INHERIT TRUE, SET TRUE;
REVOKE inherit_admin FROM inherit_member;
CALL sent('one between');
GRANT inherit_between TO inherit_member WITH INHERIT TRUE, SET FALSE;
CALL sent('and one that has the grants of that');
REVOKE SELECT ON t FROM inherit_admin;
ALTER ROLE inherit_between BYPASSRLS;
GRANT SELECT ON t TO inherit_between;
REVOKE inherit_admin FROM inherit_between;
CALL sent('who has the grants itself');
GRANT inherit_between TO inherit_member WITH SET TRUE;
CALL sent('and can be become');
REVOKE inherit_between FROM inherit_member;
REVOKE SELECT ON t FROM inherit_between;

\echo A superuser, who may SELECT the table without a grant that could be inherited
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON realtime.messages TO inherit_super;
CALL sent('a superuser reads messages');
GRANT inherit_super TO inherit_member WITH INHERIT TRUE, SET FALSE;
CALL sent('and who has his grants');
REVOKE SELECT ON realtime.messages FROM inherit_super;

\echo The owner, whom policies are forced upon, and who bypasses them
ALTER TABLE t OWNER TO inherit_super;
GRANT SELECT ON t TO inherit_admin;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CALL sent('not forced');
ALTER TABLE t FORCE ROW LEVEL SECURITY;
CALL sent('forced');
REVOKE inherit_super FROM inherit_member;
CALL sent('forced, and nobody has his grants');
GRANT inherit_super TO inherit_member;
ALTER TABLE t NO FORCE ROW LEVEL SECURITY;
SET ROLE inherit_member;
SELECT row_security_active('t');
RESET ROLE;

\echo Nor does diagnose answer for a role that cannot be become
GRANT inherit_admin TO inherit_member WITH INHERIT TRUE, SET FALSE;
SET ROLE inherit_member;
SELECT count(*) > 0 FROM pgrealtime.diagnose('t', 'inherit_admin');
RESET ROLE;
GRANT inherit_admin TO inherit_member WITH SET TRUE;
SET ROLE inherit_member;
SELECT count(*) > 0 FROM pgrealtime.diagnose('t', 'inherit_admin');
RESET ROLE;

\echo Code of such a member never runs as the owner of realtime.messages
GRANT USAGE ON SCHEMA realtime TO inherit_admin;
GRANT USAGE, CREATE ON SCHEMA realtime TO inherit_member;
ALTER TABLE realtime.messages OWNER TO inherit_admin;
GRANT inherit_admin TO inherit_member WITH INHERIT TRUE, SET FALSE;
SET ROLE inherit_member;
CREATE FUNCTION realtime.planted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.extension := 'planted, runs as ' || current_user; RETURN NEW; END $$;
CREATE TRIGGER planted BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.planted();
RESET ROLE;
CALL sent('planted');
SELECT DISTINCT extension FROM realtime.messages;
GRANT inherit_admin TO inherit_member WITH SET TRUE;
CALL sent('of one who can become him');
SELECT DISTINCT extension FROM realtime.messages;
DROP TRIGGER planted ON realtime.messages;
\echo nor a trigger that it may have made of a function of another
GRANT TRIGGER ON realtime.messages TO inherit_member;
ALTER FUNCTION realtime.planted OWNER TO inherit_admin;
CREATE TRIGGER planted BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.planted();
CALL sent('who can become him');
GRANT inherit_admin TO inherit_member WITH SET FALSE;
CALL sent('who cannot');
REVOKE TRIGGER ON realtime.messages FROM inherit_member;
CALL sent('who may make no trigger');

\echo nor are its temporary objects found by code that runs as him
GRANT INSERT, SELECT, DELETE ON t TO inherit_member;
SET ROLE inherit_member;
CREATE TEMP TABLE mine (a int);
RESET ROLE;
INSERT INTO t VALUES (2, 2, 'x');
GRANT inherit_admin TO inherit_member WITH SET TRUE;
INSERT INTO t VALUES (3, 3, 'x');
SELECT topic, extension FROM realtime.messages WHERE topic > '1';

DROP TABLE t;
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA realtime CASCADE;
DROP OWNED BY inherit_member, inherit_between, inherit_admin, inherit_super;
DROP ROLE inherit_member, inherit_between, inherit_admin, inherit_super;
