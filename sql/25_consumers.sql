-- Consumers: cursors that are stored under a name. Both tables are written below SQL only (src/pg/storage/heap.rs). pg_dump
-- leaves them out: their cursors mean nothing in another database, and their owners may not exist there.
CREATE TABLE pgrealtime.consumer (
    name       text COLLATE "C" PRIMARY KEY,
    owner      regrole     NOT NULL,
    created_at timestamptz NOT NULL,
    key        bigint      NOT NULL -- drawn; a lock on it is held while the consumer is used
);
COMMENT ON TABLE pgrealtime.consumer IS 'The consumers that create_consumer() has made, and the roles that they belong to';

-- A row is deleted and inserted at every use. So it is vacuumed by the number of uses, and analysed never.
CREATE TABLE pgrealtime.consumer_place (
    name    text COLLATE "C" NOT NULL,
    cursor  text             NOT NULL,
    used_at timestamptz                -- NULL before the first use
) WITH (
    toast_tuple_target = 8160,
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2147483647,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 500
);
COMMENT ON TABLE pgrealtime.consumer_place IS
  'Where each consumer stands';

ALTER TABLE pgrealtime.consumer REPLICA IDENTITY NOTHING;
ALTER TABLE pgrealtime.consumer_place REPLICA IDENTITY NOTHING;

-- Without a policy: roles with pg_read_all_data read no cursors, and see in the view what is theirs.
ALTER TABLE pgrealtime.consumer ENABLE ROW LEVEL SECURITY;
ALTER TABLE pgrealtime.consumer_place ENABLE ROW LEVEL SECURITY;
