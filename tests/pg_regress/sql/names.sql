-- Names with quotes, spaces, dots, capitals, non-ASCII letters; a search_path full of traps.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
RESET client_min_messages;
CREATE SCHEMA "My.Schema";
CREATE TABLE "My.Schema"."It's a ""Table""" ("Id" int PRIMARY KEY, "Größe, in m" text);
CREATE TABLE "My.Schema"."; DROP TABLE goals; --" (id int PRIMARY KEY);
CREATE TABLE "Données\n" (id int PRIMARY KEY);
CREATE TABLE goals (id int PRIMARY KEY);
SELECT pgrealtime.enable(c.oid, broadcast_topic => 'x''y\{' || a.attname || '}')
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1
WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, '"My.Schema"'::regnamespace) ORDER BY c.relname;
SELECT schemaname, tablename, captured, status FROM pgrealtime.realtime_configuration;
SELECT n, pgrealtime.is_realtime_enabled(n) FROM unnest(ARRAY[
  'goals', 'GOALS', '"goals"', '"Goals"', ' public . goals ', 'regression.public.goals', 'nowhere.goals', 'nope', 'pg_class', 'pg_temp.goals',
  '"My.Schema"."It''s a ""Table"""', '"My.Schema"."; DROP TABLE goals; --"', '"Données\n"']) AS n;
SELECT pgrealtime.is_realtime_enabled(NULL);
-- Malformed input is an error, as for regclass.
SELECT pgrealtime.is_realtime_enabled('"goals');
SELECT pgrealtime.is_realtime_enabled('');
SELECT pgrealtime.is_realtime_enabled('a b');
SELECT pgrealtime.is_realtime_enabled('public.');
SELECT pgrealtime.is_realtime_enabled('a.b.c.d');
SELECT pgrealtime.is_realtime_enabled('elsewhere.public.goals');
-- Unqualified names follow search_path.
SET search_path = '';
SELECT pgrealtime.is_realtime_enabled('goals'), pgrealtime.is_realtime_enabled('public.goals');
SET search_path = "My.Schema";
SELECT pgrealtime.is_realtime_enabled('"; DROP TABLE goals; --"');

-- Objects of the same names in front of everything.
RESET search_path;
CREATE SCHEMA trap;
CREATE FUNCTION trap.capture_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE FUNCTION trap.format(text, text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END';
CREATE TABLE trap.goals (id int PRIMARY KEY);
CREATE TABLE trap.settings (id int PRIMARY KEY);
CREATE TABLE trap.pg_class (id int PRIMARY KEY);
CREATE TABLE trap.pg_trigger (id int PRIMARY KEY);
SET search_path = trap, public, pg_catalog;
SELECT pgrealtime.disable('public.goals');
SELECT pgrealtime.enable('public.goals');
SELECT pgrealtime.is_realtime_enabled('goals'), pgrealtime.is_realtime_enabled('public.goals');
SELECT pgrealtime.enable('goals');
SELECT schemaname, tablename, captured, status FROM pgrealtime.realtime_configuration WHERE tablename = 'goals';
RESET search_path;

-- Settings follow every kind of renaming, whatever the names.
ALTER TABLE "My.Schema"."It's a ""Table""" RENAME COLUMN "Id" TO "L'id";
ALTER TABLE "My.Schema"."It's a ""Table""" RENAME TO "Mine";
ALTER SCHEMA "My.Schema" RENAME TO "Ma ""Schéma""";
SELECT schema_name, relation_name, broadcast_topic FROM pgrealtime.settings ORDER BY 1, 2;
SELECT pgrealtime.is_realtime_enabled('"Ma ""Schéma"""."Mine"');
SELECT pgrealtime.disable('"Ma ""Schéma"""."Mine"');
