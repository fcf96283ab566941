-- Tables become realtime by being added to the publication, and stop being it when they are removed. A refusal is a WARNING.
\pset format unaligned
\pset footer off
SET client_min_messages = error; -- about wal_level
CREATE EXTENSION pgrealtime;
CREATE ROLE follower;
CREATE TABLE one (id int PRIMARY KEY);
CREATE TABLE two (id int PRIMARY KEY, a int);
CREATE TABLE three (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE three_a PARTITION OF three FOR VALUES FROM (0) TO (10);
CREATE UNLOGGED TABLE four (id int PRIMARY KEY);
CREATE TABLE keyless (id int);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE VIEW status AS SELECT tablename, priority, captured, status FROM (SELECT tablename, realtime_priority AS priority, captured, status, schemaname FROM pgrealtime.realtime_configuration) AS c ORDER BY 1;
CREATE PUBLICATION supabase_realtime FOR TABLE one;
RESET client_min_messages;
SELECT * FROM status;
\echo add
ALTER PUBLICATION supabase_realtime ADD TABLE two WHERE (id > 3), three;
SELECT * FROM status;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO two VALUES (1, 1);
INSERT INTO three VALUES (1);
SELECT change ->> 'table' AS relation, change -> 'record' AS record FROM pgrealtime.changes_since(:'c', '{two,three}') WHERE change IS NOT NULL;
\echo refused: the command succeeds
ALTER PUBLICATION supabase_realtime ADD TABLE keyless, parent;
SELECT * FROM status;
INSERT INTO keyless VALUES (1);
\echo settings stay where there were some
SELECT pgrealtime.enable('two', priority => 'high');
ALTER PUBLICATION supabase_realtime SET TABLE two, three;
SELECT * FROM status;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_pgrealtime%' AND tgrelid = 'one'::regclass;
\echo a root in place of its partition, and back
ALTER PUBLICATION supabase_realtime SET TABLE two, three_a;
SELECT * FROM status;
ALTER PUBLICATION supabase_realtime SET TABLE two, three;
SELECT * FROM status;
\echo drop
ALTER PUBLICATION supabase_realtime DROP TABLE two;
SELECT * FROM status;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_pgrealtime%' AND tgrelid = 'two'::regclass;
\echo what the extension does itself is not followed
SELECT pgrealtime.enable('one', deletes => 'key');
SELECT pgrealtime.disable('one');
SELECT * FROM status;
\echo another publication, and other parts of this one
SET client_min_messages = error;
CREATE PUBLICATION other FOR TABLE one;
RESET client_min_messages;
ALTER PUBLICATION other ADD TABLE two;
ALTER PUBLICATION supabase_realtime SET (publish = 'insert, update, delete, truncate');
ALTER PUBLICATION supabase_realtime OWNER TO CURRENT_USER;
SELECT * FROM status;
\echo an owner of the publication who does not own the table
ALTER PUBLICATION supabase_realtime ADD TABLE one;
GRANT CREATE ON DATABASE regression TO follower;
GRANT ALL ON SCHEMA public TO follower;
ALTER PUBLICATION supabase_realtime OWNER TO follower;
SET ROLE follower;
ALTER PUBLICATION supabase_realtime DROP TABLE one;
\echo an owner of table and publication without the right to capture
CREATE TABLE own (id int PRIMARY KEY);
ALTER PUBLICATION supabase_realtime ADD TABLE own;
RESET ROLE;
SELECT * FROM status;
\echo a table that is locked: the command waits for lock_timeout, and succeeds
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO follower;
BEGIN;
LOCK TABLE own IN ROW EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SET lock_timeout = '10ms';
ALTER PUBLICATION supabase_realtime SET TABLE three, own;
RESET lock_timeout;
ROLLBACK PREPARED 'another session';
SELECT * FROM status;
\echo repair
SELECT * FROM pgrealtime.repair();
SELECT * FROM status;
SELECT * FROM pgrealtime.repair();
ALTER TABLE own DISABLE TRIGGER ALL;
SET pgrealtime.follow_publication = off;
ALTER PUBLICATION supabase_realtime DROP TABLE three;
ALTER PUBLICATION supabase_realtime ADD TABLE two;
SELECT * FROM status;
SELECT * FROM pgrealtime.repair() ORDER BY 1;
SELECT * FROM status;
RESET pgrealtime.follow_publication;
DROP TRIGGER "00_pgrealtime_update" ON own;
SELECT * FROM pgrealtime.repair() ORDER BY 1;
SELECT * FROM status;
\echo repair as an ordinary role: only what it owns
GRANT EXECUTE ON FUNCTION pgrealtime.repair() TO follower;
DROP TRIGGER "00_pgrealtime_update" ON own;
DROP TRIGGER "00_pgrealtime_update" ON two;
GRANT SELECT ON two TO follower;
SET ROLE follower;
SELECT * FROM pgrealtime.repair();
SET follow_publication.x = 1;
SET pgrealtime.follow_publication = off;
RESET ROLE;
BEGIN READ ONLY;
SELECT * FROM pgrealtime.repair();
ROLLBACK;
DROP PUBLICATION supabase_realtime;
SELECT * FROM status;
DROP OWNED BY follower CASCADE;
DROP ROLE follower;
