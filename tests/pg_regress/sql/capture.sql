-- What the capture trigger keeps of every way to change a row. Cursors are never printed.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, a text, n numeric(8,2) DEFAULT 1);
SELECT pgrealtime.enable('t');
\set changes 'SELECT change->>''table'' AS "table", change->>''type'' AS type, change->''record'' AS record, change->''old_record'' AS old_record FROM pgrealtime.changes_since(:''c'', :''of'') WHERE change IS NOT NULL;'
\set of {t}
SELECT pgrealtime.current_cursor() AS c \gset

-- Not a trigger, and triggers of the wrong kind: 39P01.
CREATE TABLE wrong (id int PRIMARY KEY);
CREATE TRIGGER before BEFORE INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
DO $$ BEGIN INSERT INTO wrong VALUES (1); EXCEPTION WHEN trigger_protocol_violated THEN RAISE INFO 'refused: %', SQLERRM; END $$;
DROP TRIGGER before ON wrong;
CREATE TRIGGER statement AFTER INSERT ON wrong FOR EACH STATEMENT EXECUTE FUNCTION pgrealtime.capture_change();
DO $$ BEGIN INSERT INTO wrong VALUES (1); EXCEPTION WHEN trigger_protocol_violated THEN RAISE INFO 'refused: %', SQLERRM; END $$;
CREATE VIEW over AS SELECT * FROM wrong;
CREATE TRIGGER instead INSTEAD OF INSERT ON over FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
DO $$ BEGIN INSERT INTO over VALUES (1); EXCEPTION WHEN trigger_protocol_violated THEN RAISE INFO 'refused: %', SQLERRM; END $$;
DO $$ BEGIN PERFORM pgrealtime.capture_change(); EXCEPTION WHEN OTHERS THEN RAISE INFO '% %', SQLSTATE, SQLERRM; END $$;

-- ROLLBACK, ROLLBACK TO, exception blocks: nothing is left of what was rolled back.
BEGIN; INSERT INTO t VALUES (1, 'rolled back'); ROLLBACK;
BEGIN;
INSERT INTO t VALUES (1, 'kept');
SAVEPOINT s; UPDATE t SET a = 'undone'; ROLLBACK TO s;
SAVEPOINT s2; UPDATE t SET a = 'released'; RELEASE s2;
COMMIT;
DO $$ BEGIN
  BEGIN INSERT INTO t VALUES (2, 'caught'); RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END;
  INSERT INTO t VALUES (3, 'after the block');
END $$;
:changes
SELECT pgrealtime.current_cursor() AS c \gset

-- Upsert, MERGE, COPY.
INSERT INTO t VALUES (1, 'conflict'), (4, 'new') ON CONFLICT (id) DO UPDATE SET a = excluded.a || ' resolved';
INSERT INTO t VALUES (1, 'ignored') ON CONFLICT DO NOTHING;
MERGE INTO t USING (VALUES (3, 'gone'), (5, 'merged')) AS s (id, a) ON t.id = s.id
WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.a);
COPY t FROM stdin WITH (DELIMITER ',');
6,copied,6.5
7,\N,7
\.
:changes
SELECT pgrealtime.current_cursor() AS c \gset

-- A change of the key keeps the old one; an update of nothing is an update.
UPDATE t SET id = 70 WHERE id = 7;
UPDATE t SET a = a WHERE id = 70;
UPDATE t SET a = NULL, n = NULL WHERE id = 6;
:changes
SELECT pgrealtime.current_cursor() AS c \gset

-- Net changes with some operations: they are computed from all changes, and chosen afterwards.
INSERT INTO t VALUES (8, 'inserted and deleted'), (9, 'inserted and updated');
UPDATE t SET a = 'updated' WHERE id = 9;
DELETE FROM t WHERE id IN (6, 8);
SELECT change->>'type' AS type, change->'record' AS record, change->'old_record'->'id' AS old_id
FROM pgrealtime.changes_since(:'c', '{t}', events => '{INSERT,DELETE}', net => true) WHERE change IS NOT NULL;
SELECT pgrealtime.current_cursor() AS c \gset

-- Foreign keys: cascades are changes of the child; a deferred trigger's change comes at commit.
CREATE TABLE child (id int PRIMARY KEY, t_id int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE);
SELECT pgrealtime.enable('child');
SELECT pgrealtime.current_cursor() AS c \gset
\set of {t,child}
BEGIN; SET CONSTRAINTS ALL DEFERRED; INSERT INTO child VALUES (1, 80); INSERT INTO t VALUES (80, 'parent'); COMMIT;
UPDATE t SET id = 81 WHERE id = 80;
DELETE FROM t WHERE id = 81;
:changes
\set of {t}
DROP TABLE child;
SELECT pgrealtime.current_cursor() AS c \gset

-- Another AFTER trigger that updates the same row: the cause comes first, even where our trigger fires second. Sinks that
-- take messages get them in the order of firing, and status says so.
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE t SET a = NEW.a || '!' WHERE id = NEW.id AND a NOT LIKE '%!'; RETURN NULL; END $$;
CREATE TRIGGER zz AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO t VALUES (90, 'zz');
DROP TRIGGER zz ON t;
CREATE TRIGGER "0" AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO t VALUES (91, 'earlier');
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 't';
DROP TRIGGER "0" ON t;
:changes
SELECT pgrealtime.current_cursor() AS c \gset

-- As a replica, nothing is captured.
SET session_replication_role = replica; INSERT INTO t VALUES (100, 'replicated'); RESET session_replication_role;
-- A prepared transaction's change comes with COMMIT PREPARED.
BEGIN; INSERT INTO t VALUES (101, 'prepared'); PREPARE TRANSACTION 'capture';
:changes
SELECT c.cursor AS waiting FROM pgrealtime.changes_since(:'c', '{t}') AS c ORDER BY c.change IS NULL DESC LIMIT 1 \gset
COMMIT PREPARED 'capture';
SELECT change->>'type' AS type, change->'record' AS record FROM pgrealtime.changes_since(:'waiting', '{t}') WHERE change IS NOT NULL;
SELECT pgrealtime.current_cursor() AS c \gset

-- Layouts: in mid-transaction, with dropped columns. What an older image lacks is absent.
BEGIN;
INSERT INTO t VALUES (110, 'before');
ALTER TABLE t ADD COLUMN fast int;
UPDATE t SET a = 'after' WHERE id = 110;
ALTER TABLE t DROP COLUMN n;
INSERT INTO t VALUES (111, 'dropped', 6);
UPDATE t SET a = 'again' WHERE id = 111;
COMMIT;
:changes
-- ADD COLUMN with a default, and a renamed column: readers must read the table again. Later changes have both.
ALTER TABLE t ADD COLUMN filled int DEFAULT 5;
ALTER TABLE t RENAME COLUMN a TO renamed;
:changes
SELECT pgrealtime.current_cursor() AS c \gset
UPDATE t SET renamed = 'renamed' WHERE id = 111;
:changes
ALTER TABLE t DROP COLUMN filled;
SELECT pgrealtime.current_cursor() AS c \gset
UPDATE t SET fast = 7 WHERE id = 1;
ALTER TABLE t ALTER COLUMN fast TYPE text;
:changes
SELECT pgrealtime.current_cursor() AS c \gset
UPDATE t SET fast = fast || ' as text' WHERE id = 1;
:changes

-- TRUNCATE, and what is skipped.
SELECT pgrealtime.current_cursor() AS c \gset
TRUNCATE t;
INSERT INTO t VALUES (1, 'new');
:changes
SET pgrealtime.enabled = off; INSERT INTO t VALUES (2, 'skipped'), (3, 'skipped'); RESET pgrealtime.enabled;
SELECT count(*) AS gaps FROM pgrealtime.change_log_0 WHERE operation = 'G' AND marks = 's';
\set VERBOSITY default
:changes
\set VERBOSITY terse

-- Partitions: the root's name and row type, moves as DELETE and INSERT, TRUNCATE of a leaf and DETACH as gaps.
CREATE TABLE parted (id int, region text, v int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (v int, gone int, region text NOT NULL, id int NOT NULL);
ALTER TABLE parted_b DROP COLUMN gone;
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
SELECT pgrealtime.enable('parted');
SELECT pgrealtime.current_cursor() AS c \gset
\set of {parted}
INSERT INTO parted VALUES (1, 'a', 10), (2, 'b', 20);
UPDATE parted SET v = v + 1;
UPDATE parted SET region = 'b' WHERE id = 1;
INSERT INTO parted_b VALUES (30, 'b', 3);
TRUNCATE parted;
:changes
SELECT pgrealtime.current_cursor() AS c \gset
TRUNCATE parted_b;
:changes
SELECT pgrealtime.current_cursor() AS c \gset
CREATE TABLE parted_c PARTITION OF parted FOR VALUES IN ('c');
INSERT INTO parted VALUES (4, 'c', 40);
TRUNCATE parted_c;
:changes
SELECT pgrealtime.current_cursor() AS c \gset
ALTER TABLE parted DETACH PARTITION parted_a;
:changes
SELECT tgname FROM pg_trigger WHERE tgrelid = 'parted_a'::regclass;

-- The row filter is the trigger's WHEN: an UPDATE counts when the row matched before or does now.
CREATE TABLE filtered (id int PRIMARY KEY, status text, n int);
SELECT pgrealtime.enable('filtered', row_filter => 'status=in.(open,held),n=gt.0');
SELECT pgrealtime.current_cursor() AS c \gset
\set of {filtered}
INSERT INTO filtered VALUES (1, 'open', 1), (2, 'closed', 1), (3, 'open', 0);
UPDATE filtered SET status = 'closed' WHERE id = 1;
UPDATE filtered SET n = 5 WHERE id = 1;
UPDATE filtered SET status = 'held' WHERE id = 2;
DELETE FROM filtered;
:changes
SELECT count(*) FROM pgrealtime.change_log_0 WHERE relation = 'filtered'::regclass AND operation <> 'G';
ALTER TABLE filtered RENAME COLUMN status TO state;
SELECT row_filter FROM pgrealtime.realtime_configuration WHERE tablename = 'filtered';

-- columns and payload limit delivery.
CREATE TABLE narrow (id int PRIMARY KEY, secret text, shown text);
SELECT pgrealtime.enable('narrow', columns => '{shown}');
SELECT pgrealtime.current_cursor() AS c \gset
\set of {narrow}
INSERT INTO narrow VALUES (1, 's', 'x');
UPDATE narrow SET secret = 't', shown = 'y';
:changes
SELECT pgrealtime.enable('narrow', payload => 'key');
SELECT pgrealtime.current_cursor() AS c \gset
UPDATE narrow SET shown = 'z';
:changes

-- A value that is too large for an image is absent; the key never is. A value in TOAST that an UPDATE leaves alone is
-- the old one's, too.
CREATE TABLE large (id text PRIMARY KEY, doc text, note text);
ALTER TABLE large ALTER doc SET STORAGE EXTERNAL;
SELECT pgrealtime.enable('large');
SELECT pgrealtime.current_cursor() AS c \gset
\set of {large}
SET pgrealtime.max_image_bytes = '16kB';
INSERT INTO large VALUES ('a', repeat('x', 100000), 'n'), ('b', repeat('y', 10000), 'n');
UPDATE large SET note = 'm';
UPDATE large SET doc = 'small' WHERE id = 'a';
RESET pgrealtime.max_image_bytes;
SELECT change->>'type' AS type, change#>>'{record,id}' AS id, length(change#>>'{record,doc}') AS doc, change->'record' ? 'doc' AS has_doc,
       change#>>'{record,note}' AS note, change->'old_record' ? 'doc' AS has_old, length(change#>>'{old_record,doc}') AS old_doc
FROM (SELECT change::jsonb FROM pgrealtime.changes_since(:'c', '{large}')) AS x (change) WHERE change IS NOT NULL;

-- 1,600 columns, names of 63 bytes with quotes, a generated column.
\set ECHO none
SELECT format('CREATE TABLE wide (id int PRIMARY KEY, %s)', string_agg(format('c%s int', i), ', ')) FROM generate_series(1, 1599) AS i \gexec
\set ECHO all
SELECT pgrealtime.enable('wide');
CREATE TABLE "Na""me with é, and a dot. and so on until the sixty-third by" (
    id int PRIMARY KEY, "co""l, é" int, doubled int GENERATED ALWAYS AS ("co""l, é" * 2) STORED);
SELECT pgrealtime.enable('"Na""me with é, and a dot. and so on until the sixty-third by"');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO wide (id, c1599) VALUES (1, 9);
UPDATE wide SET c1598 = 8;
INSERT INTO "Na""me with é, and a dot. and so on until the sixty-third by" VALUES (1, 21);
SELECT change->>'type' AS type, change#>>'{record,c1599}' AS c1599, change#>>'{old_record,c1598}' AS old, change#>>'{record,c1598}' AS new
FROM pgrealtime.changes_since(:'c', '{wide}') WHERE change IS NOT NULL;
\set of '{"\\"Na\\"\\"me with é, and a dot. and so on until the sixty-third by\\""}'
:changes
