-- The publication migration: fresh, again, over what an older hand-written version left, and back.
\pset format unaligned
\pset footer off
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/migration.sql
\set SHOW_CONTEXT never
SET client_min_messages = error; -- enable's warnings about policies are another test's

-- Without the tables: one error names all of them, nothing is half done.
:up
CREATE TABLE public.goals (id int PRIMARY KEY);
:up
SELECT count(*) FROM pg_extension WHERE extname = 'pgrealtime';
SELECT count(*) FROM pg_publication;
DROP TABLE public.goals;

-- Fresh: no extension, no publication.

:demo
SET client_min_messages = error; -- enable's warnings about policies are another test's
:up
SELECT tablename, realtime_priority, enabled_operations, captured, status FROM public.realtime_configuration;
SELECT count(*) FROM pg_publication_tables WHERE pubname = 'supabase_realtime';
SELECT table_name, realtime_priority FROM public.get_user_realtime_tables();
SELECT public.is_realtime_enabled('goals'), public.is_realtime_enabled(table_name_input => 'organizations');
SELECT has_table_privilege('anon', 'public.realtime_configuration', 'SELECT') AS view,
       has_function_privilege('authenticated', 'public.is_realtime_enabled(text)', 'EXECUTE') AS function;
SHOW lock_timeout;

-- Again: nothing is dropped in between, so objects that depend on the names stay.
CREATE VIEW public.dashboard AS SELECT tablename FROM public.realtime_configuration WHERE public.is_realtime_enabled('goals');
CREATE TABLE before AS SELECT oid FROM pg_trigger UNION ALL SELECT 'public.realtime_configuration'::regclass
  UNION ALL SELECT 'public.is_realtime_enabled'::regproc;
:up
SELECT count(*) AS made_again FROM (SELECT oid FROM pg_trigger UNION ALL SELECT 'public.realtime_configuration'::regclass
  UNION ALL SELECT 'public.is_realtime_enabled'::regproc EXCEPT TABLE before) AS new;
DROP TABLE before;
SELECT count(*) FROM public.dashboard;
-- Changes that users have made stay.
SELECT pgrealtime.enable('goals', priority => 'low', operations => '{INSERT}');
:up
SELECT realtime_priority, enabled_operations FROM public.realtime_configuration WHERE tablename = 'goals';

-- DROP EXTENSION names what depends on it; back, twice.
DROP EXTENSION pgrealtime;
:down
DROP VIEW public.dashboard;
:down
:down
SELECT to_regclass('public.realtime_configuration'), to_regproc('public.is_realtime_enabled'), to_regproc('public.get_user_realtime_tables');
SELECT count(*) FROM pgrealtime.realtime_configuration;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_pgrealtime%';
DROP EXTENSION pgrealtime;
-- And without the extension.
:down

-- Over an older version: other parameter names, columns and results, tables published already by hand.
CREATE PUBLICATION supabase_realtime FOR TABLE goals, candidates;
CREATE FUNCTION public.is_realtime_enabled(p_table text) RETURNS text LANGUAGE sql AS $$ SELECT 'old' $$;
CREATE FUNCTION public.is_realtime_enabled(t name, s name DEFAULT 'public') RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE FUNCTION public.get_user_realtime_tables() RETURNS TABLE (name text) LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$ SELECT 'old' $$;
CREATE VIEW public.realtime_configuration AS
  SELECT schemaname, tablename, public.is_realtime_enabled(tablename::text) AS enabled FROM pg_publication_tables;
CREATE VIEW public.dashboard AS SELECT * FROM public.realtime_configuration;
:up
SELECT count(*) FROM pg_extension WHERE extname = 'pgrealtime';
DROP VIEW public.dashboard;
:up
SELECT count(*) FROM public.realtime_configuration WHERE status = 'ok' AND captured;
SELECT proname, pg_get_function_arguments(oid), pg_get_function_result(oid), prosecdef, proconfig FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND proname IN ('is_realtime_enabled', 'get_user_realtime_tables') ORDER BY 1;
:down

-- Functions that return the older view's rows; a materialized view in its place.
CREATE MATERIALIZED VIEW public.realtime_configuration AS SELECT 1 AS a;
CREATE FUNCTION public.get_user_realtime_tables() RETURNS SETOF public.realtime_configuration LANGUAGE sql AS $$ SELECT 1 $$;
:up
SELECT count(*) FROM public.realtime_configuration;
:down

-- The wrappers show a reader the same as the extension's own functions.
:up
CREATE ROLE regress_reader;
GRANT SELECT ON public.goals, public.realtime_configuration TO regress_reader;
SET ROLE regress_reader;
SELECT tablename FROM public.realtime_configuration;
SELECT table_name FROM public.get_user_realtime_tables();
SELECT public.is_realtime_enabled('goals'), public.is_realtime_enabled('candidates');
RESET ROLE;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
RESET client_min_messages;
:down
DROP OWNED BY anon, authenticated;
DROP ROLE anon, authenticated;
