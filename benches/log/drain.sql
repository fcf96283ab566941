-- A read of a whole log, batch by batch. psql variables: start (a cursor), entries (how many there must be).
\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SET bench.start = :'start';
SET bench.entries = :entries;
CREATE TABLE drained (changes bigint, us double precision);
DO $$
DECLARE
    cursor text := current_setting('bench.start');
    began bigint;
    found bigint;
    total bigint := 0;
BEGIN
    LOOP
        began := split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint;
        SELECT count(change::text), max(c.cursor) FILTER (WHERE change IS NULL) INTO found, cursor
        FROM pgrealtime.changes_since(cursor, '{followed}', max_changes => 100000) AS c;
        EXIT WHEN found = 0;
        total := total + found;
        INSERT INTO drained
        VALUES (found, (split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint - began) / 1000.0);
    END LOOP;
    IF total <> current_setting('bench.entries')::bigint THEN
        RAISE EXCEPTION '% changes were read of %', total, current_setting('bench.entries');
    END IF;
END
$$;
\o
\pset footer off
\echo
\echo 'A read of' :entries 'changes, batch by batch, µs of CPU per change: of each tenth of the batches.'
WITH numbered AS (SELECT *, ntile(10) OVER (ORDER BY ctid) AS tenth FROM drained)
SELECT tenth, sum(changes) AS changes, round((sum(us) / sum(changes))::numeric, 2) AS "µs",
       round((sum(us) / sum(changes) / first_value(sum(us) / sum(changes)) OVER (ORDER BY tenth))::numeric, 2) AS "of the first"
FROM numbered GROUP BY tenth ORDER BY tenth;
