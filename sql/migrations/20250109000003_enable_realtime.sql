-- Makes the application's 17 tables realtime.
--
-- It is one statement, so it does everything or nothing under every runner: psql, psql -1, Flyway, supabase db push, one
-- query string of a driver. It has no BEGIN or COMMIT: under psql -1 they would end the runner's transaction. Running it again
-- repairs triggers and publication and changes no setting. It records the state before it in the comment on
-- public.is_realtime_enabled(text), and 20250109000003_enable_realtime.down.sql restores that state.
DO $migration$
DECLARE
  tables   CONSTANT pg_catalog.text[] := ARRAY[
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
  wrappers CONSTANT pg_catalog.text[] := ARRAY[
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
  note     CONSTANT pg_catalog.text := 'Whether the table is realtime and the caller may SELECT from it. '
    'Found by 20250109000003_enable_realtime.sql: ';
  entry    pg_catalog.text[];
  missing  pg_catalog.text;
  old      pg_catalog.text;
  role     pg_catalog.text;
  relation pg_catalog.regclass;
  -- {"enabled": {table: [its priority before, since]}, "publication": the name of the one that was made}
  noted    pg_catalog.jsonb;
  again    pg_catalog.bool;
  looking  pg_catalog.text[];
  by_key   pg_catalog.text[] := '{}';
  example  pg_catalog.text;
  fresh    pg_catalog.int4 := 0;
  path     CONSTANT pg_catalog.text := pg_catalog.current_setting('search_path');
BEGIN
  -- Whoever may create objects in public could offer operators that match better than Postgres's own, and they would run as
  -- whoever runs this. Types are qualified above, because they are looked up before this line.
  SET LOCAL search_path = pg_catalog, pg_temp;
  -- While a migration waits for a lock, sessions behind it wait, too. It is better to fail and be run again.
  SET LOCAL lock_timeout = '5s';

  -- Everything that can be missing is checked before anything is changed.
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

  -- The state that an earlier run recorded is kept.
  noted := pg_catalog.substring(
    pg_catalog.obj_description(pg_catalog.to_regprocedure('public.is_realtime_enabled(text)'), 'pg_proc'),
    '20250109000003_enable_realtime[.]sql: ([{].*[}])$')::jsonb;
  again := noted IS NOT NULL;
  IF NOT again THEN
    -- The call loads the library: its settings are unknown before.
    PERFORM pgrealtime.is_realtime_enabled('pg_catalog.pg_class');
    noted := pg_catalog.jsonb_build_object('enabled', '{}'::jsonb, 'publication', (
      SELECT wanted FROM pg_catalog.current_setting('pgrealtime.publication') AS wanted
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_publication WHERE pubname = wanted)));
  END IF;

  FOREACH entry SLICE 1 IN ARRAY tables LOOP
    relation := pg_catalog.format('public.%I', entry[2])::regclass;
    SELECT c.realtime_priority INTO old FROM pgrealtime.realtime_configuration AS c
    WHERE c.schemaname = 'public' AND c.tablename = entry[2] AND c.status <> 'missing table';
    IF old IS NOT NULL AND again THEN
      PERFORM pgrealtime.enable(relation);
    ELSIF old IS NOT NULL THEN
      noted := pg_catalog.jsonb_set(noted, ARRAY['enabled', entry[2]], pg_catalog.to_jsonb(ARRAY[old, entry[1]]));
      PERFORM pgrealtime.enable(relation, priority => entry[1]);
    ELSE
      fresh := fresh + 1;
      -- Policies are asked when a change is read. If a policy looks at other rows, a cascade may have deleted these by then,
      -- and nobody would receive the DELETE. So where there is such a policy, and the table has a key, every reader gets the
      -- key of a deleted row.
      looking := pgrealtime.policies_over_other_rows(relation);
      IF looking <> '{}' AND EXISTS (
        SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = relation AND i.indimmediate AND (i.indisprimary OR i.indisreplident))
      THEN
        PERFORM pgrealtime.enable(relation, priority => entry[1], deletes => 'key');
        example := COALESCE(example, relation::text);
        by_key := by_key || pg_catalog.format('%I (%s)', entry[2], (
          SELECT pg_catalog.string_agg(pg_catalog.quote_ident(policy), ', ') FROM pg_catalog.unnest(looking) AS policy));
      ELSE
        PERFORM pgrealtime.enable(relation, priority => entry[1]);
      END IF;
    END IF;
  END LOOP;

  -- An older, hand-written version of this migration may have made the three names with other parameters, columns and
  -- results. What CREATE OR REPLACE refuses is dropped, without CASCADE: the error lists what depends on it.
  FOR old IN
    SELECT pg_catalog.format('%s %s',
             CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
             p.oid::regprocedure)
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace
      -- Functions that a call of the new ones could find instead.
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
          -- A table is never dropped, because its rows would be lost. A materialized view can be filled again.
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

  -- CREATE OR REPLACE keeps an object's owner, who could replace its body later. Nobody else can change these objects from
  -- here on until the commit.
  SELECT pg_catalog.string_agg(pg_catalog.format('%s (owner %s)', what, owner::regrole), ', ' ORDER BY what) INTO missing
  FROM (
    SELECT 'function ' || p.oid::regprocedure, p.proowner FROM pg_catalog.pg_proc AS p
    WHERE p.oid IN (pg_catalog.to_regprocedure('public.is_realtime_enabled(text)'),
                    pg_catalog.to_regprocedure('public.get_user_realtime_tables()'))
    UNION ALL
    SELECT 'relation ' || c.oid::regclass, c.relowner FROM pg_catalog.pg_class AS c
    WHERE c.oid = pg_catalog.to_regclass('public.realtime_configuration')
  ) AS found (what, owner)
  WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = owner AND (r.rolsuper OR r.rolname = current_user));
  IF missing IS NOT NULL THEN
    RAISE EXCEPTION USING
      ERRCODE = 'insufficient_privilege',
      MESSAGE = 'other roles own objects that the migration would replace: ' || missing,
      DETAIL = 'Nothing has been changed. Their owners could change later what these objects do.',
      HINT = 'Drop them. Or look at their definitions and give them to the role that runs the migration: ALTER ... OWNER TO.';
  END IF;

  EXECUTE pg_catalog.format('COMMENT ON FUNCTION public.is_realtime_enabled(text) IS %L', note || noted::text);

  -- They answer only what the caller may SELECT. These roles are Supabase's; elsewhere they need not exist.
  FOR role IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
    EXECUTE pg_catalog.format('GRANT SELECT ON public.realtime_configuration TO %I', role);
    EXECUTE pg_catalog.format(
      'GRANT EXECUTE ON FUNCTION public.is_realtime_enabled(text), public.get_user_realtime_tables() TO %I', role);
  END LOOP;

  IF by_key = '{}' THEN
    RAISE NOTICE USING MESSAGE =
      pg_catalog.format('%s tables are realtime, %s of them new', pg_catalog.array_length(tables, 1), fresh);
  ELSE
    RAISE NOTICE USING
      MESSAGE = pg_catalog.format('%s tables are realtime, %s of them new, %s with deletes => ''key''',
        pg_catalog.array_length(tables, 1), fresh, pg_catalog.cardinality(by_key)),
      DETAIL = 'The policies of these tables read other rows, which may be gone when a DELETE is read. So every role that '
        'may SELECT from such a table receives the key of every deleted row, and nothing else of the row: '
        || pg_catalog.array_to_string(by_key, ', ') || '.',
      HINT = pg_catalog.format('To let the policies decide who receives a DELETE, run SELECT pgrealtime.enable(%L, deletes => %L). '
        'This migration does not change that setting when it runs again.', example, 'policy');
  END IF;
  -- The rest of the runner's transaction gets its own path back.
  PERFORM pg_catalog.set_config('search_path', path, true);
END
$migration$;
