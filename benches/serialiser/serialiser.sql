-- The serialiser against C row_to_json in the same run: a table of 15 columns as applications have them, 100,000
-- rows, seven interleaved runs, medians and spread. Needs a release build and CREATE EXTENSION pgrealtime:
--   psql -X -f benches/serialiser/serialiser.sql
-- The floor is the query without a serialiser: reading the table and building the row value that both are called
-- with. "ratio" compares whole queries, "ratio above the floor" the serialisers alone. change_message also writes
-- the envelope (type, schema, table, time, list of columns) that row_to_json does not; "record only" is a table of
-- one column, twice, to show what the envelope costs.
\set ON_ERROR_STOP on
\pset footer off
SET client_min_messages = warning;
SET max_parallel_workers_per_gather = 0;
SET jit = off;
DROP SCHEMA IF EXISTS serialiser_bench CASCADE;
CREATE SCHEMA serialiser_bench;
SET search_path = serialiser_bench, pg_catalog;

CREATE TYPE status AS ENUM ('draft', 'active', 'on_hold', 'done');
CREATE TABLE goals (
  id bigint PRIMARY KEY, organization_id bigint NOT NULL, title text NOT NULL, description text, status status,
  priority int, progress numeric(5,2), weight float8, is_archived boolean, owner uuid, due_date date,
  created_at timestamptz, updated_at timestamptz, tags text[], meta jsonb
);
INSERT INTO goals
SELECT i, i % 300, 'Goal number ' || i, repeat('Grow revenue in the "EMEA" region by Q3. ', 1 + i % 4),
  (enum_range(NULL::status))[1 + i % 4], i % 5, round((i % 10000) / 100.0, 2), i / 7.0, i % 10 = 0,
  md5(i::text)::uuid, date '2026-01-01' + i % 365, timestamptz '2026-01-01' + i * interval '1.7 s',
  timestamptz '2026-02-01' + i * interval '2.3 s', ARRAY['team', 'q' || i % 4],
  jsonb_build_object('plan', 'pro', 'limits', jsonb_build_object('max', i % 50), 'starred', i % 2 = 0)
FROM generate_series(1, 100000) i;
-- The same without the four columns that either side leaves to their type's own output function.
CREATE TABLE plain AS SELECT id, organization_id, title, description, priority, progress, weight, is_archived, owner,
  due_date, created_at, updated_at, id AS a, title AS b, created_at AS c FROM goals;
CREATE TABLE one_column AS SELECT id FROM goals;
VACUUM ANALYZE goals, plain, one_column;

CREATE TEMP TABLE runs (run int, what text, ms float8);
CREATE FUNCTION pg_temp.measure(run int, what text, query text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  started timestamptz := clock_timestamp();
  n bigint;
BEGIN
  EXECUTE query INTO n;
  INSERT INTO runs VALUES (run, what, extract(epoch FROM clock_timestamp() - started) * 1000);
END $$;
DO $$
DECLARE
  run int;
  t text;
BEGIN
  FOR run IN 0..7 LOOP
    FOREACH t IN ARRAY ARRAY['goals', 'plain', 'one_column'] LOOP
      PERFORM pg_temp.measure(run, t || ' floor', format('SELECT count(t) FROM %I t', t));
      PERFORM pg_temp.measure(run, t || ' row_to_json', format('SELECT count(row_to_json(t)) FROM %I t', t));
      PERFORM pg_temp.measure(run, t || ' change_message',
        format('SELECT count(pgrealtime.change_message(''INSERT'', t, NULL)) FROM %I t', t));
      PERFORM pg_temp.measure(run, t || ' change_message, UPDATE',
        format('SELECT count(pgrealtime.change_message(''UPDATE'', t, t)) FROM %I t', t));
    END LOOP;
  END LOOP;
END $$;

-- The first run warms caches. 100,000 rows: ms / 100 = µs per row.
WITH medians AS (
  SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms, min(ms) AS fastest, max(ms) AS slowest
  FROM runs WHERE run > 0 GROUP BY what
)
SELECT what, round((ms / 100)::numeric, 2) AS "µs/row", round((fastest / 100)::numeric, 2) AS min,
  round((slowest / 100)::numeric, 2) AS max
FROM medians ORDER BY what;

WITH paired AS (
  SELECT split_part(f.what, ' ', 1) AS rows, j.ms / m.ms AS ratio, (j.ms - f.ms) / (m.ms - f.ms) AS above
  FROM runs f
  JOIN runs j ON j.run = f.run AND j.what = replace(f.what, 'floor', 'row_to_json')
  JOIN runs m ON m.run = f.run AND m.what = replace(f.what, 'floor', 'change_message')
  WHERE f.what LIKE '% floor' AND f.run > 0
)
SELECT rows, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio))::numeric, 2) AS "times faster than row_to_json",
  format('%s to %s', round(min(ratio)::numeric, 2), round(max(ratio)::numeric, 2)) AS spread,
  round((percentile_cont(0.5) WITHIN GROUP (ORDER BY above))::numeric, 2) AS "above the floor",
  format('%s to %s', round(min(above)::numeric, 2), round(max(above)::numeric, 2)) AS "its spread"
FROM paired GROUP BY rows ORDER BY rows;
DROP SCHEMA serialiser_bench CASCADE;
