-- A table that stays locked for longer than lock_timeout: whom it concerns is told, and nobody else waits. A prepared
-- transaction takes the place of another session.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE ROLE locked_reader;
CREATE TABLE goals (id int PRIMARY KEY, org int);
CREATE TABLE plans (id int PRIMARY KEY);
CREATE TABLE members (org int);
CREATE TABLE hints (org int);
GRANT SELECT ON goals, plans, members, hints TO locked_reader;
SELECT pgrealtime.enable('goals'), pgrealtime.enable('plans');
\pset format unaligned
\pset tuples_only on
-- told(): as heard(), and the cursor stays where it is.
CREATE FUNCTION told() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE at text := current_setting('test.cursor');
BEGIN
  RETURN QUERY SELECT heard();
  PERFORM set_config('test.cursor', at, false);
END $$;
SET lock_timeout = '10ms';
SELECT start();
SELECT subscription FROM pgrealtime.subscribe('goals', 'id=gt.1');
SELECT subscription FROM pgrealtime.subscribe('plans');

\echo what was written before the lock, of a table and of others
INSERT INTO plans VALUES (1);
INSERT INTO goals VALUES (1, 1), (2, 1);
INSERT INTO plans VALUES (2);
SELECT subscription FROM pgrealtime.subscribe('goals');
BEGIN;
LOCK TABLE goals IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SELECT told();
\echo in batches of one
SELECT current_setting('test.cursor') AS c \gset
SELECT heard(1);
SELECT heard(1);
SELECT heard(1);
SHOW lock_timeout;
ROLLBACK PREPARED 'another session';
\echo without the lock, from the cursor before
SELECT set_config('test.cursor', :'c', false) = :'c';
SELECT heard();

\echo a table that the policy reads
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON goals FOR SELECT USING (org IN (SELECT org FROM members));
INSERT INTO members VALUES (1);
SELECT subscription FROM generate_series(1, 3) AS n, pgrealtime.subscribe('goals', role_name => 'locked_reader', claims => jsonb_build_object('n', n));
SELECT subscription FROM pgrealtime.subscribe('goals', 'id=eq.7', role_name => 'locked_reader');
INSERT INTO goals VALUES (3, 1);
INSERT INTO plans VALUES (3);
BEGIN;
LOCK TABLE members IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SELECT told();
SHOW lock_timeout;
SET pgrealtime.share_policies = off;
SELECT told();
RESET pgrealtime.share_policies;
ROLLBACK PREPARED 'another session';
SELECT told();
\echo many readers who cannot share answers: some wait, for a moment each, and the others not at all
CREATE SEQUENCE asked;
GRANT USAGE ON asked TO locked_reader;
CREATE FUNCTION is_member(of int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  PERFORM nextval('public.asked');
  RETURN EXISTS (SELECT FROM public.hints WHERE org = of);
END $$;
ALTER POLICY p ON goals USING (is_member(org));
INSERT INTO hints VALUES (1);
SELECT count(subscription) FROM generate_series(1, 300) AS n, pgrealtime.subscribe('goals', role_name => 'locked_reader', claims => jsonb_build_object('many', n));
SELECT start();
INSERT INTO goals VALUES (4, 1);
SELECT setval('asked', 1, false);
BEGIN;
LOCK TABLE hints IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SELECT cardinality(subscriptions), error FROM pgrealtime.fan_out(current_setting('test.cursor')) WHERE error IS NOT NULL;
SELECT last_value < 100 AS asked_few FROM asked;
SHOW lock_timeout;
ROLLBACK PREPARED 'another session';
SELECT cardinality(subscriptions), change ->> 'record', error FROM pgrealtime.fan_out(current_setting('test.cursor')) WHERE subscriptions IS NOT NULL;
\echo code of an owner does not reach lock_timeout of the session
ALTER POLICY p ON goals USING (is_member(org));
CREATE OR REPLACE FUNCTION is_member(of int) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM set_config('lock_timeout', '2147483647', true);
  PERFORM pg_sleep(0.011);
  RAISE EXCEPTION 'no' USING ERRCODE = '55P03';
END $$;
SELECT start();
INSERT INTO goals VALUES (5, 1);
SELECT cardinality(subscriptions), error FROM pgrealtime.fan_out(current_setting('test.cursor')) WHERE error IS NOT NULL;
SHOW lock_timeout;
DROP POLICY p ON goals;
SELECT pgrealtime.unsubscribe(array(SELECT generate_series(4, 307)));

\echo two locked tables: their entries do not end a batch, and a table that stays locked is waited for once
CREATE TABLE others (id int PRIMARY KEY);
SELECT pgrealtime.enable('others');
SELECT count(*) FROM unnest('{goals,plans,others}'::regclass[]) AS t, pgrealtime.subscribe(t);
SELECT start();
DO $$BEGIN FOR i IN 100..110 LOOP INSERT INTO goals VALUES (i, 1); INSERT INTO plans VALUES (i); END LOOP; END$$;
INSERT INTO others VALUES (1);
BEGIN;
LOCK TABLE goals, plans IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SELECT told();
-- Without lock_timeout, a call would wait for ever.
SET lock_timeout = 0;
SELECT heard();
ROLLBACK PREPARED 'another session';
INSERT INTO goals VALUES (111, 1);
SELECT heard();
SET lock_timeout = '10ms';

\echo what a locked table costs does not depend on how many entries it has
SELECT count(*) FROM generate_series(1, 2000) AS n, pgrealtime.subscribe('goals', 'id=eq.' || -n);
SELECT start();
INSERT INTO goals SELECT i, 1 FROM generate_series(1000, 21000) AS i;
BEGIN;
LOCK TABLE goals IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SELECT cardinality(subscriptions), error FROM pgrealtime.fan_out(current_setting('test.cursor')) WHERE error IS NOT NULL;
ROLLBACK PREPARED 'another session';
DROP OWNED BY locked_reader;
DROP ROLE locked_reader;
