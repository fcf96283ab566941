-- The table is found in the catalog: a client's text must never be read as a name of something else.
SELECT changes.cursor, changes.change
FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace,
    LATERAL pgrealtime.changes_since(
        $3, ARRAY[relation.oid::pg_catalog.regclass], filter => $4, events => $5, columns => $6, max_changes => $7, until => $8
    ) AS changes
WHERE namespace.nspname = $1 AND relation.relname = $2
