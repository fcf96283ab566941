-- Reverses 20250109000003_enable_realtime.sql. It drops the three names in public and disables the tables that the migration
-- enabled. Tables that were enabled before get their priority back, and tables that were in the publication before stay in
-- it. It drops the publication if the migration made it and nothing else is in it. The extension stays, with the change log.
-- Running it again changes nothing.
DO $migration$
DECLARE
  tables CONSTANT pg_catalog.text[] := ARRAY[
    'goals', 'candidates', 'profiles', 'agent_activities',
    'key_results', 'interviews', 'registry_builds', 'job_postings',
    'goal_collaborators', 'candidate_notes', 'performance_reviews', 'performance_ratings', 'peer_feedback',
    'registry_components', 'registry_publications', 'agent_communications', 'integration_sync_logs'
  ];
  name     pg_catalog.text;
  now      pg_catalog.text;
  relation pg_catalog.regclass;
  noted    pg_catalog.jsonb;
  maker    pg_catalog.text;
  path     CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
BEGIN
  -- As in the migration: operators in public must not run as whoever runs this.
  SET LOCAL search_path = pg_catalog, pg_temp;
  SET LOCAL lock_timeout = '5s';

  -- The comment below is trusted only if the migration's role or a superuser owns the function.
  SELECT p.proowner::regrole INTO maker FROM pg_catalog.pg_proc AS p
  WHERE p.oid = pg_catalog.to_regprocedure('public.is_realtime_enabled(text)')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = p.proowner AND (r.rolsuper OR r.rolname = current_user));
  IF FOUND THEN
    RAISE EXCEPTION USING
      ERRCODE = 'insufficient_privilege',
      MESSAGE = 'role ' || maker || ' owns function public.is_realtime_enabled(text)',
      DETAIL = 'Nothing has been changed. The comment on this function says what to restore, and its owner may have changed it.',
      HINT = 'Run this as that role, if it ran the migration. Else drop the function.';
  END IF;

  noted := pg_catalog.substring(
    pg_catalog.obj_description(pg_catalog.to_regprocedure('public.is_realtime_enabled(text)'), 'pg_proc'),
    '20250109000003_enable_realtime[.]sql: ([{].*[}])$')::jsonb;
  IF noted IS NULL THEN
    RAISE NOTICE USING
      MESSAGE = 'nothing is reversed, because the state before the migration is not recorded',
      DETAIL = 'The migration records it in the comment on public.is_realtime_enabled(text). There is no such comment.',
      HINT = 'If the migration has run, drop the functions and the view in public, and call pgrealtime.disable() for each table.';
    PERFORM pg_catalog.set_config('search_path', path, true);
    RETURN;
  END IF;

  DROP VIEW IF EXISTS public.realtime_configuration;
  DROP FUNCTION IF EXISTS public.get_user_realtime_tables();
  DROP FUNCTION public.is_realtime_enabled(text);

  IF pg_catalog.to_regprocedure('pgrealtime.disable(regclass)') IS NULL THEN
    PERFORM pg_catalog.set_config('search_path', path, true);
    RETURN;
  END IF;
  FOREACH name IN ARRAY tables LOOP
    relation := pg_catalog.to_regclass(pg_catalog.format('public.%I', name));
    SELECT c.realtime_priority INTO now FROM pgrealtime.realtime_configuration AS c
    WHERE c.schemaname = 'public' AND c.tablename = name AND c.status <> 'missing table';
    IF relation IS NULL OR now IS NULL THEN
      CONTINUE;
    ELSIF noted -> 'enabled' -> name IS NULL THEN
      PERFORM pgrealtime.disable(relation);
    ELSIF now = noted -> 'enabled' -> name ->> 1 THEN
      -- The priority has not been changed since.
      PERFORM pgrealtime.enable(relation, priority => noted -> 'enabled' -> name ->> 0);
    END IF;
  END LOOP;

  SELECT p.pubname INTO name FROM pg_catalog.pg_publication AS p
  WHERE p.pubname = noted ->> 'publication' AND NOT p.puballtables
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_rel AS r WHERE r.prpubid = p.oid)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace AS n WHERE n.pnpubid = p.oid);
  IF FOUND THEN
    EXECUTE pg_catalog.format('DROP PUBLICATION %I', name);
  END IF;
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$migration$;
