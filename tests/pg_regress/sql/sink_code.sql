-- What counts as code at the table of the messages, besides functions of users that are named there: a trigger's WHEN and
-- arguments, what an operator or a type uses in turn, and functions of Postgres that run a query given as text.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean,
    at timestamp DEFAULT now(), id uuid DEFAULT gen_random_uuid());
CREATE TABLE sent (id int PRIMARY KEY);
SELECT pgrealtime.enable('sent', sinks => '{broadcast}', broadcast_topic => 'all');
SET client_min_messages = warning;
INSERT INTO sent VALUES (1);
SELECT count(*) FROM realtime.messages;
\echo A trigger of somebody who has nothing but the privilege TRIGGER.
CREATE ROLE code_eve;
GRANT USAGE ON SCHEMA realtime TO code_eve;
GRANT USAGE, CREATE ON SCHEMA public TO code_eve;
GRANT TRIGGER ON realtime.messages TO code_eve;
SET ROLE code_eve;
CREATE FUNCTION planted() RETURNS tsvector LANGUAGE plpgsql AS $$
BEGIN
  RAISE WARNING 'planted code runs as %', current_user;
  ALTER ROLE code_eve SUPERUSER;
  RETURN 'a';
END $$;
CREATE TRIGGER look BEFORE INSERT ON realtime.messages FOR EACH ROW
  WHEN (ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, ''b''::tsquery FROM public.planted()') IS NULL)
  EXECUTE FUNCTION suppress_redundant_updates_trigger();
RESET ROLE;
INSERT INTO sent VALUES (2);
SELECT rolsuper FROM pg_roles WHERE rolname = 'code_eve';
DROP TRIGGER look ON realtime.messages;
INSERT INTO sent VALUES (3);
SELECT count(*) FROM realtime.messages;
\echo A domain over a domain, and an operator, with functions of hers.
SET ROLE code_eve;
CREATE DOMAIN inner_domain AS text;
CREATE FUNCTION checks(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'a check runs as %', current_user; RETURN true; END $$;
CREATE FUNCTION compares(boolean, boolean) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'an operator runs as %', current_user; RETURN true; END $$;
ALTER DOMAIN inner_domain ADD CHECK (checks(VALUE));
RESET ROLE;
CREATE DOMAIN outer_domain AS inner_domain;
ALTER TABLE realtime.messages ALTER topic TYPE outer_domain;
INSERT INTO sent VALUES (4);
ALTER TABLE realtime.messages ALTER topic TYPE text;
CREATE OPERATOR === (FUNCTION = compares, LEFTARG = boolean, RIGHTARG = boolean);
ALTER TABLE realtime.messages ADD CHECK (private OPERATOR(public.===) true) NOT VALID;
INSERT INTO sent VALUES (5);
ALTER TABLE realtime.messages DROP CONSTRAINT messages_private_check;
INSERT INTO sent VALUES (6);
SELECT count(*) FROM realtime.messages;
\echo A default that runs a query by name, and a temporary view of that name.
SET client_min_messages = error;
CREATE TABLE configuration (value int);
ALTER TABLE realtime.messages ADD settings xml DEFAULT query_to_xml('SELECT * FROM public.configuration', false, false, '');
CREATE ROLE code_writer;
GRANT TEMP ON DATABASE regression TO code_writer;
GRANT INSERT ON sent TO code_writer;
SET ROLE code_writer;
SET client_min_messages = warning;
INSERT INTO sent VALUES (7);
CREATE FUNCTION pg_temp.traps() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'a trap runs as %', current_user; RETURN 1; END $$;
CREATE TEMP VIEW configuration AS SELECT pg_temp.traps() AS value;
INSERT INTO sent VALUES (8);
RESET ROLE;
SELECT count(*) FROM realtime.messages;
DISCARD TEMP;
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA realtime CASCADE;
DROP TABLE sent, configuration;
DROP OPERATOR === (boolean, boolean);
DROP DOMAIN outer_domain;
DROP OWNED BY code_eve, code_writer;
DROP ROLE code_eve, code_writer;
