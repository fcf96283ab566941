-- DDL that adds, removes or changes rows, and capture that is switched off and on: readers must read the table again, and
-- the status names the problem for as long as it exists.
\pset format unaligned
\pset tuples_only on
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/received.sql
-- The status as well, as long as the table is realtime.
CREATE FUNCTION told(relation regclass) RETURNS text LANGUAGE sql AS $$
  SELECT concat(received(relation), ' (', (
    SELECT status FROM pgrealtime.realtime_configuration
    WHERE (schemaname, tablename) = (SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE oid = relation)
  ), ')')
$$;

\echo -- Partitions that are dropped: by themselves, with their schema, with all that somebody owns
CREATE ROLE regress_dropper;
CREATE SCHEMA other;
CREATE TABLE parts (id int, k int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES IN (1);
CREATE TABLE parts_2b PARTITION OF parts_2 FOR VALUES IN (2);
CREATE TABLE other.parts_3 PARTITION OF parts FOR VALUES IN (3);
CREATE TABLE parts_4 PARTITION OF parts FOR VALUES IN (4);
ALTER TABLE parts_4 OWNER TO regress_dropper;
SELECT pgrealtime.enable('parts');
INSERT INTO parts VALUES (1, 1), (1, 2), (2, 2), (3, 3), (4, 4);
:from_here
DROP TABLE parts_1;
SELECT told('parts');
:from_here
DROP TABLE parts_2a;
SELECT told('parts');
:from_here
DROP TABLE parts_2;
SELECT told('parts');
:from_here
DROP SCHEMA other CASCADE;
SELECT told('parts');
:from_here
DROP OWNED BY regress_dropper;
SELECT told('parts');
:from_here
-- A new partition is empty, however it was made, and dropping another table concerns no reader.
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE SCHEMA other CREATE TABLE unrelated (a int) CREATE TABLE as_well (a int);
CREATE TABLE dropped (a int); CREATE TEMP TABLE temporary (a int); CREATE INDEX ON dropped (a);
DROP TABLE dropped, temporary;
INSERT INTO parts VALUES (1, 1);
SELECT told('parts');
BEGIN; DROP TABLE parts_1; ROLLBACK;
SELECT told('parts');
-- ATTACH and DETACH bring and take rows.
CREATE TABLE parts_5 (id int NOT NULL, k int NOT NULL);
:from_here
ALTER TABLE parts ATTACH PARTITION parts_5 FOR VALUES IN (5);
SELECT told('parts');
:from_here
ALTER TABLE parts DETACH PARTITION parts_5;
SELECT told('parts');
ALTER TABLE parts ATTACH PARTITION parts_5 FOR VALUES IN (5);
:from_here
ALTER TABLE parts DETACH PARTITION parts_5 CONCURRENTLY;
SELECT told('parts');

\echo -- Tables that inherit from an enabled one
CREATE TABLE parent (id int PRIMARY KEY, a text);
SELECT pgrealtime.enable('parent');
CREATE TABLE child (id int NOT NULL, a text);
INSERT INTO child VALUES (1, 'of the child');
:from_here
ALTER TABLE child INHERIT parent;
SELECT told('parent');
:from_here
SELECT told('parent');
ALTER TABLE child NO INHERIT parent;
SELECT told('parent');
:from_here
CREATE TABLE grandchild () INHERITS (child);
SELECT told('parent');
ALTER TABLE child INHERIT parent;
SELECT told('parent');
:from_here
DROP TABLE grandchild;
SELECT told('parent');
:from_here
DROP TABLE child;
SELECT told('parent');
:from_here
CREATE TABLE second_child () INHERITS (parent);
SELECT told('parent');
DROP TABLE second_child;
:from_here
CREATE SCHEMA third CREATE TABLE third_child () INHERITS (public.parent);
SELECT told('parent');
DROP SCHEMA third CASCADE;
:from_here
CREATE TEMP TABLE of_this_session () INHERITS (parent);
SELECT told('parent');
DROP TABLE of_this_session;
CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;
:from_here
CREATE FOREIGN TABLE far () INHERITS (parent) SERVER nowhere;
SELECT told('parent');
:from_here
DROP SERVER nowhere CASCADE;
SELECT told('parent');

\echo -- Values that change without a change
CREATE TABLE rewritten (id int PRIMARY KEY, a text, b varchar(10));
SELECT pgrealtime.enable('rewritten');
INSERT INTO rewritten VALUES (1, '1', 'b');
:from_here
ALTER TABLE rewritten ALTER a TYPE int USING a::int + 1;
SELECT told('rewritten');
:from_here
ALTER TABLE rewritten ADD COLUMN c float DEFAULT random();
SELECT told('rewritten');
:from_here
ALTER TABLE rewritten ADD COLUMN d int GENERATED ALWAYS AS (a * 2) STORED;
SELECT told('rewritten');
:from_here
-- These leave the values as they are.
ALTER TABLE rewritten ALTER b TYPE varchar(20);
ALTER TABLE rewritten SET (fillfactor = 90), ADD COLUMN e int, DROP COLUMN c;
CLUSTER rewritten USING rewritten_pkey;
VACUUM FULL rewritten;
SELECT told('rewritten');
:from_here
ALTER TABLE parts ADD COLUMN c int DEFAULT random();
SELECT told('parts');
-- One gap entry, not one for each leaf.
TABLE gaps;
CREATE TYPE typed AS (id int, a int);
CREATE TABLE of_type OF typed (PRIMARY KEY (id));
SELECT pgrealtime.enable('of_type');
:from_here
ALTER TYPE typed ALTER ATTRIBUTE a TYPE text CASCADE;
SELECT told('of_type');

-- RENAME VALUE of an enum: every table with a column that holds it.
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN sure AS mood NOT NULL;
CREATE TYPE moods AS RANGE (SUBTYPE = mood);
CREATE TYPE pair AS (id int, moods mood[]);
CREATE TABLE by_itself (id int PRIMARY KEY, m mood);
CREATE TABLE deep (id int PRIMARY KEY, p pair[]);
CREATE TABLE ranges (id int PRIMARY KEY, r moods, s sure);
SELECT pgrealtime.enable(t::regclass) FROM unnest('{by_itself,deep,ranges}'::text[]) AS t;
:from_here
ALTER TYPE mood ADD VALUE 'glad' BEFORE 'happy';
SELECT told(t::regclass) FROM unnest('{by_itself,deep,ranges,of_type}'::text[]) AS t;
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
SELECT told(t::regclass) FROM unnest('{by_itself,deep,ranges,of_type}'::text[]) AS t;
DROP TABLE by_itself, deep, ranges;

\echo -- Triggers that are switched off and on
CREATE TABLE switched (id int PRIMARY KEY, a text);
SELECT pgrealtime.enable('switched');
:from_here
ALTER TABLE switched DISABLE TRIGGER "00_pgrealtime_insert";
INSERT INTO switched VALUES (1, 'unseen');
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'switched';
ALTER TABLE switched ENABLE TRIGGER "00_pgrealtime_insert";
SELECT told('switched');
:from_here
ALTER TABLE switched DISABLE TRIGGER ALL;
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'switched';
ALTER TABLE switched ENABLE TRIGGER ALL;
SELECT told('switched');
:from_here
ALTER TABLE switched DISABLE TRIGGER USER, ENABLE TRIGGER USER;
ALTER TABLE switched ENABLE ALWAYS TRIGGER "00_pgrealtime_insert";
SELECT told('switched');
ALTER TABLE switched ENABLE REPLICA TRIGGER "00_pgrealtime_insert";
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'switched';
ALTER TABLE switched ENABLE TRIGGER "00_pgrealtime_insert";
SELECT told('switched');
:from_here
-- A trigger of somebody else does not count.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER mine AFTER INSERT ON switched FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE switched DISABLE TRIGGER mine;
ALTER TRIGGER "00_pgrealtime_insert" ON switched RENAME TO "00_other";
ALTER TRIGGER "00_other" ON switched RENAME TO "00_pgrealtime_insert";
DROP TRIGGER mine ON switched;
SELECT told('switched');
-- In a function, by another name, under session_replication_role = replica.
SET session_replication_role = replica;
CREATE FUNCTION switch() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  ALTER TABLE switched DISABLE TRIGGER USER;
  INSERT INTO switched VALUES (2, 'unseen');
  ALTER TABLE switched ENABLE TRIGGER USER;
END $$;
SELECT switch();
RESET session_replication_role;
SELECT told('switched');
:from_here
BEGIN; SAVEPOINT s; ALTER TABLE switched DISABLE TRIGGER USER; ROLLBACK TO s; INSERT INTO switched VALUES (3, 'seen'); COMMIT;
SELECT told('switched');
:from_here
ALTER TABLE switched OWNER TO regress_dropper, DISABLE TRIGGER USER;
SELECT owner FROM pgrealtime.settings WHERE relation_name = 'switched';
ALTER TABLE switched OWNER TO CURRENT_USER, ENABLE TRIGGER USER;
SELECT told('switched');
:from_here
-- On a leaf alone.
ALTER TABLE parts_1 DISABLE TRIGGER ALL;
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'parts';
ALTER TABLE parts_1 ENABLE TRIGGER ALL;
SELECT told('parts');

\echo -- Triggers that are dropped and made, by hand, too
:from_here
DROP TRIGGER "00_pgrealtime_delete" ON switched;
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'switched';
SELECT pgrealtime.enable('switched');
SELECT told('switched');
CREATE TABLE by_hand (id int PRIMARY KEY, a int);
:from_here
CREATE TRIGGER mine AFTER INSERT ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
SELECT told('by_hand');
:from_here
INSERT INTO by_hand VALUES (1, 1);
SELECT told('by_hand');
CREATE OR REPLACE TRIGGER mine AFTER INSERT ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
SELECT told('by_hand');
CREATE OR REPLACE TRIGGER mine AFTER INSERT ON by_hand FOR EACH ROW WHEN (new.a > 5) EXECUTE FUNCTION pgrealtime.capture_change();
SELECT told('by_hand');
:from_here
-- The trigger goes along with the column that its condition reads.
CREATE TRIGGER another AFTER DELETE ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
:from_here
ALTER TABLE by_hand DROP COLUMN a CASCADE;
SELECT told('by_hand');
DROP TRIGGER another ON by_hand;
CREATE TRIGGER another AFTER DELETE ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
SELECT told('by_hand');
-- enable() and disable() write one gap entry themselves.
CREATE TABLE once (id int PRIMARY KEY);
SELECT pgrealtime.enable('once');
SELECT pgrealtime.disable('once');
SELECT pgrealtime.enable('once');
TABLE gaps;
-- Notes on triggers that no longer capture, or no longer exist, are removed.
SELECT pgrealtime.disable('once');
DROP TRIGGER another ON by_hand;
DROP TABLE parent;
SELECT relation::regclass, enabled FROM pgrealtime.relation_cache WHERE relation IS NOT NULL ORDER BY relation::regclass::text;

\echo -- A table that is dropped and created again, as by a restore: old cursors are refused, its settings are kept
SELECT pgrealtime.enable('switched', priority => 'high', columns => '{a}');
:from_here
DROP TABLE switched;
SET search_path = '';
SET check_function_bodies = off;
CREATE TABLE public.switched (id int PRIMARY KEY, a text);
RESET search_path;
RESET check_function_bodies;
INSERT INTO switched VALUES (1, 'restored');
SELECT realtime_priority, status FROM pgrealtime.realtime_configuration WHERE tablename = 'switched';
CREATE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON switched FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=log', 'columns=["id","a"]');
SELECT relation_name, columns, enabled FROM pgrealtime.relation_cache WHERE relation = 'switched'::regclass;
SELECT told('switched');
:from_here
ALTER PUBLICATION supabase_realtime ADD TABLE switched;
SELECT told('switched');

\echo -- Where Postgres does not report what was dropped, every table is checked
REVOKE EXECUTE ON FUNCTION pg_event_trigger_dropped_objects() FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO regress_dropper;
CREATE TABLE parts_6 PARTITION OF parts FOR VALUES IN (6);
ALTER TABLE parts_6 OWNER TO regress_dropper;
:from_here
SET ROLE regress_dropper;
DROP TABLE parts_6;
CREATE TABLE mine (a int);
DROP TABLE mine;
RESET ROLE;
SELECT told('parts');
GRANT EXECUTE ON FUNCTION pg_event_trigger_dropped_objects() TO PUBLIC;
DROP OWNED BY regress_dropper;
DROP ROLE regress_dropper;
DROP EXTENSION pgrealtime CASCADE;
