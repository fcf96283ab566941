-- Whatever an INSERT into realtime.messages reaches must belong to roles with all the rights of its owner.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE reached_owner;
CREATE ROLE reached_stranger;
CREATE SCHEMA realtime AUTHORIZATION reached_owner;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA realtime TO reached_stranger;
GRANT USAGE, CREATE ON SCHEMA app TO reached_owner, reached_stranger;
CREATE TABLE t (id int PRIMARY KEY);
GRANT SELECT ON t TO reached_owner;
SET ROLE reached_stranger;
CREATE FUNCTION app.tells(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE WARNING '% runs as %', $1, current_user; RETURN $1; END $$;
CREATE FUNCTION app.adds(text, text) RETURNS text LANGUAGE sql AS $$ SELECT app.tells('a transition function') $$;
CREATE FUNCTION app.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM app.tells('a trigger of a table of a rule'); RETURN NEW; END $$;
CREATE TABLE app.audit (topic text);
GRANT INSERT ON app.audit TO reached_owner;
CREATE TRIGGER fires BEFORE INSERT ON app.audit FOR EACH ROW EXECUTE FUNCTION app.fires();
CREATE VIEW app.looks AS SELECT app.tells('a view') AS word;
GRANT SELECT ON app.looks TO reached_owner;
RESET ROLE;
SET ROLE reached_owner;
\set columns 'id bigserial, topic text, extension text, payload jsonb, event text, private boolean'
CREATE TABLE realtime.messages (:columns);
RESET ROLE;
SELECT pgrealtime.enable('t', sinks => '{broadcast}', broadcast_topic => 'all');
\set send 'INSERT INTO t SELECT coalesce(max(id), 0) + 1 FROM t; SELECT count(*) FROM realtime.messages'
:send;
SET ROLE reached_owner;
\echo the default of a domain
CREATE DOMAIN app.note AS text DEFAULT app.tells('the default of a domain');
ALTER TABLE realtime.messages ADD note app.note;
RESET ROLE;
:send;
SET ROLE reached_owner;
ALTER TABLE realtime.messages DROP note;
\echo a cast for the assignment
CREATE TYPE app.topic AS ENUM ('all');
RESET ROLE;
SET ROLE reached_stranger;
CREATE FUNCTION app.to_topic(text) RETURNS app.topic LANGUAGE sql AS $$ SELECT CASE WHEN app.tells('a cast') <> '' THEN (enum_range(NULL::app.topic))[1] END $$;
RESET ROLE;
SET ROLE reached_owner;
ALTER TABLE realtime.messages ALTER topic TYPE app.topic USING topic::app.topic;
RESET ROLE;
SET client_min_messages = error;
INSERT INTO t VALUES (100);
SET client_min_messages = warning;
SET ROLE reached_owner;
CREATE CAST (text AS app.topic) WITH FUNCTION app.to_topic(text) AS ASSIGNMENT;
RESET ROLE;
:send;
ALTER FUNCTION app.to_topic OWNER TO reached_owner;
ALTER FUNCTION app.tells OWNER TO reached_owner;
\echo of the owner
:send;
ALTER FUNCTION app.tells OWNER TO reached_stranger;
SET ROLE reached_owner;
ALTER TABLE realtime.messages ALTER topic TYPE text;
\echo the transition function of an aggregate, in a policy that is forced upon the owner
CREATE AGGREGATE app.sums(text) (SFUNC = app.adds, STYPE = text);
ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON realtime.messages FOR INSERT WITH CHECK ((SELECT app.sums(x) FROM (VALUES ('a')) AS v (x)) <> '');
RESET ROLE;
:send;
SET ROLE reached_owner;
DROP POLICY p ON realtime.messages;
\echo a view in it
CREATE POLICY p ON realtime.messages FOR INSERT WITH CHECK (EXISTS (SELECT FROM app.looks WHERE word <> ''));
RESET ROLE;
:send;
SET ROLE reached_owner;
DROP POLICY p ON realtime.messages;
ALTER TABLE realtime.messages NO FORCE ROW LEVEL SECURITY;
\echo the table of a rule
CREATE RULE r AS ON INSERT TO realtime.messages DO ALSO INSERT INTO app.audit VALUES (NEW.topic);
RESET ROLE;
:send;
\echo while a stranger may make triggers on it
ALTER TABLE app.audit OWNER TO reached_owner;
ALTER FUNCTION app.fires OWNER TO reached_owner;
SET ROLE reached_owner;
CREATE OR REPLACE FUNCTION app.fires() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
RESET ROLE;
:send;
GRANT TRIGGER ON app.audit TO reached_stranger;
:send;
REVOKE TRIGGER ON app.audit FROM reached_stranger;
:send;
SET ROLE reached_owner;
DROP RULE r ON realtime.messages;
\echo a trigger of whoever had the privilege, after it was revoked
CREATE FUNCTION realtime.own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
GRANT TRIGGER ON realtime.messages TO reached_stranger;
RESET ROLE;
SET ROLE reached_stranger;
CREATE TRIGGER planted BEFORE INSERT ON realtime.messages FOR EACH ROW
  WHEN (query_to_xml('SELECT app.tells(''a condition'')', false, false, '') IS NOT NULL) EXECUTE FUNCTION realtime.own();
RESET ROLE;
:send;
SET ROLE reached_owner;
REVOKE TRIGGER ON realtime.messages FROM reached_stranger;
RESET ROLE;
:send;
SET ROLE reached_owner;
DROP TRIGGER planted ON realtime.messages;
CREATE TRIGGER own BEFORE INSERT ON realtime.messages FOR EACH ROW
  WHEN (left(NEW.topic, 3) = 'all' AND NEW.topic LIKE 'a%') EXECUTE FUNCTION realtime.own();
RESET ROLE;
\echo a simple condition
:send;
SET ROLE reached_owner;
\echo arguments that a function of the owner runs, after the privilege was revoked
CREATE FUNCTION realtime.runs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE TG_ARGV[0]; RETURN NEW; END';
GRANT TRIGGER ON realtime.messages TO reached_stranger;
RESET ROLE;
SET ROLE reached_stranger;
CREATE TRIGGER planted BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.runs('SELECT app.tells(''an argument'')');
RESET ROLE;
SET ROLE reached_owner;
REVOKE TRIGGER ON realtime.messages FROM reached_stranger;
RESET ROLE;
:send;
SET ROLE reached_owner;
DROP TRIGGER planted ON realtime.messages;
ALTER TABLE realtime.messages ADD words tsvector, REPLICA IDENTITY FULL;
CREATE TRIGGER words BEFORE INSERT ON realtime.messages FOR EACH ROW
  EXECUTE FUNCTION tsvector_update_trigger('words', 'pg_catalog.simple', 'topic');
RESET ROLE;
GRANT USAGE ON SCHEMA pgrealtime TO reached_owner;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO reached_owner;
SELECT pgrealtime.enable('realtime.messages', columns => '{id,topic}');
SELECT DISTINCT tgnargs > 0 FROM pg_trigger WHERE tgrelid = 'realtime.messages'::regclass AND tgname LIKE '%pgrealtime%';
\echo arguments for a function of Postgres, and for the capture
:send;
SELECT pgrealtime.disable('realtime.messages');
SET ROLE reached_owner;
DROP TABLE realtime.messages;
\echo the partition key of a table above
CREATE TABLE realtime.everything (:columns) PARTITION BY LIST (app.tells(extension));
CREATE TABLE realtime.messages PARTITION OF realtime.everything FOR VALUES IN ('broadcast');
RESET ROLE;
:send;
SET ROLE reached_owner;
DROP TABLE realtime.everything;
\echo a trigger of a table above
CREATE TABLE realtime.everything (:columns) PARTITION BY LIST (extension);
CREATE TABLE realtime.messages PARTITION OF realtime.everything FOR VALUES IN ('broadcast');
CREATE TABLE realtime.others PARTITION OF realtime.everything DEFAULT;
ALTER TABLE realtime.others ADD CHECK (app.tells(topic) <> '');
RESET ROLE;
-- Another partition of it is not reached.
:send;
SET ROLE reached_owner;
DROP TABLE realtime.messages, realtime.others;
GRANT TRIGGER ON realtime.everything TO reached_stranger;
RESET ROLE;
SET ROLE reached_stranger;
CREATE TRIGGER planted BEFORE INSERT ON realtime.everything FOR EACH ROW EXECUTE FUNCTION realtime.own();
RESET ROLE;
SET ROLE reached_owner;
CREATE TABLE realtime.messages PARTITION OF realtime.everything FOR VALUES IN ('broadcast');
RESET ROLE;
:send;
SET ROLE reached_owner;
REVOKE TRIGGER ON realtime.everything FROM reached_stranger;
RESET ROLE;
:send;
ALTER TABLE realtime.everything OWNER TO reached_stranger;
:send;
SELECT undelivered FROM pgrealtime.log_status;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE t;
SET client_min_messages = error;
DROP SCHEMA realtime, app CASCADE;
DROP ROLE reached_owner, reached_stranger;
