-- The counts of log_status: entries, gaps by cause, entries that lack values for some reader, messages not delivered.
\pset format unaligned
\pset null null
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\set status 'SELECT entries, gaps, unjudgeable, undelivered FROM pgrealtime.log_status;'
:status
CREATE TABLE t (id int PRIMARY KEY, a text, b text);
ALTER TABLE t ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
SELECT pgrealtime.enable('t');
INSERT INTO t VALUES (1, 'a', 'b'), (2, 'a', 'b');
UPDATE t SET b = 'c';
:status
-- Gaps.
SET pgrealtime.enabled = off;
UPDATE t SET b = 'd';
RESET pgrealtime.enabled;
SELECT pgrealtime.enable('t', payload => 'key');
BEGIN; SELECT pgrealtime.enable('t', payload => 'full'); ROLLBACK;
:status
-- Images without values: of the new row, of the old one, of a deleted one.
SET pgrealtime.max_image_bytes = '64kB';
INSERT INTO t VALUES (3, repeat('x', 70000), 'b');
UPDATE t SET a = 'a' WHERE id = 3;
UPDATE t SET a = repeat('x', 70000) WHERE id = 3;
UPDATE t SET b = 'c' WHERE id = 3;
DELETE FROM t WHERE id = 3;
RESET pgrealtime.max_image_bytes;
BEGIN; SET LOCAL pgrealtime.max_image_bytes = '64kB'; INSERT INTO t VALUES (4, repeat('x', 70000), 'b'); ROLLBACK;
:status
-- Columns that entries lack, or have with another type: every entry from before counts, none from after.
ALTER TABLE t ADD c int;
:status
ALTER TABLE t ALTER id TYPE bigint;
:status
INSERT INTO t VALUES (5);
:status
ALTER TABLE t DROP c;
DROP TABLE t;
:status
-- Messages that a sink could not deliver, of transactions that committed.
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (
    topic text NOT NULL, extension text NOT NULL, payload jsonb, event text, private boolean DEFAULT false,
    inserted_at timestamp NOT NULL DEFAULT now(), id uuid NOT NULL DEFAULT gen_random_uuid()) PARTITION BY RANGE (inserted_at);
CREATE TABLE u (id int PRIMARY KEY);
CREATE TABLE "V w" (id int PRIMARY KEY);
SELECT pgrealtime.enable('u', sinks => '{broadcast}', broadcast_topic => 'u');
SELECT pgrealtime.enable('"V w"', sinks => '{broadcast,log}', broadcast_topic => 'v:{id}');
INSERT INTO u VALUES (1), (2), (3);
BEGIN; INSERT INTO u VALUES (4), (5); ROLLBACK;
SELECT undelivered FROM pgrealtime.log_status;
-- A change of topic is two messages.
BEGIN;
INSERT INTO u VALUES (4);
SAVEPOINT s; INSERT INTO u VALUES (5), (6); SAVEPOINT t; INSERT INTO "V w" VALUES (1); RELEASE t; ROLLBACK TO s;
INSERT INTO "V w" VALUES (2); UPDATE "V w" SET id = 3;
SAVEPOINT v; INSERT INTO u VALUES (7); RELEASE v;
COMMIT;
SELECT undelivered FROM pgrealtime.log_status;
BEGIN; INSERT INTO u VALUES (8), (9); PREPARE TRANSACTION 'log_status';
INSERT INTO u VALUES (10);
SELECT undelivered FROM pgrealtime.log_status;
COMMIT PREPARED 'log_status';
SELECT undelivered FROM pgrealtime.log_status;
CREATE TABLE realtime.messages_all PARTITION OF realtime.messages FOR VALUES FROM ('2000-01-01') TO ('3000-01-01');
INSERT INTO u VALUES (11);
SELECT undelivered FROM pgrealtime.log_status;
-- Readers are not told of it.
SELECT pgrealtime.current_cursor() AS cursor \gset
DROP TABLE realtime.messages_all;
INSERT INTO "V w" VALUES (12);
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'cursor', ARRAY['"V w"'::regclass]);
-- Entries of up to 8 kB are stored in one piece; larger ones are compressed, by lz4 where the server has it, or toasted.
CREATE TABLE stored (id int PRIMARY KEY, note text);
SELECT pgrealtime.enable('stored');
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 'pgrealtime.change_log_0'::regclass \gset
SELECT pg_relation_size(:'toast') AS before \gset
INSERT INTO stored SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 220) AS i;
SELECT pg_relation_size(:'toast') > :before AS apart;
INSERT INTO stored SELECT 2, string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i;
SELECT pg_relation_size(:'toast') > :before AS apart;
SELECT attname, attcompression = CASE WHEN 'lz4' = ANY (enumvals) THEN 'l' ELSE '' END AS as_it_should
FROM pg_attribute, pg_settings
WHERE attrelid = 'pgrealtime.change_log_0'::regclass AND attname IN ('image', 'old') AND name = 'default_toast_compression' ORDER BY 1;
-- The janitor's last error.
SELECT janitor_error IS NULL AS no_error FROM pgrealtime.log_status;
-- The extension may go in a transaction that has something to note.
BEGIN; INSERT INTO u VALUES (13); DROP EXTENSION pgrealtime CASCADE; COMMIT;
SELECT count(*) FROM u;
