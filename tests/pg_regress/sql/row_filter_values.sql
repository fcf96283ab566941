-- Row filters over enums and rows, when their values or attributes get other names. The triggers' WHEN holds the value
-- itself, their arguments and the settings its text: these follow, or readers are refused.
\set VERBOSITY default
\set SHOW_CONTEXT never
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/received.sql
\i :srcdir/include/realtime_messages.sql
CREATE VIEW state AS SELECT tablename, row_filter, status FROM pgrealtime.realtime_configuration WHERE status <> 'missing table' ORDER BY 1;
CREATE VIEW sent AS SELECT topic, event, payload ->> 'record' AS record, payload ->> 'old_record' AS old FROM realtime.messages;
-- What the arguments of the triggers say.
CREATE FUNCTION said(relation regclass) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(DISTINCT substring(encode(tgargs, 'escape') FROM 'filter=([^\\]*)'), ' | ') FROM pg_trigger WHERE tgrelid = relation
$$;
CREATE TYPE level AS ENUM ('low', 'high');

\echo -- The old label is used again
CREATE TABLE alarms (id int PRIMARY KEY, level level);
SELECT pgrealtime.enable('alarms', row_filter => 'level=eq.low', sinks => '{log,broadcast}', broadcast_topic => 'alarms');
:from_here
ALTER TYPE level RENAME VALUE 'low' TO 'other';
SELECT received('alarms');
:from_here
INSERT INTO alarms VALUES (1, 'other'), (2, 'high');
TABLE state;
ALTER TYPE level RENAME VALUE 'high' TO 'low';
TABLE state;
SELECT said('alarms');
SELECT received('alarms');
:from_here
INSERT INTO alarms VALUES (3, 'other'), (4, 'low');
UPDATE alarms SET level = CASE level WHEN 'low' THEN 'other' ELSE 'low' END::level;
SELECT received('alarms');
TABLE sent;
-- The label means another value now: the same filter is another one.
SELECT pgrealtime.enable('alarms', row_filter => 'level=eq.low');
SELECT received('alarms');
:from_here
INSERT INTO alarms VALUES (5, 'other'), (6, 'low');
SELECT received('alarms');
TRUNCATE realtime.messages, alarms;

\echo -- Without the event triggers: no reader gets anything, until enable() is called with the same filter
:from_here
ALTER EVENT TRIGGER pgrealtime_ddl_end DISABLE;
ALTER TYPE level RENAME VALUE 'low' TO 'old';
TABLE state;
SELECT received('alarms');
ALTER TYPE level RENAME VALUE 'other' TO 'low';
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE;
TABLE state;
INSERT INTO alarms VALUES (7, 'old'), (8, 'low');
SELECT * FROM pgrealtime.changes_since((SELECT cursor FROM place), '{alarms}');
SELECT check_name, status, detail, hint FROM pgrealtime.diagnose('alarms') WHERE check_name = 'captured';
SELECT * FROM pgrealtime.subscribe('alarms');
TABLE sent;
SELECT undelivered FROM pgrealtime.log_status;
-- The same holds where the value is renamed once more: the filter does not follow a value that was never its own.
ALTER TYPE level RENAME VALUE 'low' TO 'lower';
TABLE state;
ALTER TYPE level RENAME VALUE 'lower' TO 'low';
SELECT pgrealtime.enable('alarms', row_filter => 'level=eq.low');
TABLE state;
SELECT received('alarms');
:from_here
INSERT INTO alarms VALUES (9, 'old'), (10, 'low');
SELECT received('alarms');
TABLE sent;
-- Nothing is made again where nothing has changed.
SELECT pgrealtime.enable('alarms', row_filter => 'level=eq.low');
SELECT received('alarms');
DROP TABLE alarms;

\echo -- Lists, domains, arrays, ranges, rows, rows in arrays
DROP TYPE level;
CREATE TYPE level AS ENUM ('old', 'low', 'high');
CREATE DOMAIN sure AS level;
CREATE TYPE levels AS RANGE (SUBTYPE = level);
CREATE TYPE pair AS (n int, of level[]);
CREATE TABLE list (id int PRIMARY KEY, v level);
CREATE TABLE domains (id int PRIMARY KEY, v sure);
CREATE TABLE arrays (id int PRIMARY KEY, v level[]);
CREATE TABLE ranges (id int PRIMARY KEY, v levels);
CREATE TABLE pairs (id int PRIMARY KEY, v pair);
CREATE TABLE deep (id int PRIMARY KEY, v pair[]);
CREATE TABLE texts (id int PRIMARY KEY, v text, w level);
SELECT pgrealtime.enable('list', row_filter => 'or=(v.in.(low,old),v.gt.low)');
SELECT pgrealtime.enable('domains', row_filter => 'v=neq.low');
SELECT pgrealtime.enable('arrays', row_filter => 'v=cs.{low}');
SELECT pgrealtime.enable('ranges', row_filter => 'v=eq."[old,low)"');
SELECT pgrealtime.enable('pairs', row_filter => 'v=eq."(1,{low})"');
SELECT pgrealtime.enable('deep', row_filter => E'v=eq."{\\"(1,\\\\\\"{old,low}\\\\\\")\\"}"');
SELECT pgrealtime.enable('texts', row_filter => 'v=eq.low');
TABLE state;
ALTER TYPE level RENAME VALUE 'low' TO 'very, "low"';
TABLE state;
:from_here
INSERT INTO list VALUES (1, 'very, "low"');
INSERT INTO arrays VALUES (1, '{old}'), (2, ARRAY['very, "low"', 'old']::level[]);
INSERT INTO ranges VALUES (1, levels('old', 'very, "low"')), (2, NULL);
INSERT INTO pairs VALUES (1, (1, ARRAY['very, "low"']::level[])), (2, (2, ARRAY['very, "low"']::level[]));
INSERT INTO deep VALUES (1, ARRAY[(1, ARRAY['old', 'very, "low"']::level[])::pair]), (2, '{}');
SELECT t, received(t::regclass) FROM unnest('{list,arrays,ranges,pairs,deep}'::text[]) AS t;
ALTER TYPE level RENAME VALUE 'very, "low"' TO 'low';
TABLE state;
DROP TABLE list, domains, arrays, ranges, deep, texts;

\echo -- Attributes of a row that is dropped and added again
ALTER TYPE pair DROP ATTRIBUTE of;
TABLE state;
ALTER TYPE pair ADD ATTRIBUTE of level[];
TABLE state;
:from_here
SELECT received('pairs');
SELECT pgrealtime.enable('pairs', row_filter => 'v=eq."(1,{low})"');
TABLE state;
DROP TABLE pairs;

\echo -- A filter of a table that is only published
CREATE TABLE published (id int PRIMARY KEY, v level);
SELECT pgrealtime.enable('published', row_filter => 'v=eq.low', sinks => '{}');
ALTER TYPE level RENAME VALUE 'low' TO 'lower';
TABLE state;
DROP TABLE published;

\echo -- A value of the type of another role; a partitioned table
CREATE ROLE regress_types;
GRANT USAGE, CREATE ON SCHEMA public TO regress_types;
ALTER TYPE level OWNER TO regress_types;
CREATE TABLE parts (id int, v level, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts DEFAULT;
SELECT pgrealtime.enable('parts', row_filter => 'v=eq.lower');
:from_here
SET ROLE regress_types;
ALTER TYPE level RENAME VALUE 'lower' TO 'low';
RESET ROLE;
TABLE state;
SET ROLE regress_types;
ALTER TYPE level RENAME VALUE 'low' TO 'lower';
RESET ROLE;
TABLE state;
ALTER TYPE level RENAME VALUE 'lower' TO 'low';
TABLE state;
SELECT said('part');
:from_here
INSERT INTO parts VALUES (1, 'low'), (2, 'old');
TRUNCATE parts;
SELECT received('parts');
DROP TABLE parts;

\echo -- A condition by hand
CREATE TABLE by_hand (id int PRIMARY KEY, v int);
SELECT pgrealtime.enable('by_hand', row_filter => 'v=gt.0');
CREATE OR REPLACE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON by_hand FOR EACH ROW WHEN (new.v > 1)
  EXECUTE FUNCTION pgrealtime.capture_change('sinks=log', 'filter=v=gt.0');
TABLE state;
:from_here
SELECT received('by_hand');
CREATE OR REPLACE TRIGGER "00_pgrealtime_insert" AFTER INSERT ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=log', 'filter=v=gt.0');
TABLE state;
SELECT pgrealtime.enable('by_hand');
TABLE state;
:from_here
INSERT INTO by_hand VALUES (1, 1), (2, 0);
SELECT received('by_hand');
-- More than the row filter asks for does no harm, less does.
CREATE TRIGGER more AFTER UPDATE ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change('sinks=log', 'filter=v=gt.0');
SELECT received('by_hand');
CREATE OR REPLACE TRIGGER more AFTER UPDATE ON by_hand FOR EACH ROW WHEN (new.v > 0) EXECUTE FUNCTION pgrealtime.capture_change('sinks=log', 'filter=v=gt.0');
SELECT received('by_hand');
DROP TABLE by_hand;
DROP OWNED BY regress_types CASCADE;
DROP ROLE regress_types;
