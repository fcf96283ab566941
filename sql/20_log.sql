-- The change log: its state, the layouts of captured rows, and the ring of segments.
-- Every table here is written below SQL and hidden from logical decoding (src/pg/storage/heap.rs says how);
-- REPLICA IDENTITY NOTHING makes their deletes decode to nothing.

CREATE TABLE pgrealtime.log_state (
    log_id          bigint      NOT NULL, -- drawn at CREATE EXTENSION; cursors of another log are refused
    epoch           integer     NOT NULL, -- drawn by invalidate_cursors()
    current_segment smallint    NOT NULL,
    current_since   timestamptz NOT NULL,
    horizon         bytea,                -- the seal of the last emptied segment; NULL before the first
    janitor_run     timestamptz,
    janitor_error   text,
    -- Since when readers have kept the oldest segment from being emptied.
    emptying_delayed_since timestamptz,
    format       integer     NOT NULL DEFAULT 1 -- that of entries, images and seals; src/log/state.rs has the library's
);
COMMENT ON TABLE pgrealtime.log_state IS
  'The state of the change log in one row: its identity, the segment that is written, and the last run of the janitor';

-- A row per segment that is no longer written, from the switch until the segment is emptied.
CREATE TABLE pgrealtime.log_segment (
    segment   smallint    NOT NULL,
    closed_at timestamptz NOT NULL,
    sealed_at timestamptz,          -- since when no writer holds it
    seal      bytea                 -- snapshot of that time; it counts all writers of the segment as finished
);
COMMENT ON TABLE pgrealtime.log_segment IS 'Segments of the change log that are no longer written and not yet emptied';

-- The attributes of an image when it was captured, in the order of their numbers, dropped ones included: reading needs
-- how long and how aligned they are even when their type has gone. A row for each segment that has such images, by whose
-- writers it is written; it goes when the segment is emptied. What an id means never changes.
CREATE TABLE pgrealtime.log_layout (
    layout     bigint     NOT NULL,
    relation   oid        NOT NULL,
    names      text[]     NOT NULL, -- '' for a dropped attribute
    types      oid[]      NOT NULL, -- NULL for a dropped attribute
    typmods    integer[]  NOT NULL,
    lengths    smallint[] NOT NULL,
    alignments text       NOT NULL, -- one letter each, as in pg_attribute.attalign; a capital letter for types passed by value
    segment    smallint   NOT NULL
);
COMMENT ON TABLE pgrealtime.log_layout IS 'The columns of captured rows as they were at capture. Needed to read the rows';

DO $$
DECLARE
    segment text;
BEGIN
    FOR i IN 0..7 LOOP
        segment := pg_catalog.format('pgrealtime.%I', 'change_log_' OPERATOR(pg_catalog.||) i::text);
        EXECUTE pg_catalog.format($sql$
            CREATE TABLE %s (
                position   bigint        NOT NULL,
                xid        bigint        NOT NULL,
                changed_at timestamptz   NOT NULL,
                layout     bigint        NOT NULL,
                relation   oid           NOT NULL,
                operation  "char"        NOT NULL,
                image      bytea,
                old        bytea,
                marks      bytea
            ) WITH (autovacuum_enabled = off, toast.autovacuum_enabled = off, toast_tuple_target = 8160)
        $sql$, segment);
        EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS %L', segment, pg_catalog.format('Segment %s of the change log', i));
        EXECUTE pg_catalog.format('CREATE INDEX ON %s (position)', segment);
        -- The first entry of each transaction (src/log/append.rs).
        EXECUTE pg_catalog.format('CREATE INDEX ON %s (xid, position)', segment);
        -- The entries that log_status counts by cause: gaps, lost messages, images that lack values; they are few.
        -- src/log/entry.rs has the same condition (is_remarkable). It is a range because the planner then expects few rows.
        EXECUTE pg_catalog.format('CREATE INDEX ON %s (position) WHERE operation = ''G'' OR operation = ''N'' '
            'OR pg_catalog.get_byte(marks, 0) BETWEEN 2 AND 7', segment);
        BEGIN
            EXECUTE pg_catalog.format('ALTER TABLE %s ALTER image SET COMPRESSION lz4, ALTER old SET COMPRESSION lz4', segment);
        EXCEPTION WHEN feature_not_supported THEN
            NULL; -- a server built without lz4 compresses with pglz instead
        END;
    END LOOP;
END
$$;

DO $$
DECLARE
    member regclass;
BEGIN
    FOR member IN
        SELECT c.oid FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace AND c.relkind OPERATOR(pg_catalog.=) 'r'
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', member);
        EXECUTE pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY NOTHING', member);
        EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM PUBLIC', member);
    END LOOP;
END
$$;
