-- What pgrealtime.enable() remembers. Names only, no OIDs: a dump restores it into any database. Settings belong to the
-- owner who made them: another owner's table of the same name does not take them up.
-- Written in C alone, so that logical decoding sees nothing of it (see REPLICA IDENTITY below).
CREATE TABLE pgrealtime.settings (
  schema_name     text COLLATE "C" NOT NULL,
  relation_name   text COLLATE "C" NOT NULL,
  priority        text NOT NULL,   -- high, medium, low
  operations      text[] NOT NULL, -- of INSERT, UPDATE, DELETE, TRUNCATE, in this order
  row_filter      text,            -- as given; NULL: all rows
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

-- The relations that are captured, by enable or by a trigger made by hand, as they were when DDL was last seen. What DDL
-- changes of it is followed, or told to readers as a gap. A cache: not dumped, filled again by name.
CREATE TABLE pgrealtime.relation_cache (
  relation      oid UNIQUE,       -- NULL for a dropped one whose settings are still there
  schema_name   text COLLATE "C" NOT NULL,
  relation_name text COLLATE "C" NOT NULL,
  columns       text[] NOT NULL,  -- those that the settings name, by number: 3:status
  enabled       boolean NOT NULL, -- whether the settings of this name are its own
  tables        text[] NOT NULL,  -- itself and what inherits from it, with a digest of what captures there: 16384:9f…
  owner         oid NOT NULL,     -- whose the settings are: a role's name may be another's by now
  key           smallint[] NOT NULL -- the columns that changes are told apart by
);
COMMENT ON TABLE pgrealtime.relation_cache IS
  'Captured relations as they were after the last DDL command. A cache, which pg_dump leaves out';

SELECT pg_catalog.pg_extension_config_dump('pgrealtime.settings', '');

-- A DELETE without an old tuple is skipped by pgoutput, and inserts are made with HEAP_INSERT_NO_LOGICAL: a subscriber
-- of a FOR ALL TABLES publication that lacks the extension must not stop at a table that it does not have.
ALTER TABLE pgrealtime.settings REPLICA IDENTITY NOTHING;
ALTER TABLE pgrealtime.relation_cache REPLICA IDENTITY NOTHING;

-- Names of tables are for those who have a privilege on them: readers go through the functions, which check. Row-level
-- security without a policy keeps pg_read_all_data out, too.
ALTER TABLE pgrealtime.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE pgrealtime.relation_cache ENABLE ROW LEVEL SECURITY;
