-- The publication migration runs nobody's code as the role that runs it, and takes over nobody's objects.
\pset format unaligned
\pset footer off
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/migration.sql
\set SHOW_CONTEXT never
SET client_min_messages = error;
:demo
CREATE ROLE migration_mallory;
GRANT CREATE ON SCHEMA public TO migration_mallory;

-- Operators in public that match better than Postgres's own, which take any array or any type.
SET ROLE migration_mallory;
CREATE FUNCTION public.planted_neq(text[], text[]) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'planted code runs as %', current_user; END$$;
CREATE FUNCTION public.planted_add(text[], text) RETURNS text[] LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'planted code runs as %', current_user; END$$;
CREATE FUNCTION public.planted_is(oid, regclass) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'planted code runs as %', current_user; END$$;
CREATE FUNCTION public.planted_in(oid, regprocedure) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'planted code runs as %', current_user; END$$;
CREATE OPERATOR public.<> (LEFTARG = text[], RIGHTARG = text[], FUNCTION = public.planted_neq);
CREATE OPERATOR public.= (LEFTARG = text[], RIGHTARG = text[], FUNCTION = public.planted_neq);
CREATE OPERATOR public.|| (LEFTARG = text[], RIGHTARG = text, FUNCTION = public.planted_add);
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = public.planted_is);
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = regprocedure, FUNCTION = public.planted_in);
-- A domain, for a path that has public before pg_catalog.
CREATE FUNCTION public.planted_check(anyelement) RETURNS boolean LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'planted code runs as %', current_user; END$$;
CREATE DOMAIN public.jsonb AS pg_catalog.jsonb CHECK (public.planted_check(VALUE));
CREATE DOMAIN public.text AS pg_catalog.text CHECK (public.planted_check(VALUE));
CREATE DOMAIN public.regclass AS pg_catalog.regclass CHECK (public.planted_check(VALUE));
RESET ROLE;
SET search_path = public, pg_catalog;
:up
:up
:down
SET search_path = public;
:up
SHOW search_path;
BEGIN;
SET LOCAL search_path = public, pg_catalog;
:down
SHOW search_path;
:down
SHOW search_path;
:up
SHOW search_path;
COMMIT;
SHOW search_path;
:down

-- The three names, made by somebody else: CREATE OR REPLACE would leave the function to him. The view has other columns, so it is
-- dropped and made again.
SET ROLE migration_mallory;
CREATE FUNCTION public.is_realtime_enabled(table_name_input pg_catalog.text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE VIEW public.realtime_configuration AS SELECT 1 AS one;
RESET ROLE;
:up
DROP FUNCTION public.is_realtime_enabled(pg_catalog.text);
:up
ALTER VIEW public.realtime_configuration OWNER TO CURRENT_USER;
:up
-- The comment says what to restore. Only its owner could have written it.
CREATE PUBLICATION of_somebody;
:down
SET ROLE migration_mallory;
CREATE FUNCTION public.is_realtime_enabled(table_name_input pg_catalog.text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
COMMENT ON FUNCTION public.is_realtime_enabled(pg_catalog.text) IS '20250109000003_enable_realtime.sql: {"publication": "of_somebody", "enabled": {}}';
RESET ROLE;
:down
SELECT pubname FROM pg_publication;
DROP OWNED BY migration_mallory, anon, authenticated CASCADE;
DROP ROLE migration_mallory, anon, authenticated;
