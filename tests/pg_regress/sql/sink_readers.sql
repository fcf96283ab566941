-- Roles that may read realtime.messages count as readers of the table: neither rows nor keys are sent that one of them may not
-- SELECT.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean);
CREATE ROLE readers_app;
CREATE ROLE readers_listener;
CREATE ROLE readers_auditor;
CREATE ROLE readers_late;
CREATE TABLE t (id int PRIMARY KEY, org int, word text);
SELECT pgrealtime.enable('t', sinks => '{broadcast}', broadcast_topic => '{org}');
-- The messages of an INSERT, an UPDATE and a DELETE.
CREATE PROCEDURE sent(what text) LANGUAGE plpgsql AS $$
DECLARE told text;
BEGIN
  TRUNCATE realtime.messages;
  INSERT INTO t VALUES (1, 1, 'x');
  UPDATE t SET word = 'y';
  DELETE FROM t;
  SELECT string_agg(payload ->> 'operation' || CASE side WHEN '{"id": 1}' THEN ' key' WHEN 'null' THEN ' nothing' ELSE ' row' END, ', ' ORDER BY payload ->> 'operation')
  INTO told FROM (SELECT payload, CASE payload ->> 'operation' WHEN 'DELETE' THEN payload -> 'old_record' ELSE payload -> 'record' END AS side FROM realtime.messages) AS all_of_them;
  RAISE INFO '%: %', what, told;
END $$;
CALL sent('nobody');
GRANT SELECT ON t TO readers_app;
CALL sent('a role of the table');
GRANT INSERT ON realtime.messages TO readers_listener;
CALL sent('and one that writes messages');
GRANT SELECT ON realtime.messages TO readers_listener;
CALL sent('and one that reads them');
GRANT SELECT (org, word) ON t TO readers_listener;
CALL sent('who may SELECT all but the key');
GRANT SELECT (id) ON t TO readers_listener;
REVOKE SELECT (word) ON t FROM readers_listener;
CALL sent('all but a word');
GRANT readers_app TO readers_listener;
CALL sent('and all, by another role');
REVOKE readers_app FROM readers_listener;
CALL sent('and no longer');
REVOKE SELECT ON realtime.messages FROM readers_listener;
REVOKE SELECT (id, org) ON t FROM readers_listener;
GRANT SELECT (payload) ON realtime.messages TO readers_listener;
CALL sent('the payload is enough');
REVOKE SELECT (payload) ON realtime.messages FROM readers_listener;
GRANT SELECT ON realtime.messages TO PUBLIC;
CALL sent('PUBLIC reads messages');
GRANT SELECT ON t TO PUBLIC;
CALL sent('and the table');
REVOKE SELECT ON realtime.messages FROM PUBLIC;
REVOKE SELECT ON t FROM PUBLIC;
\echo with payload => key, too
SELECT pgrealtime.enable('t', payload => 'key');
CALL sent('a role of the table');
GRANT SELECT ON realtime.messages TO readers_listener;
CALL sent('and one that reads messages');
REVOKE SELECT ON realtime.messages FROM readers_listener;
SELECT pgrealtime.enable('t', payload => 'full');

\echo row level security
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t TO readers_app USING (org = 1);
CALL sent('a policy for a role');
GRANT SELECT ON realtime.messages TO readers_listener;
GRANT SELECT ON t TO readers_listener;
CALL sent('and none for who reads messages');
CREATE POLICY q ON t TO readers_listener USING (org < 2);
CALL sent('and one');
\echo members of pg_read_all_data
GRANT pg_read_all_data TO readers_auditor;
CALL sent('without a policy');
CREATE POLICY r ON t TO readers_auditor USING (true);
CALL sent('with one');
GRANT readers_auditor TO readers_late;
CALL sent('a member of a member has it, too');
ALTER POLICY r ON t TO readers_late USING (true);
CALL sent('a policy for that one alone');
REVOKE pg_read_all_data FROM readers_auditor;
CALL sent('none any more');
\echo USAGE on the schema
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
CALL sent('for nobody');
GRANT USAGE ON SCHEMA public TO readers_app;
CALL sent('for one of two');
GRANT USAGE ON SCHEMA public TO readers_listener;
CALL sent('for both');
GRANT USAGE ON SCHEMA public TO PUBLIC;
\echo another table of messages
ALTER TABLE realtime.messages RENAME TO others;
CREATE TABLE realtime.messages (LIKE realtime.others);
GRANT SELECT ON realtime.messages TO readers_late;
CALL sent('whose reader may not SELECT');
DROP TABLE realtime.messages;
INSERT INTO t VALUES (9, 9, 'x');
DELETE FROM t;
ALTER TABLE realtime.others RENAME TO messages;
CALL sent('the first again');
\echo a partition of the messages, and what the messages inherit from
REVOKE SELECT ON t FROM PUBLIC;
ALTER TABLE realtime.messages RENAME TO others;
CREATE TABLE realtime.messages (LIKE realtime.others) PARTITION BY LIST (topic);
CREATE TABLE realtime.messages_all PARTITION OF realtime.messages DEFAULT;
CALL sent('nobody else reads them');
GRANT SELECT ON realtime.messages_all TO readers_late;
CALL sent('one reads a partition');
DROP TABLE realtime.messages;
CREATE TABLE realtime.parent (LIKE realtime.others);
CREATE TABLE realtime.messages () INHERITS (realtime.parent);
CALL sent('nobody else reads the parent');
GRANT SELECT ON realtime.parent TO readers_late;
CALL sent('one reads the parent');
\echo an overtaken change reveals no more than others
GRANT SELECT (org) ON t TO readers_late;
CREATE FUNCTION one_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE t SET word = 'z' WHERE id <> NEW.id AND word = 'y';
  RETURN NEW;
END $$;
INSERT INTO t VALUES (11, 1, 'a'), (12, 1, 'b');
CREATE TRIGGER one_word BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.word = 'y') EXECUTE FUNCTION one_word();
TRUNCATE realtime.messages;
UPDATE t SET word = 'y';
SELECT payload ->> 'operation', payload -> 'record', payload -> 'old_record' FROM realtime.messages;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE t;
DROP FUNCTION one_word;
DROP PROCEDURE sent;
DROP SCHEMA realtime CASCADE;
DROP OWNED BY readers_app, readers_listener;
DROP ROLE readers_app, readers_listener, readers_auditor, readers_late;
