-- enable() and disable(): the settings that they keep, the triggers that they create, the parameters that they refuse.
\pset format unaligned
\pset footer off
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
CREATE VIEW attached AS
SELECT t.tgrelid::regclass AS relation, t.tgname, pg_get_triggerdef(t.oid) ~ 'FOR EACH ROW' AS by_row,
       regexp_replace(replace(encode(t.tgargs, 'escape'), '\000', ' '), 'numbers=.\d+', 'numbers=[N') AS arguments
FROM pg_trigger AS t WHERE NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY 1, 2;
CREATE TABLE goals (id int PRIMARY KEY, organization_id int, status text, "Odd {name}" text);

-- The standard values; the publication is made without a warning about wal_level, which nothing here needs.
SHOW wal_level;
SELECT pgrealtime.enable('goals');
SELECT * FROM pgrealtime.settings \gx
SELECT * FROM attached;
SELECT pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate FROM pg_publication;
SELECT schemaname, tablename FROM pg_publication_tables;

-- Again: nothing is written, no trigger is made again.
CREATE VIEW versions AS
  SELECT 't' AS what, oid, xmin::text AS version FROM pg_trigger UNION ALL SELECT 's', 0, xmin::text FROM pgrealtime.settings
  UNION ALL SELECT 'c', 0, xmin::text FROM pgrealtime.relation_cache UNION ALL SELECT 'p', oid, xmin::text FROM pg_publication_rel;
CREATE TABLE before AS TABLE versions;
SELECT pgrealtime.enable('goals');
SELECT pgrealtime.enable('goals', priority => 'medium', operations => '{TRUNCATE,DELETE,UPDATE,INSERT}', row_filter => '',
  columns => '{}', payload => 'full', deletes => 'policy', sinks => '{log}', broadcast_topic => '');
SELECT count(*) AS written_again FROM (TABLE versions EXCEPT TABLE before) AS new;
DROP TABLE before;

-- NULL leaves a setting as it is; case of letters and order do not matter; the key is always among the columns.
SELECT pgrealtime.enable('goals', priority => 'HIGH', operations => '{update,insert,insert}', columns => '{status}',
  payload => 'key', deletes => 'key', sinks => '{notify,log}', broadcast_topic => 'org:{organization_id}',
  row_filter => 'status=eq.open');
SELECT * FROM pgrealtime.settings \gx
SELECT * FROM attached;
SELECT pgrealtime.enable('goals', priority => 'low');
SELECT * FROM pgrealtime.settings \gx
-- '' and '{}' clear.
SELECT pgrealtime.enable('goals', row_filter => '', columns => '{}', broadcast_topic => '');
SELECT row_filter IS NULL AS all_rows, columns IS NULL AS all_columns, broadcast_topic IS NULL AS no_topic FROM pgrealtime.settings;
-- Published only.
SELECT pgrealtime.enable('goals', sinks => '{}');
SELECT * FROM attached;
SELECT tablename, enabled_operations, captured, status FROM pgrealtime.realtime_configuration;
SELECT pgrealtime.enable('goals', sinks => '{log,wal}');
SELECT * FROM attached;

-- The broadcast sink needs Supabase's table and a topic, which its triggers carry.
SELECT try($$SELECT pgrealtime.enable('goals', sinks => '{broadcast}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', sinks => '{broadcast}', broadcast_topic => 'all')$$);
\i :srcdir/include/realtime_messages.sql
SELECT pgrealtime.enable('goals', sinks => '{broadcast}', broadcast_topic => 'it''s:\{organization_id}', operations => '{INSERT}');
SELECT * FROM attached;
SELECT try($$SELECT pgrealtime.enable('goals', broadcast_topic => 'org:{organisation}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', broadcast_topic => 'org:{organization_id')$$);
SELECT try($$SELECT pgrealtime.enable('goals', broadcast_topic => '{Odd {name}}')$$);

-- A refused call changes nothing.
SELECT try($$SELECT pgrealtime.enable('goals', priority => 'urgent')$$);
SELECT try($$SELECT pgrealtime.enable('goals', operations => '{INSERT,UPSERT}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', operations => '{}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', operations => '{INSERT,NULL}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', columns => '{status,nope}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', columns => '{ctid}')$$);
SELECT try($$SELECT pgrealtime.enable('goals', payload => 'none')$$);
SELECT try($$SELECT pgrealtime.enable('goals', deletes => 'all')$$);
SELECT try($$SELECT pgrealtime.enable('goals', sinks => '{log,kafka}')$$);
SELECT try($$SELECT pgrealtime.enable(NULL)$$);
SELECT try($$SELECT pgrealtime.enable(1::regclass)$$);
SELECT try($$SELECT pgrealtime.disable(NULL)$$);
SELECT try($$SELECT pgrealtime.enable('nope')$$);
BEGIN READ ONLY;
SELECT pgrealtime.enable('goals', priority => 'low');
ROLLBACK;
BEGIN READ ONLY;
SELECT pgrealtime.disable('goals');
ROLLBACK;
SELECT * FROM pgrealtime.settings \gx

-- Without a key: settings that need one are refused. The replica identity index is a key, too.
CREATE TABLE keyless (a int NOT NULL, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
SELECT try($$SELECT pgrealtime.enable('keyless', payload => 'key')$$);
SELECT try($$SELECT pgrealtime.enable('keyless', deletes => 'key')$$);
CREATE UNIQUE INDEX keyless_a ON keyless (a);
ALTER TABLE keyless REPLICA IDENTITY USING INDEX keyless_a;
SELECT pgrealtime.enable('keyless', payload => 'key', columns => '{b}');
SELECT columns FROM pgrealtime.settings WHERE relation_name = 'keyless';

-- Transactional.
BEGIN;
SELECT pgrealtime.disable('keyless');
SELECT pgrealtime.enable('goals', priority => 'low', operations => '{INSERT,UPDATE,DELETE,TRUNCATE}', sinks => '{log}');
SAVEPOINT here;
SELECT pgrealtime.disable('goals');
ROLLBACK TO here;
SELECT tablename, realtime_priority, enabled_operations, status FROM pgrealtime.realtime_configuration;
ROLLBACK;
SELECT tablename, realtime_priority, enabled_operations, status FROM pgrealtime.realtime_configuration;

-- A disabled trigger, a dropped one, and one that was changed by hand are mended.
SELECT pgrealtime.enable('goals', sinks => '{log}', operations => '{INSERT,DELETE}');
ALTER TABLE goals DISABLE TRIGGER "00_pgrealtime_insert";
SELECT captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'goals';
DROP TRIGGER "00_pgrealtime_delete" ON goals;
CREATE TRIGGER "00_pgrealtime_delete" AFTER DELETE ON goals FOR EACH STATEMENT EXECUTE FUNCTION pgrealtime.capture_change();
CREATE TRIGGER "00_pgrealtime_update" AFTER UPDATE ON goals FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
SELECT pgrealtime.enable('goals');
SELECT * FROM attached WHERE relation = 'goals'::regclass;
SELECT captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'goals';

-- disable is the reverse.
SELECT pgrealtime.disable('goals');
SELECT pgrealtime.disable('keyless');
SELECT * FROM attached;
SELECT count(*) FROM pgrealtime.settings;
SELECT count(*) FROM pgrealtime.relation_cache;
SELECT count(*) FROM pg_publication_tables;
SELECT pgrealtime.disable('goals');
SELECT pubname FROM pg_publication;
