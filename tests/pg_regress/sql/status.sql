-- realtime_configuration.status: the problem of a table; of several, the one that explains most.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
-- What enable() and disable() do is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/realtime_messages.sql
CREATE VIEW state AS SELECT tablename, captured, enabled_operations, status FROM pgrealtime.realtime_configuration ORDER BY 1;
CREATE PUBLICATION supabase_realtime;

-- Published, never enabled; captured by a trigger made by hand.
CREATE TABLE published (id int PRIMARY KEY);
CREATE TABLE by_hand (id int PRIMARY KEY);
CREATE TRIGGER mine AFTER INSERT ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
ALTER PUBLICATION supabase_realtime ADD TABLE published, by_hand;
TABLE state;
SELECT pgrealtime.enable('published', sinks => '{}');
TABLE state;
SELECT pgrealtime.disable('published');
TABLE state;
DROP TABLE published, by_hand;

-- Columns that settings name and that were dropped.
CREATE TABLE goals (id int PRIMARY KEY, org int, status text, note text);
SELECT pgrealtime.enable('goals', sinks => '{log,broadcast}', broadcast_topic => 'org:{org}', columns => '{status,note}', row_filter => 'note=neq.draft');
TABLE state;
BEGIN;
ALTER TABLE goals DROP COLUMN org;
TABLE state;
-- It keeps its name in the settings, whatever else is renamed.
ALTER TABLE goals RENAME TO targets;
ALTER TABLE targets RENAME TO goals;
SELECT broadcast_topic FROM pgrealtime.settings;
TABLE state;
-- A topic without the sink broadcast is not checked.
SELECT pgrealtime.enable('goals', sinks => '{log}', broadcast_topic => '');
TABLE state;
ROLLBACK;
BEGIN;
ALTER TABLE goals DROP COLUMN status;
TABLE state;
ALTER TABLE goals DROP COLUMN org;
TABLE state;
ROLLBACK;
-- The triggers that use it are dropped with it.
BEGIN;
ALTER TABLE goals DROP COLUMN note CASCADE;
TABLE state;
SELECT pgrealtime.enable('goals', row_filter => '', columns => '{}');
TABLE state;
ROLLBACK;
SELECT pgrealtime.enable('goals', sinks => '{}');
ALTER TABLE goals DROP COLUMN note;
TABLE state;
ALTER PUBLICATION supabase_realtime DROP TABLE goals;
TABLE state;
SELECT pgrealtime.enable('goals');
SELECT pgrealtime.enable('goals', row_filter => '');
SELECT pgrealtime.enable('goals', row_filter => '', columns => '{}');
TABLE state;
