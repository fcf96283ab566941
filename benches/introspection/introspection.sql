-- Both sides of each claim in one session, alternating, warm; the minimum of the rounds is compared.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
DO $$
BEGIN
  FOR n IN 1 .. 1000 LOOP
    EXECUTE format('CREATE TABLE public.realtime_%s (id bigint PRIMARY KEY, note text)', n);
  END LOOP;
END
$$;
SELECT count(pgrealtime.enable(format('public.realtime_%s', n)::regclass)::text) FROM generate_series(1, 1000) AS n \g /dev/null
ANALYZE;

-- Microseconds that a command takes, run `times` times.
CREATE FUNCTION pg_temp.cost(command text, times int) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE start timestamptz := clock_timestamp();
BEGIN
  FOR i IN 1 .. times LOOP
    EXECUTE command;
  END LOOP;
  RETURN extract(epoch FROM clock_timestamp() - start) * 1e6 / times;
END
$$;
CREATE TEMPORARY TABLE claim (name text, ours text, our_times int, reference text, times int, at_least double precision);
INSERT INTO claim VALUES
  ('is_realtime_enabled, of EXISTS (… pg_publication_tables)',
   $$DO 'DECLARE found boolean; BEGIN FOR i IN 1 .. 1000 LOOP found := pgrealtime.is_realtime_enabled(''realtime_500''); END LOOP; END'$$, 3,
   $$DO 'DECLARE found boolean; BEGIN FOR i IN 1 .. 10 LOOP found := EXISTS (SELECT FROM pg_publication_tables
     WHERE pubname = ''supabase_realtime'' AND schemaname = ''public'' AND tablename = ''realtime_500''); END LOOP; END'$$, 1, 100),
  ('realtime_configuration, of pg_publication_tables joined with pg_class: names and estimates',
   $$SELECT count(x) FROM (SELECT schemaname, tablename, estimated_row_count FROM pgrealtime.realtime_configuration OFFSET 0) AS x$$, 5,
   $$SELECT count(x) FROM (SELECT t.schemaname, t.tablename, c.reltuples::bigint FROM pg_publication_tables AS t
     JOIN pg_namespace AS n ON n.nspname = t.schemaname JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.tablename
     WHERE t.pubname = 'supabase_realtime' ORDER BY t.tablename OFFSET 0) AS x$$, 5, 1),
  ('realtime_configuration, of the same join: sizes, too',
   $$SELECT count(x) FROM (SELECT schemaname, tablename, estimated_row_count, table_size FROM pgrealtime.realtime_configuration OFFSET 0) AS x$$, 5,
   $$SELECT count(x) FROM (SELECT t.schemaname, t.tablename, c.reltuples::bigint, pg_size_pretty(pg_total_relation_size(c.oid)) FROM pg_publication_tables AS t
     JOIN pg_namespace AS n ON n.nspname = t.schemaname JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.tablename
     WHERE t.pubname = 'supabase_realtime' ORDER BY t.tablename OFFSET 0) AS x$$, 5, 0.9); -- both spend 9/10 asking the file system
CREATE TEMPORARY TABLE measured AS
SELECT name, at_least,
       min(pg_temp.cost(ours, our_times)) / CASE WHEN ours LIKE 'DO%' THEN 1000 ELSE 1 END AS ours,
       min(pg_temp.cost(reference, times)) / CASE WHEN reference LIKE 'DO%' THEN 10 ELSE 1 END AS reference
FROM claim, generate_series(1, 25) AS round GROUP BY name, at_least, claim.ours, claim.reference;
SELECT name AS "what", round(ours::numeric, 2) AS "ours, µs", round(reference::numeric, 2) AS "reference, µs",
       round((reference / ours)::numeric, 2) AS "times faster", at_least AS "at least",
       CASE WHEN reference / ours >= at_least THEN 'holds' ELSE 'FAILS' END AS "claim"
FROM measured ORDER BY name;
DO $$
BEGIN
  IF EXISTS (SELECT FROM measured WHERE reference / ours < at_least) THEN
    RAISE EXCEPTION 'a claim does not hold';
  END IF;
END
$$;
