-- With whose rights a broadcast is inserted: those of the owner of realtime.messages, never more.
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE sink_owner;
CREATE ROLE sink_mallory;
GRANT CREATE ON DATABASE :DBNAME TO sink_owner;
GRANT CREATE ON SCHEMA public TO sink_owner;
-- The owner of the database installs the extension and makes the table himself.
SET ROLE sink_owner;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text NOT NULL, extension text NOT NULL, payload jsonb, event text, private boolean,
    told text DEFAULT current_user || ', superuser: ' || current_setting('is_superuser') || ', claims: ' || current_setting('request.jwt.claims', true));
CREATE FUNCTION realtime.escalate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        EXECUTE 'ALTER ROLE sink_owner SUPERUSER';
    EXCEPTION WHEN OTHERS THEN
        NEW.told := NEW.told || ', ' || SQLSTATE;
    END;
    BEGIN
        EXECUTE 'RESET ROLE';
    EXCEPTION WHEN OTHERS THEN
        NEW.told := NEW.told || ', ' || SQLERRM;
    END;
    RETURN NEW;
END $$;
CREATE TRIGGER escalate BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.escalate();
CREATE TABLE sent (id int PRIMARY KEY);
SELECT pgrealtime.enable('sent', sinks => '{broadcast}', broadcast_topic => 'all');
SET request.jwt.claims = '{"sub": "writer"}';
INSERT INTO sent VALUES (1);
RESET ROLE;
-- A superuser who writes lends no rights, either.
INSERT INTO sent VALUES (2);
SELECT payload -> 'record' AS record, told FROM realtime.messages ORDER BY 1;
SELECT rolsuper FROM pg_roles WHERE rolname = 'sink_owner';
SHOW request.jwt.claims;
SELECT current_user = session_user AS same_user;

-- A superuser's table: it must not run anybody else's code by a trigger, its WHEN, a default or a partition.
TRUNCATE realtime.messages;
ALTER TABLE realtime.messages OWNER TO CURRENT_USER;
INSERT INTO sent VALUES (3);
DROP TRIGGER escalate ON realtime.messages;
INSERT INTO sent VALUES (4);
GRANT TRIGGER ON realtime.messages TO sink_mallory;
GRANT USAGE, CREATE ON SCHEMA realtime TO sink_mallory;
SET ROLE sink_mallory;
CREATE FUNCTION realtime.planted(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'planted code runs as %', current_user; RETURN true; END $$;
CREATE TRIGGER quiet BEFORE INSERT ON realtime.messages FOR EACH ROW WHEN (realtime.planted(NEW.topic)) EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
INSERT INTO sent VALUES (5);
DROP TRIGGER quiet ON realtime.messages;
INSERT INTO sent VALUES (6);
ALTER TABLE realtime.messages ALTER private SET DEFAULT realtime.planted('x');
INSERT INTO sent VALUES (7);
ALTER TABLE realtime.messages ALTER private DROP DEFAULT;
INSERT INTO sent VALUES (8);
SELECT payload -> 'record' AS record, told FROM realtime.messages ORDER BY 1;
DROP TABLE realtime.messages;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean) PARTITION BY LIST (extension);
CREATE TABLE realtime.broadcasts PARTITION OF realtime.messages FOR VALUES IN ('broadcast');
INSERT INTO sent VALUES (9);
ALTER TABLE realtime.broadcasts OWNER TO sink_mallory;
INSERT INTO sent VALUES (10);
ALTER TABLE realtime.broadcasts OWNER TO CURRENT_USER;
INSERT INTO sent VALUES (11);
SELECT payload -> 'record' AS record FROM realtime.messages ORDER BY payload -> 'record';

-- Nothing but a table is written to.
ALTER TABLE realtime.messages RENAME TO others;
CREATE VIEW realtime.messages AS SELECT * FROM realtime.others;
INSERT INTO sent VALUES (12);
SELECT pgrealtime.enable('sent', broadcast_topic => 'one');
DROP VIEW realtime.messages;
INSERT INTO sent VALUES (13);
ALTER TABLE realtime.others RENAME TO messages;
-- Row level security that is forced upon the owner lets nothing through.
ALTER TABLE realtime.messages OWNER TO sink_owner;
ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
INSERT INTO sent VALUES (14);
CREATE POLICY messages ON realtime.messages FOR INSERT WITH CHECK (topic = 'all');
INSERT INTO sent VALUES (15);
SELECT payload -> 'record' AS record FROM realtime.messages WHERE payload @> '{"record": {"id": 14}}' OR payload @> '{"record": {"id": 15}}';
SELECT undelivered FROM pgrealtime.log_status;

-- A table of messages cannot be broadcast itself.
SELECT pgrealtime.enable('realtime.messages', sinks => '{broadcast}', broadcast_topic => 'all');
SELECT pgrealtime.enable('realtime.broadcasts', sinks => '{broadcast}', broadcast_topic => 'all');
-- With a trigger made by hand it ends nevertheless.
CREATE TRIGGER again AFTER INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=broadcast', 'topic=all');
INSERT INTO sent VALUES (16);
SELECT count(*) FROM realtime.messages;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE sent;
DROP SCHEMA realtime CASCADE;
DROP OWNED BY sink_owner, sink_mallory;
DROP ROLE sink_owner, sink_mallory;
