-- Each kind of change to a table without triggers and to the same table with capture, all in one transaction and each in
-- its own. CHANGES is how many.
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE EXTENSION pgrealtime;
CREATE TABLE settings AS SELECT :changes AS changes;
CREATE TABLE measured (columns int, operation text, transactions text, captured boolean, wal numeric, log numeric);

CREATE TABLE five (id bigint PRIMARY KEY, organization_id bigint, title text, status text, updated_at timestamptz);
CREATE TABLE fifteen (
    id bigint PRIMARY KEY, organization_id uuid, owner_id uuid, title text, description text, period text, status text,
    progress numeric(5, 2), tags text[], meta jsonb, starts_on date, due_on date, done boolean, created_at timestamptz, updated_at timestamptz
);
CREATE FUNCTION row_five(i bigint) RETURNS five LANGUAGE sql AS $$
    SELECT i, i % 100, 'Ship the release ' || i, 'open', now() $$;
CREATE FUNCTION row_fifteen(i bigint) RETURNS fifteen LANGUAGE sql AS $$
    SELECT i, md5(i::text)::uuid, md5('o' || i)::uuid, 'Ship the release ' || i,
           'What has to be done before it can be shipped, in one sentence.', 'quarterly', 'active', 42.50, '{team,q3}'::text[],
           '{"plan": "pro", "seats": 5}'::jsonb, date '2025-01-01', date '2025-03-31', false, now(), now() $$;

-- A row as a table stores it.
INSERT INTO five SELECT (row_five(5000)).*;
INSERT INTO fifteen SELECT (row_fifteen(5000)).*;
CREATE TABLE stored AS SELECT 5 AS columns, pg_column_size(five) AS bytes FROM five UNION ALL SELECT 15, pg_column_size(fifteen) FROM fifteen;

CREATE FUNCTION log_bytes() RETURNS numeric LANGUAGE sql AS $$ SELECT bytes FROM pgrealtime.log_status $$;

CREATE PROCEDURE measure(layout text, operation text, captured boolean, each boolean) LANGUAGE plpgsql AS $$
DECLARE
    changes int := (SELECT s.changes FROM settings AS s);
    target text := layout || CASE WHEN captured THEN '_captured' ELSE '_bare' END;
    statement text := CASE operation
        WHEN 'INSERT' THEN format('INSERT INTO %I SELECT (row_%s(i)).* FROM generate_series($1, $2) AS i', target, layout)
        WHEN 'UPDATE' THEN format('UPDATE %I SET status = ''done'', updated_at = now() WHERE id BETWEEN $1 AND $2', target)
        ELSE format('DELETE FROM %I WHERE id BETWEEN $1 AND $2', target) END;
    wal pg_lsn := pg_current_wal_insert_lsn();
    log numeric := log_bytes();
BEGIN
    IF each THEN
        FOR i IN 1..changes LOOP
            EXECUTE statement USING i, i;
            COMMIT;
        END LOOP;
    ELSE
        EXECUTE statement USING 1, changes;
        COMMIT;
    END IF;
    INSERT INTO measured
    SELECT CASE layout WHEN 'five' THEN 5 ELSE 15 END, operation, CASE WHEN each THEN 'one each' ELSE 'one for all' END, captured,
           round(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), wal) / changes), round((log_bytes() - log) / changes);
    COMMIT;
END
$$;

CREATE PROCEDURE measure_all() LANGUAGE plpgsql AS $$
DECLARE
    layout text; captured boolean; each boolean; operation text; target text;
BEGIN
    FOREACH layout IN ARRAY '{five,fifteen}'::text[] LOOP
        FOREACH each IN ARRAY '{f,t}'::boolean[] LOOP
            FOREACH captured IN ARRAY '{f,t}'::boolean[] LOOP
                target := layout || CASE WHEN captured THEN '_captured' ELSE '_bare' END;
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', target, layout);
                IF captured THEN PERFORM pgrealtime.enable(target::regclass); END IF;
                COMMIT;
                FOREACH operation IN ARRAY '{INSERT,UPDATE,DELETE}'::text[] LOOP
                    CALL measure(layout, operation, captured, each);
                END LOOP;
                IF captured THEN PERFORM pgrealtime.disable(target::regclass); END IF;
                EXECUTE format('DROP TABLE %I', target);
                COMMIT;
            END LOOP;
        END LOOP;
    END LOOP;
END
$$;
CALL measure_all();

\echo 'Bytes for each change.'
SELECT columns, stored.bytes AS "row", bare.operation, bare.transactions, bare.wal AS "WAL without", with_capture.wal AS "with",
       with_capture.wal - bare.wal AS "added", with_capture.log AS "change log"
FROM measured AS bare JOIN measured AS with_capture USING (columns, operation, transactions) JOIN stored USING (columns)
WHERE NOT bare.captured AND with_capture.captured
ORDER BY columns, bare.transactions DESC, array_position('{INSERT,UPDATE,DELETE}', bare.operation);
