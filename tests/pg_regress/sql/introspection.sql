-- The introspection functions: who sees what; and that they need no transaction id and are read-only, STABLE, parallel safe.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
-- What enable() and disable() do is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
RESET client_min_messages;
CREATE SCHEMA hr;
CREATE SCHEMA closed;
CREATE TABLE open_to_all (id int PRIMARY KEY);
CREATE TABLE one_column (id int PRIMARY KEY, secret text, shown text);
CREATE TABLE insert_only (id int PRIMARY KEY);
CREATE TABLE nobodys (id int PRIMARY KEY);
CREATE TABLE hr.staff (id int PRIMARY KEY);
CREATE TABLE closed.inside (id int PRIMARY KEY);
CREATE TABLE not_realtime (id int PRIMARY KEY);
CREATE TABLE dropped (id int PRIMARY KEY);
SELECT pgrealtime.enable(t::regclass, priority => p) FROM unnest(
  '{open_to_all,one_column,insert_only,nobodys,hr.staff,closed.inside,dropped}'::text[], '{low,medium,high,medium,high,low,low}'::text[]) AS x (t, p);
DROP TABLE dropped;
ALTER TABLE one_column ENABLE ROW LEVEL SECURITY, REPLICA IDENTITY FULL;
CREATE ROLE regress_anna;
CREATE ROLE regress_bert;
CREATE ROLE regress_owner;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO regress_owner;
ALTER TABLE nobodys OWNER TO regress_owner;
REVOKE ALL ON nobodys FROM regress_owner;
GRANT SELECT ON open_to_all, not_realtime, closed.inside TO PUBLIC;
GRANT SELECT (shown) ON one_column TO regress_anna;
GRANT INSERT ON insert_only TO regress_anna;
GRANT USAGE ON SCHEMA hr TO regress_bert;
GRANT SELECT ON hr.staff TO regress_bert, regress_anna;

-- The contract: names, types, order; the function that the view is made of shows no more.
\d pgrealtime.realtime_configuration
\df pgrealtime.is_realtime_enabled
\df pgrealtime.get_user_realtime_tables
SELECT schemaname, tablename, estimated_row_count, table_size, realtime_priority, rls_enabled, replica_identity, status FROM pgrealtime.realtime_configuration;
SET ROLE regress_anna;
SELECT schemaname, tablename FROM pgrealtime.realtime_configuration;
SELECT schemaname, tablename FROM pgrealtime.realtime_tables() ORDER BY 2;
SELECT * FROM pgrealtime.get_user_realtime_tables();
SELECT n, pgrealtime.is_realtime_enabled(n) FROM unnest('{open_to_all,one_column,insert_only,nobodys,hr.staff,closed.inside,not_realtime,dropped,missing.x}'::text[]) AS n;
SET ROLE regress_bert;
SELECT schemaname, tablename FROM pgrealtime.realtime_configuration;
SELECT * FROM pgrealtime.get_user_realtime_tables();
SELECT n, pgrealtime.is_realtime_enabled(n) FROM unnest('{open_to_all,one_column,insert_only,nobodys,hr.staff,closed.inside,not_realtime,dropped}'::text[]) AS n;
-- An owner who took SELECT from himself still sees what he owns, but has nothing to read.
SET ROLE regress_owner;
SELECT schemaname, tablename FROM pgrealtime.realtime_configuration;
SELECT table_name FROM pgrealtime.get_user_realtime_tables();
SELECT pgrealtime.is_realtime_enabled('nobodys');
-- Nobody may read the settings themselves, not even members of pg_read_all_data.
SELECT count(*) FROM pgrealtime.settings;
RESET ROLE;
GRANT pg_read_all_data TO regress_bert;
SET ROLE regress_bert;
SELECT count(*) FROM pgrealtime.settings;
SELECT count(*) FROM pgrealtime.relation_cache;
RESET ROLE;

-- Estimates: NULL before the first ANALYZE.
INSERT INTO open_to_all SELECT generate_series(1, 100);
SELECT estimated_row_count FROM pgrealtime.realtime_configuration WHERE tablename = 'open_to_all';
ANALYZE open_to_all;
SELECT estimated_row_count FROM pgrealtime.realtime_configuration WHERE tablename = 'open_to_all';

-- Another AFTER ROW trigger for the same operation that fires first is named as drift.
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "00_before_ours" BEFORE UPDATE ON open_to_all FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER "00_a_statement" AFTER UPDATE ON open_to_all FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TRIGGER a_later AFTER UPDATE ON open_to_all FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'open_to_all';
CREATE TRIGGER "00_a" AFTER UPDATE ON open_to_all FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'open_to_all';
ALTER TABLE open_to_all DISABLE TRIGGER "00_a";
SELECT status FROM pgrealtime.realtime_configuration WHERE tablename = 'open_to_all';

-- A trigger made by hand captures, too. No settings ask for it, so it cannot deviate from any.
CREATE TRIGGER mine AFTER INSERT OR DELETE ON not_realtime FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
ALTER PUBLICATION supabase_realtime ADD TABLE not_realtime;
SELECT tablename, realtime_priority, enabled_operations, captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'not_realtime';

-- No xid, also inside a read-only transaction.
BEGIN READ ONLY;
SELECT count(*) FROM pgrealtime.realtime_configuration;
SELECT count(*) FROM pgrealtime.get_user_realtime_tables();
SELECT pgrealtime.is_realtime_enabled('hr.staff');
SELECT pg_current_xact_id_if_assigned() IS NULL AS no_xid;
COMMIT;
SELECT proname, provolatile, proparallel, proisstrict FROM pg_proc
WHERE pronamespace = 'pgrealtime'::regnamespace AND proname IN ('is_realtime_enabled', 'get_user_realtime_tables', 'realtime_tables') ORDER BY 1;

-- In a parallel worker.
SELECT set_config(name, 'on', false) AS parallel, name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SELECT count(*) FROM pgrealtime.realtime_configuration;
SELECT count(*) FROM pgrealtime.get_user_realtime_tables();
SELECT pgrealtime.is_realtime_enabled('hr.staff');
RESET :name;

DROP OWNED BY regress_anna, regress_bert, regress_owner;
DROP ROLE regress_anna, regress_bert, regress_owner;
