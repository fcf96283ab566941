-- The realtime tables that the role may read, with the columns that it may read, as one JSON array.
SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
    'schema', realtime.schema_name,
    'table', realtime.table_name,
    'operations', realtime.operations,
    'priority', realtime.realtime_priority,
    'row_filter', realtime.row_filter,
    'columns', (
        SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
            'name', attribute.attname,
            'type', pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
            'key', coalesce(attribute.attnum = ANY (key.indkey), false)
        ) ORDER BY attribute.attnum), '[]')
        FROM pg_catalog.pg_attribute AS attribute
        WHERE attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
            AND pg_catalog.has_column_privilege(relation.oid, attribute.attnum, 'SELECT'))
) ORDER BY realtime.schema_name, realtime.table_name), '[]')
FROM pgrealtime.get_user_realtime_tables() AS realtime
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.nspname = realtime.schema_name
    JOIN pg_catalog.pg_class AS relation
        ON relation.relnamespace = namespace.oid AND relation.relname = realtime.table_name
    LEFT JOIN pg_catalog.pg_index AS key ON key.indrelid = relation.oid AND key.indisprimary
