-- Whose consumer it is: who may use it, who sees it, and what becomes of it without its role.
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
\i :srcdir/include/consume.sql
\pset format unaligned
\pset tuples_only on
\pset null null
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE regress_workers;
CREATE ROLE regress_worker IN ROLE regress_workers;
CREATE ROLE regress_other;
CREATE ROLE regress_monitor IN ROLE pg_monitor;
CREATE ROLE regress_log_reader;
GRANT SELECT ON pgrealtime.log_status TO regress_log_reader;
CREATE TABLE goals (id int PRIMARY KEY, who text, secret text);
GRANT SELECT (id, who) ON goals TO regress_workers;
GRANT SELECT ON goals TO regress_other;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON goals USING (who = current_setting('request.jwt.claims', true)::json ->> 'sub');
SELECT pgrealtime.enable('goals');

\echo EXECUTE is for those to whom it is granted
SET ROLE regress_worker;
SELECT try($$SELECT pgrealtime.create_consumer('w')$$);
SELECT try($$SELECT pgrealtime.consume('w', '{goals}')$$);
SELECT try($$SELECT pgrealtime.move_consumer('w')$$);
SELECT try($$SELECT pgrealtime.drop_consumer('w')$$);
SELECT count(*) FROM pgrealtime.consumer_status;
SELECT try($$SELECT * FROM pgrealtime.consumer$$);
SELECT try($$SELECT * FROM pgrealtime.consumer_place$$);
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgrealtime.create_consumer, pgrealtime.consume, pgrealtime.move_consumer, pgrealtime.drop_consumer
  TO regress_workers, regress_other;

\echo the members of the owner may use it, each as itself
SET ROLE regress_workers;
SELECT pgrealtime.create_consumer('w') IS NOT NULL;
RESET ROLE;
INSERT INTO goals VALUES (1, 'ann', 'x'), (2, 'bob', 'x'), (3, 'ann', 'x');
SET ROLE regress_worker;
SET request.jwt.claims = '{"sub": "ann"}';
SELECT consumed('w', 'goals');
RESET ROLE;
INSERT INTO goals VALUES (4, 'ann', 'x'), (5, 'bob', 'x');
SET ROLE regress_worker;
SET request.jwt.claims = '{"sub": "bob"}';
SELECT consumed('w', 'goals');
SELECT name, owner FROM pgrealtime.consumer_status;

\echo others may not, and do not wait for it
RESET ROLE;
BEGIN; SELECT consumed('w', 'goals'); PREPARE TRANSACTION 'consumer_rights';
SET ROLE regress_other;
SET lock_timeout = '10s';
SELECT * FROM consumes('w', 'goals');
SELECT try($$SELECT pgrealtime.move_consumer('w')$$);
SELECT try($$SELECT pgrealtime.drop_consumer('w')$$);
SELECT try($$SELECT pgrealtime.create_consumer('w')$$);
SELECT count(*) FROM pgrealtime.consumer_status;
RESET lock_timeout;
RESET ROLE;
COMMIT PREPARED 'consumer_rights';

\echo a table that the worker may not read
CREATE TABLE hidden (id int PRIMARY KEY);
SELECT pgrealtime.enable('hidden');
SET ROLE regress_worker;
SELECT * FROM consumes('w', 'hidden');
SELECT consumed('w', 'goals');

\echo in a function with its owner's rights it is the owner's
RESET ROLE;
CREATE FUNCTION as_owner() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN PERFORM pgrealtime.create_consumer('definer'); RETURN owner FROM pgrealtime.consumer_status WHERE name = 'definer'; END $$;
ALTER FUNCTION as_owner() OWNER TO regress_other;
SET ROLE regress_worker;
SELECT as_owner();
SELECT * FROM consumes('definer', 'goals');

\echo who sees all: pg_monitor, and who may read log_status
SET ROLE regress_monitor;
SELECT name, owner, problem FROM pgrealtime.consumer_status;
SELECT try($$SELECT pgrealtime.drop_consumer('w')$$);
SET ROLE regress_log_reader;
SELECT name FROM pgrealtime.consumer_status;
SELECT consumers_at_risk FROM pgrealtime.log_status;

\echo a role with another name, and a role that is dropped
RESET ROLE;
ALTER ROLE regress_workers RENAME TO regress_renamed;
SELECT name, owner, problem FROM pgrealtime.consumer_status;
REVOKE ALL ON goals FROM regress_renamed;
REVOKE EXECUTE ON FUNCTION pgrealtime.create_consumer, pgrealtime.consume, pgrealtime.move_consumer, pgrealtime.drop_consumer FROM regress_renamed;
GRANT EXECUTE ON FUNCTION pgrealtime.consume, pgrealtime.drop_consumer, pgrealtime.create_consumer TO regress_worker;
DROP ROLE regress_renamed;
SELECT name, owner = (SELECT c.owner::oid::text FROM pgrealtime.consumer AS c WHERE c.name = 'w') AS has_number, problem FROM pgrealtime.consumer_status WHERE name = 'w';
SET ROLE regress_worker;
SELECT * FROM consumes('w', 'goals');
SELECT count(*) FROM pgrealtime.consumer_status;
SET ROLE regress_monitor;
SELECT name, problem FROM pgrealtime.consumer_status;
RESET ROLE;
\echo its cursor is lost
DELETE FROM pgrealtime.consumer_place WHERE name = 'definer';
SELECT name, owner, lag_changes, kept_for, problem FROM pgrealtime.consumer_status WHERE name = 'definer';
SELECT consumers_at_risk FROM pgrealtime.log_status;
SET ROLE regress_other;
SELECT * FROM consumes('definer', 'goals');
SET request.jwt.claims = '{"sub": "ann"}';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT pgrealtime.move_consumer('definer') IS NOT NULL;
SELECT count(*) FROM goals;
COMMIT;
RESET ROLE;
INSERT INTO goals VALUES (6, 'ann', 'x');
SET ROLE regress_other;
SELECT consumed('definer', 'goals');
RESET ROLE;
SELECT pgrealtime.drop_consumer('w');
SELECT name, problem FROM pgrealtime.consumer_status;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE goals, hidden;
DROP OWNED BY regress_worker, regress_other, regress_monitor, regress_log_reader;
DROP ROLE regress_worker, regress_other, regress_monitor, regress_log_reader;
