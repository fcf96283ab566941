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
