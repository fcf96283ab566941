-- Code that may run with the rights of the owner of realtime.messages: the owner's own, and that of roles with these rights.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE makers_owner NOINHERIT;
CREATE ROLE makers_group;
CREATE ROLE makers_eve;
CREATE ROLE makers_guest NOINHERIT IN ROLE makers_owner;
CREATE ROLE makers_member IN ROLE makers_owner;
GRANT makers_group TO makers_owner;
CREATE SCHEMA realtime AUTHORIZATION makers_owner;
GRANT USAGE, CREATE ON SCHEMA realtime TO PUBLIC;
SET ROLE makers_owner;
CREATE TABLE realtime.messages (topic text, extension text, payload jsonb, event text, private boolean) PARTITION BY LIST (topic);
CREATE TABLE realtime.secret (word text);
GRANT TRIGGER ON realtime.messages TO makers_eve;
RESET ROLE;
-- Partitions of a superuser, as Realtime makes them.
CREATE TABLE realtime.messages_all PARTITION OF realtime.messages DEFAULT;
GRANT TRIGGER ON realtime.messages_all TO makers_eve;
CREATE TABLE sent (id serial PRIMARY KEY);
GRANT SELECT ON sent TO makers_owner;
SELECT pgrealtime.enable('sent', sinks => '{broadcast}', broadcast_topic => 'all');
\set send 'INSERT INTO sent DEFAULT VALUES; SELECT count(*) FROM realtime.messages'
:send;
\echo a trigger of a role with the privilege TRIGGER
SET ROLE makers_eve;
CREATE FUNCTION realtime.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'runs as %, who reads % secrets', current_user, (SELECT count(*) FROM realtime.secret); RETURN NEW; END $$;
CREATE TRIGGER look BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.look();
RESET ROLE;
:send;
-- As long as a stranger may make triggers, nobody can say who made this one.
\echo of a superuser, while a stranger has the privilege
ALTER FUNCTION realtime.look OWNER TO CURRENT_USER;
:send;
REVOKE TRIGGER ON realtime.messages, realtime.messages_all FROM makers_eve;
SET ROLE makers_owner;
REVOKE TRIGGER ON realtime.messages FROM makers_eve;
RESET ROLE;
\echo of a role that the owner is a member of
ALTER FUNCTION realtime.look OWNER TO makers_group;
:send;
\echo of a member that does not inherit the rights, but could SET ROLE
ALTER FUNCTION realtime.look OWNER TO makers_guest;
:send;
\echo of a member with the rights
ALTER FUNCTION realtime.look OWNER TO makers_member;
:send;
\echo of the owner
ALTER FUNCTION realtime.look OWNER TO makers_owner;
:send;
\echo of a superuser
ALTER FUNCTION realtime.look OWNER TO CURRENT_USER;
:send;
\echo a partition of another role
ALTER TABLE realtime.messages_all OWNER TO makers_eve;
:send;
ALTER TABLE realtime.messages_all OWNER TO makers_owner;
:send;
\echo a policy that is forced upon the owner
ALTER TABLE realtime.messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE FUNCTION realtime.may() RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE POLICY may ON realtime.messages FOR INSERT WITH CHECK (realtime.may());
:send;
ALTER FUNCTION realtime.may OWNER TO makers_eve;
:send;
\echo and one that is not
ALTER TABLE realtime.messages NO FORCE ROW LEVEL SECURITY;
:send;
SELECT undelivered FROM pgrealtime.log_status;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE sent;
DROP SCHEMA realtime CASCADE;
DROP ROLE makers_owner, makers_group, makers_eve, makers_guest, makers_member;
