-- repair() takes settings from the triggers that enable() created, and from no others.
\set QUIET on
\pset tuples_only on
\pset format unaligned
CREATE EXTENSION pgrealtime;
CREATE ROLE lost_owner;
CREATE ROLE lost_planter;
GRANT CREATE ON DATABASE :DBNAME TO lost_owner;
GRANT USAGE ON SCHEMA pgrealtime TO lost_owner, lost_planter;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgrealtime TO lost_owner;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO lost_planter;
SET ROLE lost_owner;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO lost_planter;
SET search_path = app;
CREATE VIEW state AS SELECT tablename, row_filter, enabled_operations, status FROM pgrealtime.realtime_configuration ORDER BY 1;
CREATE TABLE whole (id int PRIMARY KEY, a text, b text);
CREATE TABLE mixed (id int PRIMARY KEY, a text, b text);
CREATE TABLE renamed (id int PRIMARY KEY, a text, b text);
CREATE TABLE planted (id int PRIMARY KEY, a text, b text);
GRANT SELECT, TRIGGER ON mixed, planted TO lost_planter;
SET client_min_messages = error;
SELECT pgrealtime.enable(one::regclass, row_filter => 'a=eq.x', columns => '{a}', payload => 'key', sinks => '{log,wal}')
  FROM unnest('{whole,mixed,renamed}'::text[]) AS one;
RESET ROLE;
SET pgrealtime.follow_publication = off;
ALTER PUBLICATION supabase_realtime ADD TABLE app.planted;
RESET pgrealtime.follow_publication;
SET ROLE lost_planter;
CREATE TRIGGER "00_pgrealtime_xx" AFTER INSERT ON mixed FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=notify');
CREATE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON planted FOR EACH ROW
  EXECUTE FUNCTION pgrealtime.capture_change('sinks=log', 'deletes=key', 'filter=b=eq.y');
RESET ROLE;
RESET client_min_messages;
\echo as after a restore that could not write the settings
DELETE FROM pgrealtime.settings;
SET ROLE lost_owner;
ALTER TABLE renamed RENAME a TO old_a;
ALTER TABLE renamed ADD a text;
TABLE state;
SELECT * FROM pgrealtime.repair();
TABLE state;
\echo only the owner says what they depend on
SET ROLE lost_planter;
ALTER TRIGGER "00_pgrealtime_insert" ON planted DEPENDS ON EXTENSION pgrealtime;
SET ROLE lost_owner;
\echo enable() with what is meant
SELECT pgrealtime.enable('mixed', row_filter => 'a=eq.x'), pgrealtime.enable('renamed', row_filter => 'a=eq.x');
DROP TRIGGER "00_pgrealtime_xx" ON mixed;
TABLE state;
\echo who adds a table to the publication takes them, too
RESET ROLE;
DROP PUBLICATION supabase_realtime;
DELETE FROM pgrealtime.settings;
SET ROLE lost_owner;
SET client_min_messages = error;
CREATE PUBLICATION supabase_realtime;
RESET client_min_messages;
ALTER PUBLICATION supabase_realtime ADD TABLE whole;
TABLE state;
RESET ROLE;
DROP EXTENSION pgrealtime CASCADE;
DROP OWNED BY lost_owner, lost_planter CASCADE;
DROP ROLE lost_owner, lost_planter;
