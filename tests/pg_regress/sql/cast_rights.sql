-- A cast to json of superusers runs as the caller, as in row_to_json; cast_owners has those of others.
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE cast_eve;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.labels (code text, label text);
INSERT INTO app.labels VALUES ('a', 'Secret A'), ('b', 'Secret B');
CREATE TYPE app.code AS ENUM ('a', 'b');
CREATE FUNCTION app.code_json(app.code) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT to_json(current_user || ': ' || label) FROM app.labels WHERE code = $1::text);
END $$;
REVOKE EXECUTE ON FUNCTION app.code_json FROM PUBLIC;
CREATE CAST (app.code AS json) WITH FUNCTION app.code_json(app.code);
CREATE TABLE app.t (id int PRIMARY KEY, c app.code);
GRANT SELECT, INSERT ON app.t TO cast_eve;
INSERT INTO app.t VALUES (1, 'a');
SELECT pgrealtime.enable('app.t', sinks => '{log,wal}');
SELECT pgrealtime.current_cursor() AS from \gset
\set message 'SELECT pgrealtime.change_message(''INSERT'', t, NULL) #>> ''{record,c}'' FROM app.t WHERE id = 1'

\echo who may not call the function
SET ROLE cast_eve;
SELECT c::json FROM app.t;
:message;
CREATE TEMP TABLE probe (c app.code);
INSERT INTO probe VALUES ('b');
SELECT pgrealtime.change_message('INSERT', p, NULL) #>> '{record,c}' FROM probe AS p;
DROP TABLE probe;
\echo and who may, but not read what it reads
RESET ROLE;
GRANT EXECUTE ON FUNCTION app.code_json TO cast_eve;
SET ROLE cast_eve;
SELECT row_to_json(t) FROM app.t;
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
:message;
SELECT undelivered FROM pgrealtime.log_status;
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA app CASCADE;
DROP ROLE cast_eve;
