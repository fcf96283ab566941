-- Partitioned tables: the root is published and named in changes; every leaf is captured, also later ones.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
-- What enable() and disable() do is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
RESET client_min_messages;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
CREATE VIEW attached AS
SELECT t.tgrelid::regclass AS relation, string_agg(substr(t.tgname, 15) || CASE WHEN t.tgparentid <> 0 THEN '(clone)' ELSE '' END
  || CASE WHEN t.tgargs LIKE '%leaf%' THEN '(leaf)' ELSE '' END, ' ' ORDER BY t.tgname) AS triggers
FROM pg_trigger AS t WHERE NOT t.tgisinternal GROUP BY 1 ORDER BY 1;
CREATE TABLE events (id int, kind int, note text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES FROM (0) TO (100);

SELECT pgrealtime.enable('events');
SELECT tablename FROM pg_publication_tables ORDER BY 1;
SELECT prrelid::regclass FROM pg_publication_rel;
SELECT * FROM attached;
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
SELECT table_name FROM pgrealtime.get_user_realtime_tables();
SELECT r, pgrealtime.is_realtime_enabled(r) FROM unnest('{events,events_1,events_2,events_2a}'::text[]) AS r;

-- Sizes and estimates are those of the leaves.
INSERT INTO events SELECT g, 1, repeat('x', 100) FROM generate_series(1, 1000) AS g;
SELECT estimated_row_count FROM pgrealtime.realtime_configuration;
ANALYZE events_1;
SELECT c.estimated_row_count, c.table_size = pg_size_pretty(pg_total_relation_size('events_1') + pg_total_relation_size('events_2a')) AS sum_of_leaves
FROM pgrealtime.realtime_configuration AS c;

-- A new partition, a new leaf below a partition, an attached table, a detached one.
CREATE TABLE events_3 PARTITION OF events FOR VALUES IN (3);
CREATE TABLE events_2b PARTITION OF events_2 DEFAULT;
CREATE TABLE "Événements 4" (id int NOT NULL, kind int NOT NULL, note text);
ALTER TABLE events ATTACH PARTITION "Événements 4" FOR VALUES IN (4);
SELECT * FROM attached;
ALTER TABLE events DETACH PARTITION events_2;
ALTER TABLE events DETACH PARTITION "Événements 4" CONCURRENTLY;
SELECT * FROM attached;
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;

-- A leaf whose trigger is switched off is not captured; enable mends it.
ALTER TABLE events_3 DISABLE TRIGGER "00_pgrealtime_update";
SELECT enabled_operations, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.enable('events');
SELECT enabled_operations, captured, status FROM pgrealtime.realtime_configuration;
DROP TRIGGER "00_pgrealtime_truncate" ON events_1;
SELECT enabled_operations, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.enable('events');
SELECT enabled_operations, captured, status FROM pgrealtime.realtime_configuration;

-- Root and leaf cannot both be enabled.
SELECT try($$SELECT pgrealtime.enable('events_1')$$);
SELECT pgrealtime.disable('events');
SELECT * FROM attached;
SELECT count(*) FROM pg_publication_rel;
SELECT pgrealtime.enable('events_1');
SELECT try($$SELECT pgrealtime.enable('events')$$);
SELECT tablename, status FROM pgrealtime.realtime_configuration;
SELECT r, pgrealtime.is_realtime_enabled(r) FROM unnest('{events,events_1}'::text[]) AS r;
SELECT pgrealtime.disable('events_1');

-- A leaf of a published root is published through it.
ALTER PUBLICATION supabase_realtime ADD TABLE events;
ALTER PUBLICATION supabase_realtime SET (publish_via_partition_root = true);
SELECT pgrealtime.enable('events_1');
SELECT prrelid::regclass FROM pg_publication_rel;
SELECT tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.disable('events_1');
-- No word about partitions where the publication tells of the root.
SELECT pgrealtime.enable('events', operations => '{INSERT}');
SELECT * FROM attached;

-- Every leaf needs a replica identity.
CREATE TABLE keyless (a int, kind int) PARTITION BY LIST (kind);
CREATE TABLE keyless_1 PARTITION OF keyless FOR VALUES IN (1);
SELECT try($$SELECT pgrealtime.enable('keyless')$$);
ALTER TABLE keyless_1 REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('keyless');

-- DROP EXTENSION takes the triggers of partitions along.
DROP EXTENSION pgrealtime;
SELECT * FROM attached;
