-- Sinks beside the log. What wal emits is decoded in tests/logical.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, org int, secret text);
-- broadcast wants Supabase's table and a topic.
SELECT pgrealtime.enable('t', sinks => '{broadcast}');
SELECT pgrealtime.enable('t', sinks => '{broadcast}', broadcast_topic => 'org:{org}');
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (
    topic text NOT NULL, extension text NOT NULL, payload jsonb, event text, private boolean DEFAULT false,
    updated_at timestamp NOT NULL DEFAULT now(), inserted_at timestamp NOT NULL DEFAULT now(), id uuid NOT NULL DEFAULT gen_random_uuid(),
    PRIMARY KEY (id, inserted_at)) PARTITION BY RANGE (inserted_at);
ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;
SELECT pgrealtime.enable('t', sinks => '{log,broadcast}', broadcast_topic => 'org:{org}');
SET client_min_messages = notice;
-- No partition for today: one warning per transaction, and the write succeeds.
INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'y');
CREATE TABLE realtime.messages_all PARTITION OF realtime.messages FOR VALUES FROM ('2000-01-01') TO ('3000-01-01');
-- The writer needs no right on the table of messages.
CREATE ROLE sinks_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON t TO sinks_writer;
SET ROLE sinks_writer;
INSERT INTO t VALUES (3, 1, 'x');
UPDATE t SET secret = 'z' WHERE id = 3;
-- A row that changes its topic leaves the old one and enters the new one; without a value there is no topic.
UPDATE t SET org = 2 WHERE id = 3;
UPDATE t SET org = NULL WHERE id = 3;
BEGIN; DELETE FROM t WHERE id = 1; SAVEPOINT s; DELETE FROM t WHERE id = 2; ROLLBACK TO s; COMMIT;
RESET ROLE;
TRUNCATE t;
\set messages 'SELECT topic, event, private, extension, payload FROM realtime.messages ORDER BY xmin::text::int, topic;'
:messages
TRUNCATE realtime.messages;
-- Policies: whole rows as long as they look at the topic's columns alone and hold, else keys.
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON t FOR SELECT USING (org = 4);
INSERT INTO t VALUES (4, 4, 'whole row');
CREATE POLICY q ON t FOR SELECT USING (secret = 'public');
INSERT INTO t VALUES (5, 4, 'hidden');
:messages
-- payload => 'key' limits every sink, the log included.
TRUNCATE realtime.messages;
DROP POLICY q ON t;
SELECT pgrealtime.enable('t', payload => 'key');
INSERT INTO t VALUES (6, 4, 'x');
:messages
-- A row that an UPDATE takes into the row filter is an INSERT, one that it takes out a DELETE.
TRUNCATE realtime.messages;
SELECT pgrealtime.enable('t', payload => 'full', row_filter => 'secret=eq.shown');
INSERT INTO t VALUES (8, 4, 'not yet');
UPDATE t SET secret = 'shown' WHERE id = 8;
UPDATE t SET id = 9 WHERE id = 8;
UPDATE t SET secret = NULL WHERE id = 9;
:messages
SELECT pgrealtime.enable('t', row_filter => '');
-- A NOTICE warns of the cost of notify.
SELECT pgrealtime.enable('t', sinks => '{notify}');
BEGIN; INSERT INTO t VALUES (7, 4, 'x'); PREPARE TRANSACTION 'sinks';
SELECT pgrealtime.disable('t');
DROP TABLE t;
DROP ROLE sinks_writer;
DROP SCHEMA realtime CASCADE;
