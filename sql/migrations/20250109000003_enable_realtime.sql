-- Makes the application's 17 tables realtime.
--
-- One statement, hence all or nothing under every runner: psql, psql -1, Flyway, supabase db push, one query string of
-- a driver. No BEGIN or COMMIT: under psql -1 they would end the runner's transaction. Running it again changes nothing.
-- 20250109000003_enable_realtime.down.sql takes it back.
DO $migration$
DECLARE
  tables   CONSTANT text[] := ARRAY[
    -- high: changes all the time
    ['high',   'goals'],
    ['high',   'candidates'],
    ['high',   'profiles'],
    ['high',   'agent_activities'],
    -- medium
    ['medium', 'key_results'],
    ['medium', 'interviews'],
    ['medium', 'registry_builds'],
    ['medium', 'job_postings'],
    -- low
    ['low',    'goal_collaborators'],
    ['low',    'candidate_notes'],
    ['low',    'performance_reviews'],
    ['low',    'performance_ratings'],
    ['low',    'peer_feedback'],
    ['low',    'registry_components'],
    ['low',    'registry_publications'],
    ['low',    'agent_communications'],
    ['low',    'integration_sync_logs']
  ];
  -- The application's three names: one-line wrappers, because members of the extension must not live in public, where
  -- DROP SCHEMA public CASCADE would take the whole extension along.
  wrappers CONSTANT text[] := ARRAY[
    ['FUNCTION public.is_realtime_enabled(text)', $sql$
      CREATE OR REPLACE FUNCTION public.is_realtime_enabled(table_name_input text) RETURNS boolean
      LANGUAGE sql STABLE PARALLEL SAFE
      RETURN pgrealtime.is_realtime_enabled(table_name_input)
    $sql$],
    ['FUNCTION public.get_user_realtime_tables()', $sql$
      CREATE OR REPLACE FUNCTION public.get_user_realtime_tables()
      RETURNS TABLE (table_name text, operations text[], schema_name text, realtime_priority text, row_filter text)
      LANGUAGE sql STABLE PARALLEL SAFE
      BEGIN ATOMIC SELECT * FROM pgrealtime.get_user_realtime_tables(); END
    $sql$],
    ['VIEW public.realtime_configuration', $sql$
      CREATE OR REPLACE VIEW public.realtime_configuration AS SELECT * FROM pgrealtime.realtime_configuration
    $sql$]
  ];
  entry    text[];
  missing  text;
  old      text;
  role     text;
BEGIN
  -- A migration that waits for a lock makes everybody behind it wait, too: better to fail and be run again.
  SET LOCAL lock_timeout = '5s';

  -- First whatever can be missing, before anything is changed.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pgrealtime') THEN
    RAISE EXCEPTION USING
      ERRCODE = 'feature_not_supported',
      MESSAGE = 'extension "pgrealtime" is not available on this server',
      DETAIL = 'Nothing has been changed.',
      HINT = 'Install pgrealtime on the database server. On a hosted platform its operator has to offer it.';
  END IF;
  SELECT pg_catalog.string_agg(pg_catalog.format('public.%I', tables[n][2]), ', ' ORDER BY n) INTO missing
  FROM pg_catalog.generate_subscripts(tables, 1) AS n
  WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = pg_catalog.to_regnamespace('public')
      AND c.relname = tables[n][2] AND c.relkind IN ('r', 'p'));
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'undefined_table',
      MESSAGE = 'tables to be made realtime are missing: ' || missing,
      DETAIL = 'Nothing has been changed.',
      HINT = 'Run the migrations that create them first.';
  END IF;

  IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pgrealtime') THEN
    CREATE EXTENSION pgrealtime;
  END IF;

  FOREACH entry SLICE 1 IN ARRAY tables LOOP
    PERFORM pgrealtime.enable(pg_catalog.format('public.%I', entry[2])::regclass, priority => entry[1]);
  END LOOP;

  -- An older, hand-written version of this migration may have made the three names with other parameters, columns and
  -- results. What CREATE OR REPLACE refuses is dropped, without CASCADE: the error lists what depends on it.
  FOR old IN
    SELECT pg_catalog.format('%s %s',
             CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
             p.oid::regprocedure)
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace
      -- Those that a call of ours could mean.
      AND (p.proname = 'is_realtime_enabled' AND 1 BETWEEN p.pronargs - p.pronargdefaults AND p.pronargs
        OR p.proname = 'get_user_realtime_tables' AND p.pronargs = p.pronargdefaults)
      AND p.oid IS DISTINCT FROM pg_catalog.to_regprocedure('public.is_realtime_enabled(text)')
      AND p.oid IS DISTINCT FROM pg_catalog.to_regprocedure('public.get_user_realtime_tables()')
  LOOP
    EXECUTE 'DROP ' || old;
  END LOOP;
  FOREACH entry SLICE 1 IN ARRAY wrappers LOOP
    BEGIN
      EXECUTE entry[2];
    EXCEPTION WHEN invalid_function_definition OR invalid_table_definition OR wrong_object_type THEN
      BEGIN
        EXECUTE 'DROP ' || entry[1];
      EXCEPTION
        WHEN wrong_object_type THEN
          -- Rows of a table are nobody's to drop; those of a materialized view can be had again.
          DROP MATERIALIZED VIEW public.realtime_configuration;
        WHEN dependent_objects_still_exist THEN
          -- The older view may have called the older function.
          IF entry[1] LIKE 'VIEW%' THEN
            RAISE;
          END IF;
          DROP VIEW IF EXISTS public.realtime_configuration;
          EXECUTE 'DROP ' || entry[1];
      END;
      EXECUTE entry[2];
    END;
  END LOOP;

  -- They answer only what the caller may SELECT. These roles are Supabase's; elsewhere they need not exist.
  FOR role IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
    EXECUTE pg_catalog.format('GRANT SELECT ON public.realtime_configuration TO %I', role);
    EXECUTE pg_catalog.format(
      'GRANT EXECUTE ON FUNCTION public.is_realtime_enabled(text), public.get_user_realtime_tables() TO %I', role);
  END LOOP;
END
$migration$;
