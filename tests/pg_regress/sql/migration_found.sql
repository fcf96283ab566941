-- The publication migration: DELETEs by key where policies look at other rows, one summary, and its reverse.
\pset format unaligned
\pset footer off
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/migration.sql
\set SHOW_CONTEXT never
-- What the migration does is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
SET client_min_messages = error;
:demo
SET client_min_messages = notice;

-- Fresh: one summary.
:up
CREATE VIEW public.remembered AS
SELECT relation_name, priority, deletes, published FROM pgrealtime.settings ORDER BY relation_name COLLATE "C";
TABLE public.remembered;
SELECT pgrealtime.policies_over_other_rows('public.key_results'), pgrealtime.policies_over_other_rows('public.organizations'),
       pgrealtime.policies_over_other_rows(NULL);
-- What users set stays, and a table that they disabled is enabled again as a new one.
SELECT pgrealtime.enable('goals', deletes => 'policy', priority => 'low');
SELECT pgrealtime.disable('candidates');
ALTER TABLE interviews DISABLE TRIGGER USER;
ALTER PUBLICATION supabase_realtime DROP TABLE interviews;
:up
SELECT * FROM public.remembered WHERE relation_name IN ('goals', 'candidates');
SELECT count(*) FROM public.realtime_configuration WHERE status = 'ok';
-- Reverse: only the extension is left.
:down
:down
SELECT count(*) FROM pgrealtime.realtime_configuration;
SELECT count(*) FROM pg_publication;
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '00_pgrealtime%';

-- Over what was there: a publication with members, tables that were enabled with settings of their own.
SET client_min_messages = error;
CREATE PUBLICATION supabase_realtime FOR TABLE goals, organizations, candidates;
SELECT pgrealtime.enable('candidates', priority => 'low', operations => '{INSERT}');
SELECT pgrealtime.enable('profiles', priority => 'low', deletes => 'key');
SELECT pgrealtime.enable('interviews', priority => 'low');
CREATE VIEW public.members AS
SELECT string_agg(prrelid::regclass::text, ' ' ORDER BY prrelid::regclass::text COLLATE "C") FROM pg_publication_rel;
CREATE TABLE public.before AS SELECT * FROM pgrealtime.settings;
TABLE public.members;
SET client_min_messages = notice;
:up
SELECT * FROM public.remembered WHERE relation_name IN ('goals', 'candidates', 'profiles', 'interviews');
SELECT obj_description('public.is_realtime_enabled(text)'::regprocedure);
-- Somebody changes one since.
SELECT pgrealtime.enable('interviews', priority => 'high');
:up
:down
TABLE public.remembered;
TABLE public.members;
SELECT relation_name FROM (SELECT * FROM pgrealtime.settings EXCEPT TABLE public.before) AS changed;
SELECT tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration ORDER BY tablename COLLATE "C";
-- Again and back.
:down
:up
:down
TABLE public.members;
TABLE public.remembered;
-- A publication that the migration made stays for what others have put in.
SET client_min_messages = error;
SELECT pgrealtime.disable('candidates'), pgrealtime.disable('profiles'), pgrealtime.disable('interviews');
DROP PUBLICATION supabase_realtime;
:up
ALTER PUBLICATION supabase_realtime ADD TABLE organizations;
:down
TABLE public.members;

-- Whose policies may be asked for.
CREATE ROLE regress_reader;
GRANT SELECT ON goals TO regress_reader;
SET ROLE regress_reader;
SELECT cardinality(pgrealtime.policies_over_other_rows('goals')) > 0 AS some;
SELECT pgrealtime.policies_over_other_rows('candidates');
RESET ROLE;
SELECT pgrealtime.policies_over_other_rows(1::oid::regclass);
-- Without row level security nobody asks them.
BEGIN;
ALTER TABLE goals DISABLE ROW LEVEL SECURITY;
SELECT pgrealtime.policies_over_other_rows('goals');
ROLLBACK;
DROP OWNED BY regress_reader, anon, authenticated;
DROP ROLE regress_reader, anon, authenticated;
