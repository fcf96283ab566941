-- change_message(): the contents of a message, whose rows it accepts, and that it follows DDL.
CREATE EXTENSION pgrealtime;
\pset format unaligned
\set VERBOSITY default
\set SHOW_CONTEXT never
-- The transaction's time is not the same in two runs.
CREATE FUNCTION shown(message json) RETURNS text LANGUAGE sql AS $$
  SELECT regexp_replace($1::text, '"commit_timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', '"commit_timestamp":"…"')
$$;

-- Called by users' own triggers, with TG_OP, NEW and OLD.
CREATE SCHEMA app;
CREATE TABLE app.goals (
  id int PRIMARY KEY, code char(5), title text NOT NULL, amount numeric(10,2), price money, starts timestamptz, day date,
  took interval, raw bytea, meta jsonb, note json, tags text[], double int GENERATED ALWAYS AS (id * 2) STORED
);
CREATE FUNCTION app.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '%', shown(pgrealtime.change_message(TG_OP, NEW, OLD));
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON app.goals FOR EACH ROW EXECUTE FUNCTION app.tell();
SET timezone = 'America/New_York'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'iso_8601'; SET bytea_output = 'escape';
INSERT INTO app.goals VALUES (1, 'ab', E'a "b"\n\\ \x01 é', 12.50, -1234.5, '2026-11-22 11:16:40.759+00', '0044-03-15 BC',
  '1 day 02:00:00', '\x00ff', '{"b": [1, null], "a": {}}', '{"z":1,  "a":2}', '{x,NULL,"y z"}');
UPDATE app.goals SET amount = 'NaN', starts = 'infinity', title = '', code = NULL, tags = '[3:4][2:3]={{a,b},{c,d}}', meta = 'null' WHERE id = 1;
DELETE FROM app.goals;
SHOW timezone; SHOW datestyle; SHOW intervalstyle; SHOW bytea_output;
RESET timezone; RESET datestyle; RESET intervalstyle; RESET bytea_output;

-- TRUNCATE has no records: the table is that of a typed NULL.
SELECT shown(pgrealtime.change_message('TRUNCATE', NULL::app.goals, NULL));
SELECT shown(pgrealtime.change_message('TRUNCATE', NULL, NULL::app.goals)) IS NOT NULL AS either_will_do;

-- An UPDATE may come without its old row. NULL in is a NULL record, not a row of NULLs.
CREATE TABLE small (id int PRIMARY KEY, v text);
INSERT INTO small VALUES (1, NULL);
SELECT shown(pgrealtime.change_message('UPDATE', s, NULL)) FROM small s;
-- The time is the transaction's start, in UTC whatever the session's zone.
SELECT pgrealtime.change_message('INSERT', s, NULL) ->> 'commit_timestamp'
  = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS transaction_start FROM small s;
SELECT pg_typeof(pgrealtime.change_message('INSERT', s, NULL)) FROM small s;
SELECT provolatile, proparallel, proisstrict, prosecdef FROM pg_proc WHERE oid = 'pgrealtime.change_message'::regproc;

-- Values that are not a table's row, or do not fit the operation, are refused.
CREATE VIEW small_view AS SELECT * FROM small;
CREATE TYPE alone AS (a int);
SELECT pgrealtime.change_message('INSERT', ROW(1, 2), NULL);
SELECT pgrealtime.change_message('INSERT', s, NULL) FROM (SELECT id FROM small) s;
SELECT pgrealtime.change_message('INSERT', s, NULL) FROM small_view s;
SELECT pgrealtime.change_message('INSERT', ROW(1)::alone, NULL);
SELECT pgrealtime.change_message('UPDATE', s, ROW(1, 'x')) FROM small s;
SELECT pgrealtime.change_message('INSERT', NULL, NULL);
SELECT pgrealtime.change_message('UPDATE', NULL, s) FROM small s;
SELECT pgrealtime.change_message('DELETE', NULL, NULL);
SELECT pgrealtime.change_message('INSERT', s, s) FROM small s;
SELECT pgrealtime.change_message('DELETE', s, s) FROM small s;
SELECT pgrealtime.change_message('TRUNCATE', s, NULL) FROM small s;
SELECT pgrealtime.change_message('TRUNCATE', NULL, NULL);
SELECT pgrealtime.change_message('insert', s, NULL) FROM small s;
SELECT pgrealtime.change_message(NULL, s, NULL) FROM small s;
\set VERBOSITY sqlstate
SELECT pgrealtime.change_message('INSERT', ROW(1, 2), NULL);
SELECT pgrealtime.change_message('INSERT', NULL, NULL);
SELECT pgrealtime.change_message('insert', s, NULL) FROM small s;
\set VERBOSITY default

-- A partition's rows are its own here; a domain over a row type is the row.
CREATE TABLE events (id int, at date) PARTITION BY RANGE (at);
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TRIGGER tell AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION app.tell();
INSERT INTO events VALUES (1, '2026-05-01');
SELECT pgrealtime.change_message('INSERT', e, NULL) ->> 'table' AS root FROM events e;
CREATE DOMAIN small_row AS small;
SELECT pgrealtime.change_message('INSERT', s::small_row, NULL) -> 'record' FROM small s;
SELECT pgrealtime.change_message('TRUNCATE', NULL::small_row, NULL) ->> 'table';
CREATE TEMP TABLE passing (a int);
INSERT INTO passing VALUES (1);
SELECT pgrealtime.change_message('INSERT', p, NULL) ->> 'schema' LIKE 'pg_temp%' AS temporary FROM passing p;
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
SELECT shown(pgrealtime.change_message('INSERT', n, NULL)) FROM none n;

-- DDL is followed, in the same transaction too, and after it was undone.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (x int, y text);
CREATE TABLE changing (id int PRIMARY KEY, gone int, m mood, p pair, ps pair[]);
INSERT INTO changing VALUES (1, 2, 'ok', (1, 'a'), ARRAY[(2, 'b')::pair, NULL]);
CREATE FUNCTION now_is() RETURNS text LANGUAGE sql AS $$
  SELECT shown(pgrealtime.change_message('INSERT', c, NULL)) FROM changing c
$$;
CREATE FUNCTION record_is() RETURNS text LANGUAGE sql AS $$
  SELECT (pgrealtime.change_message('INSERT', c, NULL) -> 'record')::text FROM changing c
$$;
SELECT now_is();
BEGIN;
ALTER TABLE changing DROP COLUMN gone, ADD COLUMN added timestamptz DEFAULT '2026-01-01 00:00+00';
SELECT record_is();
SAVEPOINT s;
ALTER TABLE changing RENAME COLUMN added TO renamed;
ALTER TABLE changing ALTER COLUMN id TYPE text USING 'no. ' || id;
SELECT record_is();
ROLLBACK TO s;
SELECT record_is();
ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';
ALTER TYPE pair ADD ATTRIBUTE z date;
SELECT record_is();
ALTER TYPE pair DROP ATTRIBUTE x;
SELECT record_is();
ALTER TYPE mood RENAME TO temper;
ALTER SCHEMA public RENAME TO renamed;
SET LOCAL search_path = renamed;
SELECT now_is();
ROLLBACK;
SELECT now_is();

-- A type's own cast to json counts, is run with pinned settings, and may fail, return NULL or come back here.
CREATE FUNCTION mood_json(mood) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  IF $1 = 'sad' THEN
    RETURN NULL;
  END IF;
  IF (SELECT id FROM public.changing) = 0 THEN
    RAISE EXCEPTION 'no json for you' USING ERRCODE = 'P0042';
  END IF;
  RETURN json_build_object('mood', $1::text, 'path', current_setting('search_path'), 'at', timestamptz '2026-01-01 00:00+00',
    'again', (SELECT pgrealtime.change_message('INSERT', s, NULL) -> 'record' FROM public.small s));
END $$;
CREATE CAST (mood AS json) WITH FUNCTION mood_json(mood);
SET timezone = 'Asia/Kathmandu';
SELECT record_is();
UPDATE changing SET m = 'sad';
SELECT record_is();
UPDATE changing SET m = 'ok', id = 0;
\set VERBOSITY terse
SELECT record_is();
DO $$
BEGIN
  PERFORM record_is();
EXCEPTION WHEN SQLSTATE 'P0042' THEN
  RAISE NOTICE 'settings afterwards: % %', current_setting('search_path'), timestamptz '2026-01-01 00:00+00';
END $$;
SELECT current_setting('search_path'), timestamptz '2026-01-01 00:00+00';
DROP CAST (mood AS json);
SELECT record_is();
\set VERBOSITY default

-- So may an output function; the settings that were pinned are restored.
CREATE TABLE spans (s tstzrange, c regclass, d interval);
INSERT INTO spans VALUES ('[2026-01-01 00:00+00,)', 'small', '1 day 2 hours');
SELECT pgrealtime.change_message('INSERT', r, NULL) -> 'record', r.s, r.d FROM spans r;
RESET timezone;

-- A message over the limit keeps the key, NULLs and what is small: a text of 62 letters, with its quotes, not of 63.
CREATE TABLE large (id text PRIMARY KEY, a text, b text, c text, n int, j jsonb, l int[]);
INSERT INTO large VALUES (repeat('k', 70), repeat('a', 62), repeat('b', 63), repeat('c', 5000), NULL, jsonb_build_array(repeat('d', 80)), ARRAY[1, 2]);
SET pgrealtime.max_record_bytes = 1024;
SELECT shown(pgrealtime.change_message('UPDATE', r, r)) FROM large r;
UPDATE large SET c = 'small enough';
SELECT pgrealtime.change_message('INSERT', r, NULL) -> 'errors' AS errors FROM large r;
-- Values that cannot fit are neither fetched nor printed.
ALTER TABLE large ALTER c SET STORAGE EXTERNAL;
UPDATE large SET c = repeat('x', 100000000), l = array_fill(1, ARRAY[5000000]);
SELECT octet_length(pgrealtime.change_message('UPDATE', r, r)::text) < 1024 AS cut FROM large r;
SET pgrealtime.max_record_bytes = 1073741823;
SELECT octet_length(pgrealtime.change_message('INSERT', r, NULL)::text) > 110000000 AS whole FROM large r;
-- Without a primary key the replica identity's columns are the key, without either there is none.
SET pgrealtime.max_record_bytes = 1024;
CREATE TABLE keyed (a text NOT NULL, b text NOT NULL);
CREATE UNIQUE INDEX keyed_b ON keyed (b);
INSERT INTO keyed VALUES (repeat('a', 600), repeat('b', 600));
SELECT json_object_keys(pgrealtime.change_message('INSERT', k, NULL) -> 'record') FROM keyed k;
ALTER TABLE keyed REPLICA IDENTITY USING INDEX keyed_b;
SELECT json_object_keys(pgrealtime.change_message('INSERT', k, NULL) -> 'record') FROM keyed k;
RESET pgrealtime.max_record_bytes;

-- Everyone may call it, in parallel workers too.
CREATE ROLE regress_message_user;
GRANT SELECT ON small TO regress_message_user;
SET ROLE regress_message_user;
SELECT pgrealtime.change_message('INSERT', s, NULL) -> 'record' FROM small s;
RESET ROLE;
DROP OWNED BY regress_message_user;
DROP ROLE regress_message_user;
CREATE TABLE many (id int PRIMARY KEY, r tstzrange, c regclass);
INSERT INTO many SELECT i, tstzrange(timestamptz '2026-01-01 00:00+00' + i * interval '1 s', NULL), 'small' FROM generate_series(1, 2000) i;
SELECT md5(string_agg((pgrealtime.change_message('INSERT', m, NULL) -> 'record')::text, '' ORDER BY id)) AS serial FROM many m \gset
SELECT set_config(name, 'on', false) AS parallel FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET timezone = 'Asia/Kathmandu';
SELECT md5(string_agg((pgrealtime.change_message('INSERT', m, NULL) -> 'record')::text, '' ORDER BY id)) = :'serial' AS parallel FROM many m;
