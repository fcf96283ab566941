-- Takes 20250109000003_enable_realtime.sql back: the three names in public and the 17 realtime tables. The extension,
-- the publication and the tables stay. Running it again changes nothing.
DO $migration$
DECLARE
  tables CONSTANT text[] := ARRAY[
    'goals', 'candidates', 'profiles', 'agent_activities',
    'key_results', 'interviews', 'registry_builds', 'job_postings',
    'goal_collaborators', 'candidate_notes', 'performance_reviews', 'performance_ratings', 'peer_feedback',
    'registry_components', 'registry_publications', 'agent_communications', 'integration_sync_logs'
  ];
  name   text;
BEGIN
  SET LOCAL lock_timeout = '5s';

  DROP VIEW IF EXISTS public.realtime_configuration;
  DROP FUNCTION IF EXISTS public.get_user_realtime_tables();
  DROP FUNCTION IF EXISTS public.is_realtime_enabled(text);

  IF pg_catalog.to_regprocedure('pgrealtime.disable(regclass)') IS NULL THEN
    RETURN;
  END IF;
  FOREACH name IN ARRAY tables LOOP
    IF pg_catalog.to_regclass(pg_catalog.format('public.%I', name)) IS NOT NULL THEN
      PERFORM pgrealtime.disable(pg_catalog.format('public.%I', name)::regclass);
    END IF;
  END LOOP;
END
$migration$;
