-- The table is found in the catalog: a client's text must never be read as a name of something else.
SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
    'check', found.check_name, 'status', found.status, 'detail', found.detail, 'hint', found.hint
))
FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace,
    LATERAL pgrealtime.diagnose(relation.oid::pg_catalog.regclass, filter => $3) AS found
WHERE namespace.nspname = $1 AND relation.relname = $2
