-- What capture adds to a write per row, compared with other triggers: CPU time of the session, interleaved rounds.
-- psql variables: rounds, rows, floor (path of the compiled floor.c), pgq (whether pgq is installed).
\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE EXTENSION pgrealtime;

CREATE TABLE source (
    id bigint, organization_id integer, owner_id integer, done boolean, progress numeric, weight double precision,
    title text, description text, status text, token uuid, created_at timestamptz, updated_at timestamptz,
    settings jsonb, due date, kind smallint
);
INSERT INTO source
SELECT i, i % 97, i % 1009, i % 3 = 0, i * 1.25, i / 7.0, 'Objective number ' || i,
       'What is to be reached in this quarter, told in a sentence of ordinary length: ' || i, 'in_progress',
       md5(i::text)::uuid, now(), now(), '{"color": "blue", "watchers": [1, 2, 3]}', date '2026-01-01' + i % 300, i % 5
FROM generate_series(1, :rows) AS i;

CREATE TABLE outbox (id bigserial PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), payload jsonb NOT NULL);
CREATE FUNCTION to_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO outbox (payload) VALUES (jsonb_build_object('type', TG_OP, 'table', TG_TABLE_NAME, 'record', to_jsonb(NEW)));
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO outbox (payload) VALUES (jsonb_build_object('type', TG_OP, 'table', TG_TABLE_NAME, 'record', to_jsonb(NEW), 'old_record', to_jsonb(OLD)));
    ELSE
        INSERT INTO outbox (payload) VALUES (jsonb_build_object('type', TG_OP, 'table', TG_TABLE_NAME, 'old_record', to_jsonb(OLD)));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION append_ready() RETURNS trigger LANGUAGE c AS :'floor', 'append_ready';
CREATE TABLE floor_log (LIKE pgrealtime.change_log_0)
    WITH (autovacuum_enabled = off, toast_tuple_target = 8160);
CREATE INDEX floor_position ON floor_log (position);
CREATE INDEX floor_xid ON floor_log (xid, position);

CREATE TABLE measured (who text, operation text, round integer, us double precision);
CREATE TABLE who (name text PRIMARY KEY, title text, place integer);
INSERT INTO who VALUES
    ('bare', 'no trigger', 0), ('floor', 'floor: C trigger, ready-made payload', 1), ('log', 'pgrealtime, change log', 2),
    ('outbox', 'PL/pgSQL, to_jsonb into an outbox', 3);
INSERT INTO who SELECT 'pgq', 'pgq.jsontriga', 4 WHERE :pgq;

DO $do$
DECLARE
    name text;
    events text[] := ARRAY['INSERT', 'UPDATE', 'DELETE'];
    event text;
    body text;
    size integer;
BEGIN
    FOR name IN SELECT who.name FROM who LOOP
        EXECUTE format('CREATE TABLE t_%s (LIKE source)', name);
        EXECUTE format('ALTER TABLE t_%s ADD PRIMARY KEY (id)', name);
    END LOOP;
    PERFORM pgrealtime.enable('t_log');
    -- The ready-made payload is as long as the images of these rows.
    INSERT INTO t_log SELECT * FROM source LIMIT 1000;
    SELECT avg(length(image))::integer INTO size FROM pgrealtime.change_log_0;
    TRUNCATE t_log;
    FOREACH event IN ARRAY events LOOP
        EXECUTE format('CREATE TRIGGER %s AFTER %1$s ON t_outbox FOR EACH ROW EXECUTE FUNCTION to_outbox()', event);
        EXECUTE format('CREATE TRIGGER %s AFTER %1$s ON t_floor FOR EACH ROW EXECUTE FUNCTION append_ready(%s, %s, %s, %s, first)',
            event, 'floor_log'::regclass::oid, 'floor_position'::regclass::oid, 'floor_xid'::regclass::oid, size);
        IF EXISTS (SELECT FROM who WHERE who.name = 'pgq') THEN
            EXECUTE format('CREATE TRIGGER %s AFTER %1$s ON t_pgq FOR EACH ROW EXECUTE FUNCTION pgq.jsontriga(''bench'')', event);
        END IF;
    END LOOP;
END
$do$;

-- Nanoseconds of CPU that this session has used.
CREATE FUNCTION cpu_ns() RETURNS bigint LANGUAGE sql VOLATILE AS
    $$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint $$;

CREATE PROCEDURE measure(who text, round integer) LANGUAGE plpgsql AS $$
DECLARE
    operation text;
    statement text;
    before bigint;
    number bigint := (SELECT count(*) FROM source);
BEGIN
    FOREACH operation IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE'] LOOP
        statement := CASE operation
            WHEN 'INSERT' THEN format('INSERT INTO t_%s SELECT * FROM source', who)
            WHEN 'UPDATE' THEN format('UPDATE t_%s SET status = ''done'', progress = progress + 1', who)
            ELSE format('DELETE FROM t_%s', who)
        END;
        before := cpu_ns();
        EXECUTE statement;
        -- The triggers of a statement have run when it returns.
        INSERT INTO measured VALUES (who, operation, round, (cpu_ns() - before) / 1000.0 / number);
        COMMIT;
    END LOOP;
    EXECUTE format('TRUNCATE t_%s', who);
    TRUNCATE outbox, floor_log;
    COMMIT;
END
$$;

SELECT format('CALL measure(%L, %s)', name, round)
FROM generate_series(0, :rounds) AS round, who ORDER BY round, (place + round) % 5
\gexec
DELETE FROM measured WHERE round = 0;  -- caches were cold

CREATE VIEW added AS
SELECT m.operation, w.place, w.title, w.name, m.round, m.us - b.us AS us
FROM measured AS m
JOIN measured AS b ON b.who = 'bare' AND b.operation = m.operation AND b.round = m.round
JOIN who AS w ON w.name = m.who
WHERE m.who <> 'bare';
CREATE VIEW summary AS
SELECT a.operation, a.place, a.title, a.name,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY a.us) AS median, min(a.us), max(a.us),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY a.us / l.us) AS ratio,
       min(a.us / l.us) AS least, max(a.us / l.us) AS most
FROM added AS a
JOIN added AS l ON l.name = 'log' AND l.operation = a.operation AND l.round = a.round
GROUP BY 1, 2, 3, 4;
\o
\pset footer off
\echo
\echo 'What a trigger adds per row, in µs of CPU: median (least to most) of' :rounds 'rounds of' :rows 'rows; and as a multiple of capture.'
SELECT operation, title AS trigger, round(median::numeric, 2) AS "µs", round(min::numeric, 2) AS least, round(max::numeric, 2) AS most,
       round(ratio::numeric, 2) AS "times capture", round(least::numeric, 2) AS "least ", round(most::numeric, 2) AS "most "
FROM summary ORDER BY CASE operation WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 3 END, place;
\pset format unaligned
\pset fieldsep '\t'
\pset tuples_only on
SELECT operation, title, round(median::numeric, 3), round(min::numeric, 3), round(max::numeric, 3)
FROM summary ORDER BY CASE operation WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 3 END, place
\g :results
