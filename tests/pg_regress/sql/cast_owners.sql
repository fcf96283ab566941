-- A cast to json runs only where superusers own its type and its function. What anybody else wrote could cancel the
-- statement, never return, or end the session of whoever writes or reads: the text of the value stands for it, for all alike.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE cast_owner;
CREATE ROLE cast_member IN ROLE cast_owner;
CREATE ROLE cast_reader;
CREATE ROLE cast_super SUPERUSER;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean);
CREATE SCHEMA app AUTHORIZATION cast_owner;
GRANT USAGE ON SCHEMA app TO PUBLIC;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change TO cast_owner;
SET ROLE cast_owner;
SET search_path = app;
CREATE TYPE code AS ENUM ('cancel', 'loop', 'raise', 'end', 'say');
CREATE FUNCTION code_json(code) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  CASE $1::text
    WHEN 'cancel' THEN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(10);
    WHEN 'loop' THEN LOOP NULL; END LOOP;
    WHEN 'raise' THEN RAISE 'raised';
    WHEN 'end' THEN PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(10);
    ELSE RETURN json_build_object('by', current_user);
  END CASE;
END $$;
CREATE CAST (code AS json) WITH FUNCTION code_json(code);
CREATE DOMAIN codes AS code;
CREATE TYPE pair AS (a int, c code);
CREATE TYPE span AS RANGE (SUBTYPE = code);
CREATE TABLE t (id int PRIMARY KEY, c code, d codes, many code[], two pair, rows pair[], span span);
GRANT SELECT, INSERT ON t TO cast_member, cast_reader;
RESET ROLE;
SET search_path = app;
SET statement_timeout = '5s';
SELECT pgrealtime.enable('t', sinks => '{log,wal,broadcast}', broadcast_topic => 'code:{c}');
SELECT pgrealtime.current_cursor() AS from \gset
\set write 'INSERT INTO t SELECT id, c, c, ARRAY[c], (1, c)::pair, ARRAY[(1, c)::pair], span(c, c, ''[]'') FROM'
\set read 'SELECT change -> ''record'' FROM pgrealtime.changes_since(:''from'', ''{t}'') WHERE change IS NOT NULL'
\set message 'SELECT pgrealtime.change_message(''INSERT'', t, NULL) -> ''record'' FROM t'

\echo whoever writes
:write (VALUES (1, 'cancel'::code), (2, 'loop')) AS v (id, c);
SET ROLE cast_reader;
:write (VALUES (3, 'raise'::code), (4, 'end')) AS v (id, c);
RESET ROLE;
SELECT undelivered FROM pgrealtime.log_status;
SELECT topic, payload #> '{record,id}' FROM realtime.messages ORDER BY 2;
\echo whoever reads
:read;
SET ROLE cast_reader;
:read;
:message;
SET ROLE cast_member;
:read;
SET ROLE cast_owner;
:message;
RESET ROLE;
:message;
\echo the function of a superuser with the type of another, and the reverse
DELETE FROM t;
:write (VALUES (5, 'say'::code)) AS v (id, c);
SELECT pgrealtime.current_cursor() AS from \gset
UPDATE t SET id = 6;
ALTER FUNCTION code_json OWNER TO CURRENT_USER;
:read;
:message;
ALTER FUNCTION code_json OWNER TO cast_owner;
ALTER TYPE code OWNER TO CURRENT_USER;
:read;
:message;
\echo superusers own both: as the caller
ALTER FUNCTION code_json OWNER TO cast_super;
:read;
SET ROLE cast_reader;
:read;
:message;
RESET ROLE;
\echo one of them is no superuser any more
ALTER ROLE cast_super NOSUPERUSER;
:read;
:message;
\echo a function for any type, that a superuser owns and the owner of the type has bound
ALTER FUNCTION code_json OWNER TO CURRENT_USER;
ALTER TYPE code OWNER TO cast_owner;
SET ROLE cast_owner;
DROP CAST (code AS json);
CREATE CAST (code AS json) WITH FUNCTION pg_catalog.to_json(anyelement);
RESET ROLE;
:read;
:message;
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA realtime, app CASCADE;
DROP ROLE cast_owner, cast_member, cast_reader, cast_super;
