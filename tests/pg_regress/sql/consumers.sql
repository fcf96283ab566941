-- Consumers: cursors under a name, moved in the transaction that reads.
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
\i :srcdir/include/consume.sql
\pset format unaligned
\pset tuples_only on
\pset null null
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE goals (id int PRIMARY KEY, status text);
CREATE TABLE done (id int, what text);
SELECT pgrealtime.enable('goals');
\set behind 'SELECT name, lag_changes, lag > \'0\' AS late, kept_for > \'23:59\' AS kept, problem FROM pgrealtime.consumer_status;'

\echo it begins at the end of the log
INSERT INTO goals VALUES (1, 'before');
SELECT pgrealtime.create_consumer('mailer') IS NOT NULL;
SELECT consumed('mailer', 'goals');
INSERT INTO goals VALUES (2, 'open'), (3, 'open');
:behind
SELECT consumed('mailer', 'goals');
:behind
SELECT consumed('mailer', 'goals');
SELECT last_used > created_at, lag_bytes, lag FROM pgrealtime.consumer_status;

\echo or at a cursor
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO goals VALUES (4, 'open');
SELECT pgrealtime.create_consumer('indexer', :'start') = :'start';
SELECT consumed('indexer', 'goals');

\echo what a transaction takes is given again when it is rolled back
INSERT INTO goals VALUES (5, 'open'), (6, 'open'), (7, 'open');
BEGIN; SELECT consumed('mailer', 'goals'); ROLLBACK;
BEGIN;
SELECT consumed('mailer', 'goals', max_changes => 1);
SAVEPOINT s;
SELECT consumed('mailer', 'goals', max_changes => 1);
ROLLBACK TO s;
SELECT consumed('mailer', 'goals', max_changes => 2);
SAVEPOINT s;
SELECT consumed('mailer', 'goals', max_changes => 1);
RELEASE s;
COMMIT;
SELECT consumed('mailer', 'goals');

\echo the work and the move are one
INSERT INTO goals VALUES (8, 'open'), (9, 'open');
BEGIN;
INSERT INTO done SELECT (change -> 'record' ->> 'id')::int, change ->> 'type' FROM pgrealtime.consume('mailer', '{goals}') WHERE change IS NOT NULL;
ROLLBACK;
INSERT INTO done SELECT (change -> 'record' ->> 'id')::int, change ->> 'type' FROM pgrealtime.consume('mailer', '{goals}') WHERE change IS NOT NULL;
SELECT * FROM done;

\echo what the transaction writes itself comes later, once
BEGIN;
UPDATE goals SET status = 'a' WHERE id = 1;
SELECT consumed('mailer', 'goals');
UPDATE goals SET status = 'b' WHERE id = 1;
SELECT consumed('mailer', 'goals');
COMMIT;
SELECT consumed('mailer', 'goals');
SELECT consumed('mailer', 'goals');
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE goals SET status = 'c' WHERE id = 1;
SELECT consumed('mailer', 'goals');
SELECT consumed('mailer', 'goals');
COMMIT;
SELECT consumed('mailer', 'goals');

\echo filter, events, columns, net
INSERT INTO goals VALUES (10, 'open'), (11, 'shut');
UPDATE goals SET status = 'shut' WHERE id = 10;
SELECT pgrealtime.create_consumer('net', :'start') IS NOT NULL;
SELECT consumed('net', 'goals', 'id=gte.10', net => true);
SELECT consumed('net', 'goals');
SELECT pgrealtime.move_consumer('net', :'start') = :'start';
SELECT change ->> 'type', change -> 'record' FROM pgrealtime.consume('net', '{goals}', 'id=eq.10', '{UPDATE}', '{id}');
SELECT pgrealtime.drop_consumer('net');
SELECT consumed('mailer', 'goals');

\echo names
SELECT try($$SELECT pgrealtime.create_consumer('mailer')$$);
SELECT try($$SELECT pgrealtime.create_consumer('')$$);
SELECT try($$SELECT pgrealtime.create_consumer(repeat('é', 32))$$);
SELECT try($$SELECT pgrealtime.create_consumer(NULL)$$);
SELECT try($$SELECT pgrealtime.create_consumer('x', 'wrong')$$);
SELECT try($$SELECT pgrealtime.drop_consumer('nobody')$$);
SELECT try($$SELECT pgrealtime.move_consumer('nobody')$$);
SELECT try($$SELECT pgrealtime.consume('nobody', '{goals}')$$);
SELECT try($$SELECT pgrealtime.move_consumer('mailer', 'wrong')$$);
SELECT pgrealtime.create_consumer($$it's "quoted"; DROP TABLE goals$$) IS NOT NULL;
SELECT consumed($$it's "quoted"; DROP TABLE goals$$, 'goals');
SELECT try($$SELECT pgrealtime.create_consumer('it''s "quoted"; DROP TABLE goals')$$);
SELECT pgrealtime.drop_consumer($$it's "quoted"; DROP TABLE goals$$);
SELECT pgrealtime.create_consumer(repeat('é', 31)) IS NOT NULL, pgrealtime.drop_consumer(repeat('é', 31));

\echo wrong arguments fail before anything is locked or moved
SELECT try($$SELECT pgrealtime.consume('mailer', NULL)$$);
SELECT try($$SELECT pgrealtime.consume('mailer', '{goals}', max_changes => 0)$$);
SELECT try($$SELECT pgrealtime.consume('mailer', '{goals,done}', 'id=eq.1')$$);
SELECT try($$SELECT pgrealtime.consume('mailer', '{done}')$$);

\echo where nothing may be written
BEGIN READ ONLY; SELECT try($$SELECT pgrealtime.consume('mailer', '{goals}')$$); COMMIT;
BEGIN READ ONLY; SELECT try($$SELECT pgrealtime.create_consumer('x')$$); COMMIT;
BEGIN READ ONLY; SELECT try($$SELECT pgrealtime.move_consumer('mailer')$$); COMMIT;
BEGIN READ ONLY; SELECT try($$SELECT pgrealtime.drop_consumer('mailer')$$); COMMIT;

\echo another transaction has it
INSERT INTO goals VALUES (12, 'open');
BEGIN; SELECT consumed('mailer', 'goals'); PREPARE TRANSACTION 'consumers';
SET lock_timeout = '50ms';
SELECT * FROM consumes('mailer', 'goals');
SELECT try($$SELECT pgrealtime.move_consumer('mailer')$$);
SELECT try($$SELECT pgrealtime.drop_consumer('mailer')$$);
SELECT try($$SELECT pgrealtime.create_consumer('mailer')$$);
SELECT consumed('indexer', 'goals');
RESET lock_timeout;
ROLLBACK PREPARED 'consumers';
BEGIN; SELECT consumed('mailer', 'goals'); PREPARE TRANSACTION 'consumers';
COMMIT PREPARED 'consumers';
SELECT consumed('mailer', 'goals');
BEGIN; SELECT pgrealtime.create_consumer('new') IS NOT NULL; PREPARE TRANSACTION 'consumers';
SET lock_timeout = '50ms';
SELECT try($$SELECT pgrealtime.create_consumer('new')$$);
SELECT try($$SELECT pgrealtime.consume('new', '{goals}')$$);
RESET lock_timeout;
ROLLBACK PREPARED 'consumers';
SELECT count(*) FROM pgrealtime.consumer_status WHERE name = 'new';
BEGIN; SELECT pgrealtime.drop_consumer('indexer'), pgrealtime.create_consumer('indexer') IS NOT NULL; ROLLBACK;
BEGIN; SELECT pgrealtime.drop_consumer('indexer'); SELECT pgrealtime.create_consumer('indexer') IS NOT NULL; COMMIT;
SELECT name FROM pgrealtime.consumer_status;

\echo a snapshot that is older than the consumer: nothing, and the consumer stays
INSERT INTO goals VALUES (13, 'open');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM goals;
\setenv PGDATABASE :DBNAME
\! psql -X -q -At -c "INSERT INTO goals VALUES (14, 'open')" -c "SELECT consumed('mailer', 'goals')" 2>&1
SELECT consumed('mailer', 'goals');
SELECT name, lag_changes FROM pgrealtime.consumer_status WHERE name = 'mailer';
COMMIT;
SELECT consumed('mailer', 'goals');
INSERT INTO goals VALUES (15, 'open');
SELECT consumed('mailer', 'goals');

\echo a cancel, caught: the consumer is where it was
CREATE FUNCTION sleeps(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN IF $1 = 17 AND current_setting(''test.sleeps'', true) = ''on'' THEN PERFORM pg_sleep(600); END IF; RETURN true; END';
CREATE ROLE regress_consumer_reader;
GRANT SELECT ON goals TO regress_consumer_reader;
GRANT EXECUTE ON FUNCTION pgrealtime.create_consumer, pgrealtime.consume, pgrealtime.move_consumer, pgrealtime.drop_consumer TO regress_consumer_reader;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON goals USING (sleeps(id));
SET ROLE regress_consumer_reader;
SELECT pgrealtime.create_consumer('reader') IS NOT NULL;
RESET ROLE;
INSERT INTO goals VALUES (16, 'open'), (17, 'open');
CREATE FUNCTION interrupted() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN consumed('reader', 'goals');
EXCEPTION WHEN query_canceled THEN
  RETURN SQLERRM;
END $$;
SET ROLE regress_consumer_reader;
SET test.sleeps = 'on';
BEGIN;
SET LOCAL statement_timeout = '100ms';
SELECT interrupted();
SET LOCAL statement_timeout = 0;
SET LOCAL test.sleeps = 'off';
SELECT consumed('reader', 'goals');
COMMIT;
SELECT consumed('reader', 'goals');
RESET ROLE;

\echo a policy that fails: DETAIL has where to go on
CREATE OR REPLACE FUNCTION sleeps(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1 / ($1 - 19) IS NOT NULL; END';
INSERT INTO goals VALUES (18, 'open'), (19, 'open'), (20, 'open');
SET ROLE regress_consumer_reader;
SELECT consumed('reader', 'goals');
SELECT * FROM consumes('reader', 'goals');
SELECT * FROM consumes('reader', 'goals');
SELECT pgrealtime.move_consumer('reader', current_setting('test.skip')) IS NOT NULL;
SELECT consumed('reader', 'goals');

\echo a policy that consumes
RESET ROLE;
CREATE OR REPLACE FUNCTION sleeps(int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN PERFORM pgrealtime.consume('reader', '{goals}'); RETURN true; END$$;
INSERT INTO goals VALUES (21, 'open');
SET ROLE regress_consumer_reader;
SELECT * FROM consumes('reader', 'goals');
RESET ROLE;
CREATE OR REPLACE FUNCTION sleeps(int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM pgrealtime.drop_consumer('reader');
  RETURN true;
EXCEPTION WHEN statement_too_complex THEN
  RETURN true;
END $$;
SET ROLE regress_consumer_reader;
SELECT consumed('reader', 'goals');
SELECT pgrealtime.drop_consumer('reader');
RESET ROLE;

\echo read the table again
SELECT pgrealtime.enable('goals', payload => 'key');
SELECT * FROM consumes('mailer', 'goals');
SELECT pgrealtime.move_consumer('mailer') IS NOT NULL;
DELETE FROM goals WHERE id = 1;
SELECT consumed('mailer', 'goals');

\echo a consumer is restored with its database, so it outlives invalidate_cursors()
SELECT pgrealtime.current_cursor() AS old \gset
DELETE FROM goals WHERE id = 2;
SELECT pgrealtime.invalidate_cursors();
:behind
SELECT consumed('mailer', 'goals');
SELECT consumed('mailer', 'goals');
SELECT try($$SELECT pgrealtime.move_consumer('mailer', '$$ || :'old' || $$')$$);
SELECT count(*) FROM pgrealtime.changes_since(current_setting('test.cursor'), '{goals}');

\echo a cursor of another log
UPDATE pgrealtime.consumer_place SET cursor = 'damaged' WHERE name = 'mailer';
SELECT * FROM consumes('mailer', 'goals');
SELECT name, lag_changes, lag, kept_for, problem FROM pgrealtime.consumer_status WHERE name = 'mailer';
SELECT consumers_at_risk FROM pgrealtime.log_status;
SELECT pgrealtime.drop_consumer('mailer'), pgrealtime.drop_consumer('indexer');
SELECT consumers_at_risk FROM pgrealtime.log_status;
SELECT count(*) FROM pgrealtime.consumer_place;
DROP OWNED BY regress_consumer_reader;
DROP ROLE regress_consumer_reader;
