-- Code that runs with rights which the owner of temporary objects lacks never finds these objects.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE temp_writer;
CREATE ROLE temp_owner;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean);
CREATE TABLE audit (topic text);
CREATE TABLE sent (id int PRIMARY KEY);
GRANT SELECT, INSERT ON sent TO temp_writer;
SELECT pgrealtime.enable('sent', sinks => '{log,broadcast}', broadcast_topic => 'all');
\set sent 'SELECT payload #>> ''{record,id}'' FROM realtime.messages ORDER BY payload #> ''{record,id}'''
-- The role as which the code of the temporary objects runs.
CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'the trap runs as %', current_user; RETURN true; END $$;
CREATE FUNCTION trap_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN NEW; END $$;

\echo no code of users: temporary tables do not matter
SET ROLE temp_writer;
CREATE TEMP TABLE other (id int);
INSERT INTO sent VALUES (1);
RESET ROLE;
:sent;
\echo a trigger that names its table without a schema
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit VALUES (NEW.topic); RETURN NEW; END $$;
CREATE TRIGGER audit AFTER INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION audit();
SET ROLE temp_writer;
CREATE TEMP TABLE audit (topic text);
CREATE TRIGGER trap BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION public.trap_trigger();
GRANT ALL ON audit TO PUBLIC;
INSERT INTO sent VALUES (2);
\echo a function that sets its own path
RESET ROLE;
ALTER FUNCTION audit() SET search_path = public;
SET ROLE temp_writer;
INSERT INTO sent VALUES (3);
RESET ROLE;
:sent;
SELECT undelivered FROM pgrealtime.log_status;
\echo a type, which may have a CHECK
DROP TABLE pg_temp.audit, pg_temp.other;
SET ROLE temp_writer;
CREATE DOMAIN pg_temp.audit_word AS text CHECK (public.trap());
INSERT INTO sent VALUES (4);
RESET ROLE;
:sent;
\echo temporary objects of somebody who has the rights
DROP DOMAIN pg_temp.audit_word;
CREATE TEMP TABLE own (id int);
INSERT INTO sent VALUES (5);
:sent;
DROP TABLE pg_temp.own;
\echo they are gone
SET ROLE temp_writer;
INSERT INTO sent VALUES (6);
RESET ROLE;
:sent;
SELECT * FROM audit;
\echo a rule, a policy that is forced upon the owner
DROP TRIGGER audit ON realtime.messages;
SET ROLE temp_writer;
CREATE TEMP TABLE audit (topic text);
RESET ROLE;
CREATE RULE audit AS ON INSERT TO realtime.messages DO ALSO INSERT INTO public.audit VALUES (NEW.topic);
SET ROLE temp_writer;
INSERT INTO sent VALUES (7);
RESET ROLE;
DROP RULE audit ON realtime.messages;
ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY;
CREATE POLICY word ON realtime.messages FOR INSERT WITH CHECK (true);
SET ROLE temp_writer;
INSERT INTO sent VALUES (8);
RESET ROLE;
ALTER TABLE realtime.messages FORCE ROW LEVEL SECURITY;
SET ROLE temp_writer;
INSERT INTO sent VALUES (9);
RESET ROLE;
:sent;
SELECT undelivered FROM pgrealtime.log_status;

\echo casts to json of superusers, called by a function that is SECURITY DEFINER
CREATE SCHEMA app AUTHORIZATION temp_owner;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET ROLE temp_owner;
CREATE TABLE app.labels (code text, label text);
INSERT INTO app.labels VALUES ('a', 'Label A');
GRANT SELECT ON app.labels TO PUBLIC;
RESET ROLE;
CREATE TYPE app.code AS ENUM ('a', 'b');
CREATE FUNCTION app.code_json(app.code) RETURNS json LANGUAGE plpgsql STABLE SET search_path = app AS $$ DECLARE told json; BEGIN EXECUTE 'SELECT to_json(label) FROM labels WHERE code = $1::text' INTO told USING $1; RETURN told; END $$;
CREATE CAST (app.code AS json) WITH FUNCTION app.code_json(app.code);
SET ROLE temp_owner;
CREATE TABLE app.t (id int PRIMARY KEY, c app.code);
INSERT INTO app.t VALUES (1, 'a');
CREATE FUNCTION app.told() RETURNS json LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$ SELECT pgrealtime.change_message('INSERT', t, NULL) -> 'record' FROM app.t $$;
RESET ROLE;
SET ROLE temp_writer;
DROP TABLE pg_temp.audit;
SELECT app.told();
CREATE TEMP TABLE labels (code text, label text);
ALTER TABLE labels ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap ON labels USING (public.trap());
GRANT ALL ON labels TO PUBLIC;
INSERT INTO labels VALUES ('a', 'Planted');
SELECT app.told();
\echo and without them
DROP TABLE pg_temp.labels;
SELECT app.told();
RESET ROLE;

\echo diagnose: policies of a role that the owner of the temporary tables is not
CREATE FUNCTION app.seen() RETURNS boolean LANGUAGE plpgsql STABLE AS $$ DECLARE told boolean; BEGIN EXECUTE 'SELECT EXISTS (SELECT FROM labels)' INTO told; RETURN told; END $$;
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON app.t USING (app.seen());
CREATE ROLE temp_reader IN ROLE temp_owner;
GRANT SELECT ON app.t TO temp_reader;
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO temp_owner;
SELECT pgrealtime.enable('app.t');
CREATE FUNCTION app.asked() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = app AS $$ SELECT count(*) FROM pgrealtime.diagnose('app.t', 'temp_reader') $$;
SET ROLE temp_writer;
SELECT app.asked() > 0;
CREATE TEMP TABLE labels (code text, label text);
ALTER TABLE labels ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap ON labels USING (public.trap());
GRANT ALL ON labels TO PUBLIC;
INSERT INTO labels VALUES ('a', 'Planted');
SELECT app.asked();
\echo a filter runs nothing of the kind
CREATE FUNCTION pg_temp.checked() RETURNS text LANGUAGE sql AS $$ SELECT pgrealtime.check_filter('sent', 'id=eq.1')::text $$;
SELECT pg_temp.checked() IS NOT NULL;
RESET ROLE;
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA app, realtime CASCADE;
DROP TABLE sent, audit;
DROP FUNCTION audit;
DROP OWNED BY temp_writer, temp_owner, temp_reader;
DROP FUNCTION trap CASCADE;
DROP FUNCTION trap_trigger;
DROP ROLE temp_writer, temp_owner, temp_reader;
