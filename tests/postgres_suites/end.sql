-- After the run with capture: what the log says about each table that is still there must be what is in the table. Prints counts, and a
-- line for each table that is not as it should be.
SET client_min_messages = warning;
-- Tables that were captured from the start and are captured still, with what is to be said of each.
CREATE TABLE harness.verdict AS
SELECT c.oid::regclass AS it, n.nspname::text AS schema, c.relname::text AS name, c.relkind = 'p' AS is_partitioned,
       CASE WHEN s.status <> 'ok' THEN s.status END AS verdict, NULL::text AS detail
FROM harness.captured JOIN pg_class AS c ON c.oid = relation JOIN pg_namespace AS n ON n.oid = relnamespace
JOIN pgrealtime.realtime_configuration AS s ON (s.schemaname, s.tablename) = (n.nspname, c.relname)
WHERE empty AND s.captured;

-- enable() leaves a gap: readers of before must read the table again. Of a table that was empty they have read everything. Other gaps
-- stay, and no reader can say anything of their tables.
DO $$
BEGIN
    FOR i IN 0..7 LOOP
        EXECUTE format($sql$DELETE FROM pgrealtime.%I WHERE operation = 'G' AND convert_from(marks, 'UTF8') = 'e'
            AND relation IN (SELECT it FROM harness.verdict)$sql$, 'change_log_' || i);
        EXECUTE format($sql$UPDATE harness.verdict SET verdict = 'gap' WHERE verdict IS NULL
            AND it IN (SELECT relation FROM pgrealtime.%I WHERE operation = 'G')$sql$, 'change_log_' || i);
    END LOOP;
END
$$;

-- Everything since the start, in batches.
CREATE TEMP TABLE changes (n bigint GENERATED ALWAYS AS IDENTITY, cursor text, change json);
CREATE FUNCTION harness.read(tables regclass[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    place text := (SELECT cursor FROM harness.start);
    before text;
    came bigint;
BEGIN
    LOOP
        before := place;
        INSERT INTO changes (cursor, change) SELECT cursor, change FROM pgrealtime.changes_since(place, tables, max_changes => 10000);
        GET DIAGNOSTICS came = ROW_COUNT;
        DELETE FROM changes WHERE change IS NULL RETURNING cursor INTO STRICT place;
        -- A batch may hold nothing because it has passed over much that is of other tables.
        EXIT WHEN came = 1 AND place = before;
    END LOOP;
    RETURN (SELECT count(*) FROM changes);
END
$$;
SELECT format('changes read: %s', harness.read(array_agg(it))) FROM harness.verdict WHERE verdict IS NULL HAVING count(*) > 0;

CREATE TEMP TABLE held (it regclass, record text COLLATE "C", number bigint);
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM harness.verdict WHERE verdict IS NULL LOOP
        BEGIN
            EXECUTE format($sql$INSERT INTO held SELECT %L, (pgrealtime.change_message('INSERT', held_row, NULL) -> 'record')::text, count(*)
                FROM %s %s AS held_row GROUP BY 2$sql$, one.it, CASE WHEN one.is_partitioned THEN '' ELSE 'ONLY' END, one.it);
        EXCEPTION WHEN OTHERS THEN
            UPDATE harness.verdict SET verdict = 'cannot be read', detail = SQLERRM WHERE it = one.it;
        END;
    END LOOP;
END
$$;

-- Whether the changes lead from an empty table to the one that is there: at no time may a row go that was not there.
CREATE TEMP TABLE change AS
SELECT v.it, n, c.type, c.record COLLATE "C" AS record, c.old_record COLLATE "C" AS old_record, c.errors, 
       max(n) FILTER (WHERE c.type = 'TRUNCATE') OVER (PARTITION BY v.it) AS emptied
FROM changes
CROSS JOIN LATERAL (SELECT change ->> 'schema' AS schema, change ->> 'table' AS name, change ->> 'type' AS type, change ->> 'record' AS record,
    change ->> 'old_record' AS old_record, change ->> 'errors' AS errors) AS c
LEFT JOIN harness.verdict AS v USING (schema, name);
CREATE TEMP TABLE counted AS
SELECT it, record, number, n, sum(number) OVER (PARTITION BY it, record ORDER BY n, number) AS there
FROM (SELECT it, n, 1 AS number, record, emptied FROM change WHERE type IN ('INSERT', 'UPDATE')
      UNION ALL
      SELECT it, n, -1, old_record, emptied FROM change WHERE type IN ('DELETE', 'UPDATE')) AS event
WHERE n > COALESCE(emptied, 0);

UPDATE harness.verdict SET verdict = 'values missing' WHERE verdict IS NULL AND it IN (SELECT it FROM change WHERE errors IS NOT NULL);
UPDATE harness.verdict AS v SET verdict = 'takes a row that is not there', detail = c.record
FROM counted AS c WHERE verdict IS NULL AND c.it = v.it AND c.there < 0;
UPDATE harness.verdict AS v SET verdict = 'differs', detail = format('%s in the table, %s by the changes: %s', there, came, record)
FROM (SELECT it, record, COALESCE(held.number, 0) AS there, COALESCE(came.number, 0) AS came
      FROM (SELECT it, record, sum(number) AS number FROM counted GROUP BY 1, 2) AS came FULL JOIN held USING (it, record)) AS both_of
WHERE verdict IS NULL AND both_of.it = v.it AND there <> came;
UPDATE harness.verdict SET verdict = CASE WHEN it IN (SELECT it FROM change) THEN 'equal' ELSE 'nothing happened' END WHERE verdict IS NULL;

SELECT format('changes of no table: %s', count(*)) FROM change WHERE it IS NULL HAVING count(*) > 0;
SELECT format('%s tables: %s', count(*), verdict) FROM harness.verdict GROUP BY verdict ORDER BY verdict;
SELECT format('  %s: %s: %s', verdict, it, left(detail, 300)) FROM harness.verdict
WHERE verdict IN ('takes a row that is not there', 'differs', 'cannot be read') ORDER BY verdict, it::text;
SELECT format('gaps: %s', gaps) FROM pgrealtime.log_status;
SELECT format('janitor: %s', COALESCE(janitor_error, 'no error')) FROM pgrealtime.log_status;
