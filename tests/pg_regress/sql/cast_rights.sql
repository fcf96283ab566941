-- A cast to json runs as its owner only where that takes rights from the caller, never where it would give him some.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE cast_owner;
CREATE ROLE cast_eve;
CREATE ROLE cast_member IN ROLE cast_owner;
CREATE ROLE cast_guest NOINHERIT IN ROLE cast_owner;
CREATE SCHEMA app AUTHORIZATION cast_owner;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET ROLE cast_owner;
CREATE TABLE app.labels (code text, label text);
INSERT INTO app.labels VALUES ('a', 'Secret A'), ('b', 'Secret B');
CREATE TYPE app.code AS ENUM ('a', 'b');
CREATE FUNCTION app.code_json(app.code) RETURNS json LANGUAGE plpgsql AS $$
DECLARE restricted text := 'restricted';
BEGIN
  BEGIN EXECUTE 'SET ROLE NONE'; restricted := 'free'; RAISE 'undone'; EXCEPTION WHEN OTHERS THEN NULL; END;
  RETURN (SELECT to_json(current_user || ', ' || restricted || ': ' || label) FROM app.labels WHERE code = $1::text);
END $$;
REVOKE EXECUTE ON FUNCTION app.code_json FROM PUBLIC;
CREATE CAST (app.code AS json) WITH FUNCTION app.code_json(app.code);
CREATE TABLE app.t (id int PRIMARY KEY, c app.code);
GRANT SELECT, INSERT ON app.t TO cast_eve, cast_member, cast_guest;
INSERT INTO app.t VALUES (1, 'a');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO cast_owner;
SELECT pgrealtime.enable('app.t', sinks => '{log,wal}');
SELECT pgrealtime.current_cursor() AS from \gset
\set message 'SELECT pgrealtime.change_message(''INSERT'', t, NULL) #>> ''{record,c}'' FROM app.t WHERE id = 1'

\echo who may not call the function
SET ROLE cast_eve;
SELECT row_to_json(t) FROM app.t;
:message;
CREATE TEMP TABLE probe (c app.code);
INSERT INTO probe VALUES ('b');
SELECT pgrealtime.change_message('INSERT', p, NULL) #>> '{record,c}' FROM probe AS p;
DROP TABLE probe;
\echo and who may, but not read what it reads
RESET ROLE;
GRANT EXECUTE ON FUNCTION app.code_json TO cast_eve;
SET ROLE cast_eve;
:message;
\echo the write goes on
INSERT INTO app.t VALUES (2, 'b');
\set VERBOSITY terse
SELECT change #>> '{record,c}' FROM pgrealtime.changes_since(:'from', '{app.t}') WHERE change IS NOT NULL;
\set VERBOSITY default
RESET ROLE;
SELECT undelivered FROM pgrealtime.log_status;
\echo and who may read that, too
GRANT SELECT ON app.labels TO cast_eve;
SET ROLE cast_eve;
:message;
SELECT change #>> '{record,c}' FROM pgrealtime.changes_since(:'from', '{app.t}') WHERE change IS NOT NULL;
INSERT INTO app.t VALUES (3, 'b');
RESET ROLE;
SELECT undelivered FROM pgrealtime.log_status;
\echo who has the rights of the owner
SET ROLE cast_member;
:message;
SET ROLE cast_owner;
:message;
RESET ROLE;
:message;
\echo but may not call the function
REVOKE EXECUTE ON FUNCTION app.code_json FROM cast_owner;
:message;
GRANT EXECUTE ON FUNCTION app.code_json TO cast_owner;
\echo who could take them, and has not
GRANT EXECUTE ON FUNCTION app.code_json TO cast_guest;
GRANT SELECT ON app.labels TO cast_guest;
SET ROLE cast_guest;
:message;
RESET ROLE;
\echo type and function of two owners: the one whose rights the caller has
CREATE ROLE cast_other;
GRANT cast_other TO cast_eve;
GRANT SELECT ON app.labels TO cast_other;
GRANT EXECUTE ON FUNCTION app.code_json TO cast_other;
ALTER TYPE app.code OWNER TO cast_other;
SET ROLE cast_eve;
:message;
SET ROLE cast_member;
:message;
RESET ROLE;
ALTER TYPE app.code OWNER TO cast_owner;
ALTER FUNCTION app.code_json OWNER TO cast_other;
SET ROLE cast_eve;
:message;
RESET ROLE;
\echo of superusers: as the caller, who must be allowed to
ALTER TYPE app.code OWNER TO CURRENT_USER;
ALTER FUNCTION app.code_json OWNER TO CURRENT_USER;
SET ROLE cast_eve;
:message;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION app.code_json FROM cast_eve, cast_other;
SET ROLE cast_eve;
:message;
RESET ROLE;
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA app CASCADE;
DROP OWNED BY cast_owner, cast_eve, cast_member, cast_guest, cast_other;
DROP ROLE cast_owner, cast_eve, cast_member, cast_guest, cast_other;
