-- DROP EXTENSION: what goes with it, and what stays.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA app;
CREATE TABLE app.goals (id int PRIMARY KEY, note text);
CREATE TABLE public.plans (id int PRIMARY KEY);
SELECT pgrealtime.enable('app.goals');
SELECT pgrealtime.enable('public.plans');

-- The commands of tools that reset a database leave the extension working.
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
SELECT extname FROM pg_extension WHERE extname = 'pgrealtime';
SELECT schemaname, tablename, captured, status FROM pgrealtime.realtime_configuration;
INSERT INTO app.goals VALUES (1, 'a');
CREATE TABLE public.plans (id int PRIMARY KEY);
SELECT pgrealtime.enable('public.plans');
SELECT schemaname, tablename, captured, status FROM pgrealtime.realtime_configuration;

-- A trigger made by hand prevents DROP EXTENSION, until it depends on the extension.
CREATE TRIGGER mine AFTER INSERT ON app.goals FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
DROP EXTENSION pgrealtime;
ALTER TRIGGER mine ON app.goals DEPENDS ON EXTENSION pgrealtime;
-- So does a view of the migration's kind, by name.
CREATE VIEW public.realtime_configuration AS SELECT * FROM pgrealtime.realtime_configuration;
DROP EXTENSION pgrealtime;
DROP VIEW public.realtime_configuration;

-- Without CASCADE: triggers go along, tables and publication stay and work.
DROP EXTENSION pgrealtime;
SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal;
SELECT count(*) FROM pg_event_trigger;
SELECT count(*) FROM pg_namespace WHERE nspname = 'pgrealtime';
INSERT INTO app.goals VALUES (2, 'b');
UPDATE app.goals SET note = 'c';
DELETE FROM app.goals;
TRUNCATE app.goals;
SELECT schemaname, tablename FROM pg_publication_tables ORDER BY 1;
ALTER TABLE app.goals RENAME TO targets;

-- And back again.
CREATE EXTENSION pgrealtime;
SELECT pgrealtime.enable('app.targets');
SELECT schemaname, tablename, realtime_priority, captured, status FROM pgrealtime.realtime_configuration;
