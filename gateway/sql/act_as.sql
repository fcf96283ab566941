-- The rest of the transaction is that of a client. It waits for nobody's lock for long: others wait for its session.
SELECT pg_catalog.set_config('statement_timeout', $3, true),
       pg_catalog.set_config('lock_timeout', '2s', true),
       pg_catalog.set_config('request.jwt.claims', $2, true),
       pg_catalog.set_config('role', $1, true)
