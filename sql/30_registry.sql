-- The settings that pgrealtime.enable() stores. They hold names and no OIDs, so that a dump can be restored into any
-- database. Settings belong to the owner who made them: they do not apply to another owner's table of the same name.
-- Written below SQL only, so that logical decoding does not see them (see REPLICA IDENTITY below).
CREATE TABLE pgrealtime.settings (
  schema_name     text COLLATE "C" NOT NULL,
  relation_name   text COLLATE "C" NOT NULL,
  priority        text NOT NULL,   -- high, medium, low
  operations      text[] NOT NULL, -- of INSERT, UPDATE, DELETE, TRUNCATE, in this order
  row_filter      text,            -- as passed; NULL: all rows
  columns         text[],          -- in table order, key included; NULL: all
  payload         text NOT NULL,   -- full, key
  deletes         text NOT NULL,   -- policy, key
  sinks           text[] NOT NULL, -- of log, broadcast, wal, notify; empty: published only
  broadcast_topic text,
  owner           text NOT NULL,   -- the table's when enable ran
  published       boolean NOT NULL, -- whether enable put the table into the publication
  PRIMARY KEY (schema_name, relation_name)
);
COMMENT ON TABLE pgrealtime.settings IS 'The settings of each realtime table, as enable stored them';

-- The relations that are captured, by enable or by hand-made triggers, as they were after the last DDL command. When DDL
-- changes them, settings are updated or readers get a gap. A cache: it is not dumped, and is filled again by name.
CREATE TABLE pgrealtime.relation_cache (
  relation      oid UNIQUE,       -- NULL for a dropped one whose settings are still there
  schema_name   text COLLATE "C" NOT NULL,
  relation_name text COLLATE "C" NOT NULL,
  columns       text[] NOT NULL,  -- the columns that the settings name, with their numbers: 3:status
  enabled       boolean NOT NULL, -- whether the settings stored under this name belong to it
  tables        text[] NOT NULL,  -- it and the tables that inherit from it, each with a digest of its capture triggers: 16384:9f…
  owner         oid NOT NULL,     -- the role that the settings belong to; a name may have gone to another role
  key           smallint[] NOT NULL, -- the columns of the key
  dropped       text[] NOT NULL   -- names of dropped columns that no column has got again
);
COMMENT ON TABLE pgrealtime.relation_cache IS
  'Captured relations as they were after the last DDL command. A cache, which pg_dump leaves out';

SELECT pg_catalog.pg_extension_config_dump('pgrealtime.settings', '');

-- pgoutput skips a DELETE without an old tuple, and inserts are made with HEAP_INSERT_NO_LOGICAL: a subscriber
-- of a FOR ALL TABLES publication that lacks the extension must not stop at a table that it does not have.
ALTER TABLE pgrealtime.settings REPLICA IDENTITY NOTHING;
ALTER TABLE pgrealtime.relation_cache REPLICA IDENTITY NOTHING;

-- Only roles with a privilege on a table may see its name: readers use the functions, which check privileges. Row-level
-- security without a policy keeps roles with pg_read_all_data out too.
ALTER TABLE pgrealtime.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE pgrealtime.relation_cache ENABLE ROW LEVEL SECURITY;
