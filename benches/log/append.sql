-- The cost of an append with every entry in the index by transaction, compared with only the first of each transaction:
-- CPU time of the session, interleaved rounds. psql variables: rounds, rows, floor (path of the compiled floor.c).
\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SET client_min_messages = warning;
SET synchronous_commit = off;
CREATE FUNCTION append_ready() RETURNS trigger LANGUAGE c AS :'floor', 'append_ready';
CREATE TABLE who (name text, title text, place integer);
INSERT INTO who VALUES ('bare', 'no trigger', 0), ('first', 'the first entry of a transaction', 1), ('every', 'every entry', 2);
CREATE TABLE measured_append (who text, round integer, us double precision);
DO $do$
DECLARE
    who text;
BEGIN
    FOREACH who IN ARRAY ARRAY['first', 'every'] LOOP
        EXECUTE format('CREATE TABLE log_%s (LIKE pgrealtime.change_log_0) WITH (autovacuum_enabled = off, toast_tuple_target = 8160)', who);
        EXECUTE format('CREATE INDEX position_%s ON log_%1$s (position)', who);
        EXECUTE format('CREATE INDEX xid_%s ON log_%1$s (xid, position)', who);
    END LOOP;
    FOREACH who IN ARRAY ARRAY['bare', 'first', 'every'] LOOP
        EXECUTE format('CREATE TABLE written_%s (id bigint, value integer)', who);
        CONTINUE WHEN who = 'bare';
        EXECUTE format('CREATE TRIGGER t AFTER INSERT ON written_%s FOR EACH ROW EXECUTE FUNCTION append_ready(%s, %s, %s, 300, %s)', who,
            ('log_' || who)::regclass::oid, ('position_' || who)::regclass::oid, ('xid_' || who)::regclass::oid, who);
    END LOOP;
END
$do$;
CREATE PROCEDURE measure_append(who text, round integer, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
    before bigint := cpu_ns();
BEGIN
    EXECUTE format('INSERT INTO written_%s SELECT i, i FROM generate_series(1, %s) AS i', who, rows);
    INSERT INTO measured_append VALUES (who, round, (cpu_ns() - before) / 1000.0 / rows);
    COMMIT;
    EXECUTE format('TRUNCATE written_%s', who);
    TRUNCATE log_first, log_every;
    COMMIT;
END
$$;
SELECT format('CALL measure_append(%L, %s, %s)', name, round, :rows)
FROM generate_series(0, :rounds) AS round, who ORDER BY round, (place + round) % 3
\gexec
DELETE FROM measured_append WHERE round = 0;  -- caches were cold
\o
\pset footer off
\echo
\echo 'An append to a table like the log, µs of CPU per entry over the bare INSERT, by what the index on (xid, position) holds:'
\echo 'median of' :rounds 'rounds of' :rows 'entries in one transaction; the ratio of each round: median (least to most).'
WITH added AS (
    SELECT m.who, m.round, m.us - b.us AS us FROM measured_append AS m JOIN measured_append AS b USING (round)
    WHERE b.who = 'bare' AND m.who <> 'bare')
SELECT w.title AS indexed, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY a.us)::numeric, 2) AS "µs",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY a.us / f.us)::numeric, 2) AS ratio,
       round(min(a.us / f.us)::numeric, 2) AS least, round(max(a.us / f.us)::numeric, 2) AS most
FROM added AS a JOIN added AS f ON f.round = a.round AND f.who = 'first' JOIN who AS w ON w.name = a.who
GROUP BY w.place, w.title ORDER BY w.place;
