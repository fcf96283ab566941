-- From 0.1.0 to 0.2.0: tables become realtime by being published, repair(), consumers, and the log says its format.
\echo Use "ALTER EXTENSION pgrealtime UPDATE" to load this file. \quit

ALTER TABLE pgrealtime.log_state ADD COLUMN format integer NOT NULL DEFAULT 1;

CREATE FUNCTION pgrealtime.repair() RETURNS TABLE (relation text, what text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'repair_wrapper';
COMMENT ON FUNCTION pgrealtime.repair() IS
  'Mends realtime tables whose status in realtime_configuration is not ok, and enables published tables. Returns the tables that it has mended, and the status that they had';

DROP EVENT TRIGGER pgrealtime_ddl_end;
CREATE EVENT TRIGGER pgrealtime_ddl_end ON ddl_command_end
  WHEN tag IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER INDEX',
               'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE',
               'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE VIEW', 'CREATE SCHEMA', 'CREATE TRIGGER',
               'CREATE PUBLICATION', 'ALTER PUBLICATION')
  EXECUTE FUNCTION pgrealtime.follow_ddl();
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER pgrealtime_ddl_end IS 'Updates settings and triggers, and writes gaps for readers, after a DDL command';

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

CREATE FUNCTION pgrealtime.create_consumer(name text, cursor text = NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'create_consumer_wrapper';
COMMENT ON FUNCTION pgrealtime.create_consumer(text, text) IS
  'Stores a cursor under a name, for consume(). The consumer belongs to the current role. It begins at the cursor, or at the end of the change log. Returns where it begins';

CREATE FUNCTION pgrealtime.drop_consumer(name text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'drop_consumer_wrapper';
COMMENT ON FUNCTION pgrealtime.drop_consumer(text) IS
  'Deletes a consumer. Waits for the transaction that uses it';

CREATE FUNCTION pgrealtime.move_consumer(name text, cursor text = NULL) RETURNS text
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'move_consumer_wrapper';
COMMENT ON FUNCTION pgrealtime.move_consumer(text, text) IS
  'Moves a consumer to a cursor, or to the end of the change log. Waits for the transaction that uses it. Returns where the consumer stands then';

CREATE FUNCTION pgrealtime.consume(
    name text, relations regclass[], filter text = NULL, events text[] = NULL, columns text[] = NULL,
    max_changes integer = 1000, net boolean = false
) RETURNS TABLE (cursor text, change json)
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1000 AS 'MODULE_PATHNAME', 'consume_wrapper';
COMMENT ON FUNCTION pgrealtime.consume(text, regclass[], text, text[], text[], integer, boolean) IS
  'Returns the changes after the cursor of a consumer that the caller may see, and moves the consumer behind them when the transaction commits. Until it ends, others that use the consumer wait. The last row has no change';

CREATE FUNCTION pgrealtime.consumers(measured boolean)
RETURNS TABLE (
  name text, owner text, created_at timestamptz, last_used timestamptz, lag_changes bigint, lag_bytes bigint,
  lag double precision, kept_for double precision, problem text)
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE ROWS 10 AS 'MODULE_PATHNAME', 'consumers_wrapper';
COMMENT ON FUNCTION pgrealtime.consumers(boolean) IS
  'Supplies the rows of the view consumer_status; without measuring how far consumers are behind, what log_status warns of';

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

-- pgrealtime.log_status: one row about the change log. Its query names every segment, so it is generated here. The
-- view reads the log's tables with its owner's rights; 90_grants.sql grants access to it.
DO $$
DECLARE
    first_entries text;
    last_entries  text;
    counts        text;
    remarkable    text;
BEGIN
    SELECT
        pg_catalog.string_agg(pg_catalog.format(
            '(SELECT changed_at FROM pgrealtime.%I ORDER BY position LIMIT 1)', name), ' UNION ALL '),
        pg_catalog.string_agg(pg_catalog.format(
            '(SELECT changed_at FROM pgrealtime.%I ORDER BY position DESC LIMIT 1)', name), ' UNION ALL '),
        -- Counts a small segment, and estimates a large one from a sample of its pages.
        pg_catalog.string_agg(pg_catalog.format(
            'SELECT layout, operation, pg_catalog.count(*) AS entries FROM pgrealtime.%2$I '
            'WHERE (SELECT pg_catalog.pg_relation_size(%1$L::regclass) < 8388608) GROUP BY 1, 2 UNION ALL '
            'SELECT layout, operation, 100 * pg_catalog.count(*) FROM pgrealtime.%2$I TABLESAMPLE SYSTEM (1) REPEATABLE (0) '
            'WHERE (SELECT pg_catalog.pg_relation_size(%1$L::regclass) >= 8388608) GROUP BY 1, 2',
            'pgrealtime.' OPERATOR(pg_catalog.||) name, name), ' UNION ALL '),
        -- The condition of the partial index.
        pg_catalog.string_agg(pg_catalog.format(
            'SELECT operation, marks FROM pgrealtime.%I WHERE operation = ''G'' OR operation = ''N'' '
            'OR pg_catalog.get_byte(marks, 0) BETWEEN 2 AND 7', name), ' UNION ALL ')
    INTO first_entries, last_entries, counts, remarkable
    FROM (SELECT pg_catalog.format('change_log_%s', i) AS name FROM pg_catalog.generate_series(0, 7) AS i) AS segments;

    EXECUTE pg_catalog.format($view$
        CREATE OR REPLACE VIEW pgrealtime.log_status AS
        WITH counted AS MATERIALIZED (%3$s),
        remarkable AS MATERIALIZED (%4$s),
        -- Layouts without a column of their relation: it was added later, or has another type now.
        older AS MATERIALIZED (
            SELECT l.layout, cause.name AS cause
            FROM (SELECT DISTINCT ON (layout) layout, relation, types FROM pgrealtime.log_layout) AS l
            CROSS JOIN LATERAL (
                SELECT DISTINCT CASE WHEN a.attnum > pg_catalog.cardinality(l.types) THEN 'column added' ELSE 'column retyped' END
                FROM pg_catalog.pg_attribute AS a
                WHERE a.attrelid = l.relation AND a.attnum > 0 AND NOT a.attisdropped
                  AND l.types[a.attnum] IS DISTINCT FROM a.atttypid) AS cause (name))
        SELECT
            (SELECT COALESCE(pg_catalog.sum(entries), 0)::bigint FROM counted) AS entries,
            (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(c.oid))::bigint FROM pg_catalog.pg_class AS c
             WHERE c.relnamespace = 'pgrealtime'::regnamespace AND c.relname LIKE 'change\_log\__') AS bytes,
            oldest.at AS oldest,
            newest.at AS newest,
            newest.at - oldest.at AS span,
            pg_catalog.make_interval(secs => pgrealtime.log_retention()) AS retention,
            s.current_segment,
            (SELECT pg_catalog.count(*) FROM pgrealtime.log_segment) AS closed_segments,
            (SELECT pg_catalog.count(*) FROM pgrealtime.log_segment WHERE seal IS NOT NULL) AS sealed_segments,
            (SELECT pg_catalog.json_object_agg(cause, number) FROM (
                SELECT CASE pg_catalog.convert_from(marks, 'UTF8')
                         WHEN 'e' THEN 'enabled' WHEN 'd' THEN 'disabled' WHEN 's' THEN 'skipped'
                         WHEN 't' THEN 'partition truncated' WHEN 'p' THEN 'partition moved' WHEN 'l' THEN 'layout'
                         WHEN 'c' THEN 'capture changed' WHEN 'r' THEN 'rewritten' WHEN 'i' THEN 'inheritance'
                         WHEN 'o' THEN 'order' WHEN 'u' THEN 'unlogged' WHEN 'n' THEN 'columns or key'
                         ELSE 'unknown' END AS cause,
                       pg_catalog.count(*) AS number
                FROM remarkable WHERE operation = 'G' GROUP BY 1 ORDER BY 1) AS by_cause) AS gaps,
            -- A reader whose policies or filter need a missing value must read the table again.
            (SELECT pg_catalog.json_object_agg(cause, number) FROM (
                SELECT older.cause, pg_catalog.sum(counted.entries) AS number
                FROM counted JOIN older USING (layout) WHERE operation IN ('I', 'U', 'D') GROUP BY 1
                UNION ALL
                SELECT 'value too large', pg_catalog.count(*) FROM remarkable WHERE operation IN ('I', 'U', 'D')
                HAVING pg_catalog.count(*) > 0
                ORDER BY 1) AS by_cause) AS unjudgeable,
            (SELECT pg_catalog.json_object_agg(relation, messages) FROM (
                SELECT CASE WHEN c.oid IS NULL THEN 'dropped' ELSE pg_catalog.format('%%I.%%I', n.nspname, c.relname) END AS relation,
                       pg_catalog.sum(r.messages) AS messages
                -- A note holds the relation's OID, then the number of messages.
                FROM (SELECT pg_catalog.split_part(note, ' ', 1)::oid AS relation,
                             pg_catalog.split_part(note, ' ', 2)::bigint AS messages
                      FROM (SELECT pg_catalog.convert_from(marks, 'UTF8') AS note
                            FROM remarkable WHERE operation = 'N') AS notes) AS r
                LEFT JOIN pg_catalog.pg_class AS c ON c.oid = r.relation
                LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                GROUP BY 1 ORDER BY 1) AS by_relation) AS undelivered,
            delaying.who AS sealing_delayed_by,
            delaying.since AS sealing_delayed_since,
            s.emptying_delayed_since,
            s.janitor_run,
            s.janitor_error,
            (SELECT pg_catalog.json_object_agg(c.name, pg_catalog.make_interval(secs => c.kept_for))
             FROM pgrealtime.consumers(false) AS c
             WHERE c.kept_for < pgrealtime.log_retention() / 10) AS consumers_at_risk
        FROM pgrealtime.log_state AS s
        CROSS JOIN LATERAL (SELECT pg_catalog.min(changed_at) FROM (%1$s) AS f) AS oldest (at)
        CROSS JOIN LATERAL (SELECT pg_catalog.max(changed_at) FROM (%2$s) AS l) AS newest (at)
        LEFT JOIN LATERAL (
            -- The oldest transaction that still holds a segment which is no longer written.
            SELECT CASE WHEN l.pid IS NULL THEN 'a prepared transaction' ELSE 'process ' || l.pid END,
                   COALESCE(a.xact_start, p.prepared)
            FROM pgrealtime.log_segment AS g
            JOIN pg_catalog.pg_class AS c
              ON c.relnamespace = 'pgrealtime'::regnamespace AND c.relname = 'change_log_' || g.segment
            JOIN pg_catalog.pg_locks AS l
              ON l.relation = c.oid AND l.mode = 'RowExclusiveLock' AND l.granted
             AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
            LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
            LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON l.virtualtransaction = '-1/' || p.transaction::text
            WHERE g.seal IS NULL
            ORDER BY 2 LIMIT 1) AS delaying (who, since) ON true
    $view$, first_entries, last_entries, counts, remarkable);
END
$$;
COMMENT ON COLUMN pgrealtime.log_status.consumers_at_risk IS
  'Consumers that are out of the change log, or will be in less than a tenth of the retention unless they are used: the time that is left for each';

COMMENT ON FUNCTION pgrealtime.invalidate_cursors() IS
  'Makes all existing cursors invalid, except those of consumers. Call it after restoring a backup or a volume snapshot';

-- Privileges on what is new. @extowner@ would be the role that runs the update, not the one that has installed the extension.
-- Default privileges of the former may have granted something to any role.
DO $$
DECLARE
    installer text := (
        SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(extowner)::text) FROM pg_catalog.pg_extension
        WHERE extname OPERATOR(pg_catalog.=) 'pgrealtime');
    granted text[] := '{repair(),"create_consumer(text,text)",drop_consumer(text),"move_consumer(text,text)",
                        "consume(text,regclass[],text,text[],text[],integer,boolean)"}';
    command text;
BEGIN
    FOR command IN
        SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', member.name,
            CASE WHEN one.grantee OPERATOR(pg_catalog.=) 0::oid THEN 'PUBLIC'
                 ELSE pg_catalog.quote_ident(role.rolname::text) END)
        FROM (
            SELECT pg_catalog.format('TABLE pgrealtime.%I', c.relname), c.relowner, c.relacl
            FROM pg_catalog.pg_class AS c
            WHERE c.relnamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
              AND c.relname OPERATOR(pg_catalog.=) ANY ('{consumer,consumer_place,consumer_status}')
            UNION ALL
            SELECT pg_catalog.format('ROUTINE %s', p.oid::regprocedure), p.proowner,
                   COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
              AND p.proname OPERATOR(pg_catalog.=)
                  ANY ('{repair,create_consumer,drop_consumer,move_consumer,consume,consumers}')
            UNION ALL
            SELECT pg_catalog.format('TYPE pgrealtime.%I', t.typname), t.typowner, t.typacl
            FROM pg_catalog.pg_type AS t
            WHERE t.typnamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
              AND t.typname OPERATOR(pg_catalog.=) ANY ('{consumer,consumer_place,consumer_status}')
        ) AS member (name, owner, acl)
        CROSS JOIN LATERAL pg_catalog.aclexplode(member.acl) AS one
        LEFT JOIN pg_catalog.pg_roles AS role ON role.oid OPERATOR(pg_catalog.=) one.grantee
        WHERE one.grantee OPERATOR(pg_catalog.<>) member.owner
    LOOP
        EXECUTE command;
    END LOOP;
    FOREACH command IN ARRAY granted LOOP
        EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION pgrealtime.%s TO %s WITH GRANT OPTION', command, installer);
    END LOOP;
END
$$;
GRANT SELECT ON pgrealtime.consumer_status TO PUBLIC;
GRANT EXECUTE ON FUNCTION pgrealtime.consumers TO PUBLIC;
