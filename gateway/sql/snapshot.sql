-- Where the log is in this snapshot, and the statement that reads a table's rows as changes of them are written: the columns
-- that the role may read and the client asked for, where both the client's filter and the table's own hold. The statement has
-- names of the catalog, quoted, and what check_filter writes; a client's text is a value here and never a name. Columns that
-- are not shown are NULL in the row without being read, and are taken out of its JSON by the reader.
WITH target AS MATERIALIZED (
    SELECT relation.oid, namespace.nspname AS schema, relation.relname AS name, pgrealtime.current_cursor() AS cursor
    FROM pg_catalog.pg_class AS relation
        JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace
    WHERE namespace.nspname = $1 AND relation.relname = $2
), key AS (
    -- The key as the extension finds it: the primary key unless it is deferrable, else the replica identity.
    SELECT (indkey::pg_catalog.int2[])[0:indnkeyatts - 1] AS numbers
    FROM target JOIN pg_catalog.pg_index ON indrelid = target.oid
    WHERE indislive AND indisvalid AND indisunique AND (indisprimary AND indimmediate OR indisreplident)
    ORDER BY indisprimary AND indimmediate DESC
    LIMIT 1
), columns AS (
    SELECT attnum, attname,
        pg_catalog.has_column_privilege(target.oid, attnum, 'SELECT')
            AND ($5 IS NULL OR attname = ANY ($5) OR attnum = ANY ((SELECT numbers FROM key)::pg_catalog.int2[])) IS TRUE AS is_shown
    FROM target JOIN pg_catalog.pg_attribute ON attrelid = target.oid
    WHERE attnum > 0 AND NOT attisdropped
), row AS (
    SELECT pg_catalog.string_agg(
            CASE
                WHEN is_shown THEN pg_catalog.format('r.%I', attname)
                ELSE pg_catalog.format('(NULL::%I.%I).%I', schema, name, attname)
            END,
            ', ' ORDER BY attnum) AS fields,
        CASE WHEN NOT pg_catalog.bool_and(is_shown) THEN pg_catalog.array_agg(attname::pg_catalog.text) FILTER (WHERE is_shown) END AS shown
    FROM target, columns
)
SELECT target.cursor, row.shown,
    pg_catalog.format(
        'SELECT pgrealtime.change_message(''INSERT'', ROW(%3$s)::%1$I.%2$I, NULL) OPERATOR(pg_catalog.->) ''record'' '
            'FROM %1$I.%2$I AS r WHERE (%4$s) AND (%5$s)',
        schema, name, row.fields,
        coalesce(pgrealtime.check_filter(target.oid::pg_catalog.regclass, $3), 'true'),
        coalesce(pgrealtime.check_filter(target.oid::pg_catalog.regclass, enabled.row_filter), 'true'))
FROM target
    JOIN row ON true
    -- It refuses what a client cannot follow. Nothing has changed since this snapshot.
    JOIN LATERAL pgrealtime.changes_since(
        target.cursor, ARRAY[target.oid::pg_catalog.regclass], filter => $3, events => $4, columns => $5, max_changes => 1
    ) AS changes ON changes.change IS NULL
    LEFT JOIN pgrealtime.get_user_realtime_tables() AS enabled
        ON enabled.schema_name = schema AND enabled.table_name = name
