-- The owner of realtime.messages reads what is sent, so he is a reader like any other; and a topic tells its columns.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE messages_stranger;
CREATE ROLE messages_app;
CREATE ROLE messages_admin BYPASSRLS;
CREATE ROLE messages_member;
\set messages 'CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean)'
CREATE SCHEMA realtime;
:messages;
CREATE TABLE pay (id int PRIMARY KEY, salary int, secret text);
GRANT SELECT ON pay TO messages_app;
SELECT pgrealtime.enable('pay', sinks => '{broadcast}', broadcast_topic => 'pay');
CREATE PROCEDURE sent(what text) LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
  TRUNCATE realtime.messages;
  INSERT INTO public.pay VALUES (1, 100, 'x');
  DELETE FROM public.pay;
  SELECT string_agg(topic || ' ' || (payload ->> 'operation') || ' ' || coalesce(payload ->> 'record', payload ->> 'old_record', 'nothing'), ', ' ORDER BY payload ->> 'operation')
  INTO told FROM realtime.messages;
  RAISE INFO '%: %', what, told;
END $$;
CALL sent('a superuser owns the messages');

\echo The name is taken by another role
DROP SCHEMA realtime CASCADE;
CREATE SCHEMA realtime AUTHORIZATION messages_stranger;
SET ROLE messages_stranger;
:messages;
RESET ROLE;
CALL sent('who may SELECT nothing');
\set VERBOSITY default
SELECT pgrealtime.enable('pay', broadcast_topic => 'pays');
\set VERBOSITY terse
GRANT SELECT (id) ON pay TO messages_stranger;
CALL sent('who may SELECT the key');
GRANT SELECT ON pay TO messages_stranger;
CALL sent('who may SELECT all');
ALTER TABLE pay ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON pay TO messages_app USING (true);
CALL sent('whom no policy lets see it');
CREATE POLICY q ON pay TO messages_stranger USING (true);
CALL sent('whom one does');
DROP POLICY q ON pay;
ALTER TABLE pay OWNER TO messages_stranger;
CALL sent('who owns both');
ALTER TABLE pay OWNER TO CURRENT_USER;
REVOKE SELECT ON pay FROM messages_stranger;

\echo A member of a role that bypasses policies has its grants, but sees nothing by itself
DROP SCHEMA realtime CASCADE;
CREATE SCHEMA realtime;
:messages;
GRANT SELECT ON pay TO messages_admin;
GRANT SELECT ON realtime.messages TO messages_admin;
CALL sent('without a member');
GRANT messages_admin TO messages_member;
SET ROLE messages_member;
SELECT count(*) FROM pay;
RESET ROLE;
CALL sent('with one');
ALTER ROLE messages_member NOINHERIT;
REVOKE messages_admin FROM messages_member;
GRANT messages_admin TO messages_member;
CALL sent('who does not inherit');
ALTER ROLE messages_member INHERIT BYPASSRLS;
REVOKE messages_admin FROM messages_member;
GRANT messages_admin TO messages_member;
CALL sent('who bypasses them, too');
REVOKE messages_admin FROM messages_member;
ALTER TABLE pay DISABLE ROW LEVEL SECURITY;

\echo A topic of columns that a reader may not SELECT
REVOKE SELECT ON pay FROM messages_app;
GRANT SELECT (id) ON pay TO messages_app;
GRANT SELECT ON realtime.messages TO messages_app;
\set VERBOSITY default
SELECT pgrealtime.enable('pay', broadcast_topic => 'pay:{salary}:{secret}');
CALL sent('is not sent');
\set VERBOSITY terse
SELECT undelivered FROM pgrealtime.log_status;
-- Nor is a change that was overtaken.
CREATE FUNCTION one_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.pay SET secret = 'z' WHERE id <> NEW.id AND secret = 'y';
  RETURN NEW;
END $$;
INSERT INTO pay VALUES (11, 1, 'a'), (12, 1, 'b');
CREATE TRIGGER one_word BEFORE UPDATE ON pay FOR EACH ROW WHEN (NEW.secret = 'y') EXECUTE FUNCTION one_word();
UPDATE pay SET secret = 'y';
SELECT count(*) FROM realtime.messages;
DROP TRIGGER one_word ON pay;
DELETE FROM pay;
SELECT pgrealtime.enable('pay', broadcast_topic => 'pay:{id}');
CALL sent('the key as topic');
GRANT SELECT (salary) ON pay TO messages_app;
SELECT pgrealtime.enable('pay', broadcast_topic => 'pay:{salary}');
CALL sent('and one column more');
REVOKE SELECT (id) ON pay FROM messages_app;
CALL sent('without the key');
SELECT pgrealtime.enable('pay', broadcast_topic => 'pay:{id}');
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA realtime CASCADE;
DROP TABLE pay;
DROP FUNCTION one_word;
DROP PROCEDURE sent;
DROP ROLE messages_stranger, messages_app, messages_admin, messages_member;
