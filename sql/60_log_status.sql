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
        CREATE VIEW pgrealtime.log_status AS
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
COMMENT ON VIEW pgrealtime.log_status IS
  'The state of the change log in one row: its size and span, gaps, changes that policies and filters cannot be applied to, and what delays the janitor';
REVOKE ALL ON pgrealtime.log_status FROM PUBLIC;
COMMENT ON COLUMN pgrealtime.log_status.entries IS 'Number of entries in the log; an estimate if the log is large';
COMMENT ON COLUMN pgrealtime.log_status.bytes IS 'Size of the log in bytes, with indexes and TOAST';
COMMENT ON COLUMN pgrealtime.log_status.oldest IS 'Time of the oldest entry';
COMMENT ON COLUMN pgrealtime.log_status.newest IS 'Time of the newest entry';
COMMENT ON COLUMN pgrealtime.log_status.span IS 'Time between the oldest and the newest entry';
COMMENT ON COLUMN pgrealtime.log_status.retention IS 'Setting pgrealtime.retention: the minimum time for which a change is kept';
COMMENT ON COLUMN pgrealtime.log_status.current_segment IS 'Number of the segment that is written';
COMMENT ON COLUMN pgrealtime.log_status.closed_segments IS 'Number of segments that are no longer written and not yet emptied';
COMMENT ON COLUMN pgrealtime.log_status.sealed_segments IS
  'Number of closed segments whose writers have all finished; only these can be emptied';
COMMENT ON COLUMN pgrealtime.log_status.gaps IS
  'Number of gap entries by cause; readers whose cursor is before one must read the table again';
COMMENT ON COLUMN pgrealtime.log_status.unjudgeable IS
  'Number of entries, by cause, that lack a value which a policy or a filter may need';
COMMENT ON COLUMN pgrealtime.log_status.undelivered IS 'Number of messages, by table, that sinks could not deliver';
COMMENT ON COLUMN pgrealtime.log_status.sealing_delayed_by IS
  'The transaction that keeps a closed segment from being sealed';
COMMENT ON COLUMN pgrealtime.log_status.sealing_delayed_since IS 'Start of that transaction';
COMMENT ON COLUMN pgrealtime.log_status.emptying_delayed_since IS
  'Time since which readers have kept the oldest segment from being emptied';
COMMENT ON COLUMN pgrealtime.log_status.janitor_run IS 'Time of the last run of the janitor, which applies the retention';
COMMENT ON COLUMN pgrealtime.log_status.janitor_error IS 'Error of the last run of the janitor; NULL if it succeeded';
COMMENT ON COLUMN pgrealtime.log_status.consumers_at_risk IS
  'Consumers that are out of the change log, or will be in less than a tenth of the retention unless they are used: the time that is left for each';
