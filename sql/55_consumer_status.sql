-- pgrealtime.consumer_status: a row per consumer that the current role may see (src/feed/consumer/status.rs).
CREATE VIEW pgrealtime.consumer_status AS
SELECT
  c.name,
  c.owner,
  c.created_at,
  c.last_used,
  c.lag_changes,
  c.lag_bytes,
  pg_catalog.make_interval(secs => c.lag) AS lag,
  pg_catalog.make_interval(secs => c.kept_for) AS kept_for,
  c.problem
FROM pgrealtime.consumers(true) AS c;

COMMENT ON VIEW pgrealtime.consumer_status IS
  'The consumers of the current role, or all of them for members of pg_monitor: how far each is behind, and what is wrong with it';
COMMENT ON COLUMN pgrealtime.consumer_status.name IS 'Name of the consumer';
COMMENT ON COLUMN pgrealtime.consumer_status.owner IS 'Role that may use the consumer, with its members; a number if the role was dropped';
COMMENT ON COLUMN pgrealtime.consumer_status.created_at IS 'Time of create_consumer()';
COMMENT ON COLUMN pgrealtime.consumer_status.last_used IS 'Time of the last call of consume() that has committed';
COMMENT ON COLUMN pgrealtime.consumer_status.lag_changes IS
  'Number of entries of the change log after the cursor, of all tables; an estimate if there are many';
COMMENT ON COLUMN pgrealtime.consumer_status.lag_bytes IS 'Size of the part of the change log that these entries are in';
COMMENT ON COLUMN pgrealtime.consumer_status.lag IS
  'Age of the first of these entries: the time since its transaction began; zero if there is none';
COMMENT ON COLUMN pgrealtime.consumer_status.kept_for IS
  'Time for which the change log keeps at least what comes after the cursor, if the log does not grow too large; zero once the cursor is refused';
COMMENT ON COLUMN pgrealtime.consumer_status.problem IS 'NULL, or why consume() fails';
