-- The table is found in the catalog: a client's text must never be read as a name of something else.
SELECT made.subscription, made.cursor
FROM pg_catalog.pg_class AS relation
    JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace,
    LATERAL pgrealtime.subscribe(
        relation.oid::pg_catalog.regclass, filter => $3, events => $4, columns => $5,
        role_name => pg_catalog.quote_ident($6)::pg_catalog.regrole, claims => $7::pg_catalog.jsonb
    ) AS made
WHERE namespace.nspname = $1 AND relation.relname = $2
