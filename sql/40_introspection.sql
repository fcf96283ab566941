-- The view computes the relation's size and the array of operations. It uses a STABLE function (pg_total_relation_size is
-- VOLATILE), so that a query which does not select them does not compute them.
CREATE VIEW pgrealtime.realtime_configuration AS
SELECT
  t.schemaname,
  t.tablename,
  t.estimated_row_count,
  pg_catalog.pg_size_pretty(pgrealtime.relation_size(t.relation)) AS table_size,
  t.realtime_priority,
  pg_catalog.string_to_array(t.enabled_operations, ',') AS enabled_operations,
  t.row_filter,
  t.captured,
  t.rls_enabled,
  t.replica_identity,
  t.status
FROM pgrealtime.realtime_tables() AS t
ORDER BY
  CASE t.realtime_priority WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END,
  t.tablename,
  t.schemaname;

COMMENT ON VIEW pgrealtime.realtime_configuration IS
  'The realtime tables that the current user owns or may SELECT from, with their settings. The column "status" shows what is wrong';
COMMENT ON COLUMN pgrealtime.realtime_configuration.schemaname IS 'Schema of the table';
COMMENT ON COLUMN pgrealtime.realtime_configuration.tablename IS 'Name of the table';
COMMENT ON COLUMN pgrealtime.realtime_configuration.estimated_row_count IS
  'Number of rows, as the planner estimates it; NULL before the first VACUUM or ANALYZE';
COMMENT ON COLUMN pgrealtime.realtime_configuration.table_size IS 'Size of the table with its indexes and TOAST';
COMMENT ON COLUMN pgrealtime.realtime_configuration.realtime_priority IS 'Setting priority: high, medium or low';
COMMENT ON COLUMN pgrealtime.realtime_configuration.enabled_operations IS
  'The operations that triggers capture; for a table that is only published, those that the publication publishes';
COMMENT ON COLUMN pgrealtime.realtime_configuration.row_filter IS
  'Setting row_filter: only rows that match it are captured; without one, the WHERE of the table in the publication';
COMMENT ON COLUMN pgrealtime.realtime_configuration.captured IS
  'Whether triggers capture the table, and all operations that it is enabled for';
COMMENT ON COLUMN pgrealtime.realtime_configuration.rls_enabled IS 'Whether row level security is enabled on the table';
COMMENT ON COLUMN pgrealtime.realtime_configuration.replica_identity IS
  'Replica identity of the table: default, index, full or nothing';
COMMENT ON COLUMN pgrealtime.realtime_configuration.status IS 'ok, or the first problem that was found';
