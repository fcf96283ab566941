-- Subscriptions of a session: what is refused, how they begin and end.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE subscriptions_reader;
CREATE ROLE subscriptions_other;
CREATE ROLE subscriptions_session;
GRANT subscriptions_reader TO subscriptions_session;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
\i :srcdir/include/fan_out.sql
CREATE TABLE goals (id int PRIMARY KEY, org int, secret text);
CREATE TABLE bare (id int);
CREATE VIEW seen AS SELECT * FROM goals;
SELECT pgrealtime.enable('goals');
GRANT SELECT (id, org) ON goals TO subscriptions_reader;
\pset format unaligned
\pset tuples_only on

-- What is refused leaves nothing.
SELECT try($$SELECT pgrealtime.subscribe(NULL)$$);
SELECT try($$SELECT pgrealtime.subscribe('nothing')$$);
SELECT try($$SELECT pgrealtime.subscribe('seen')$$);
SELECT try($$SELECT pgrealtime.subscribe('bare')$$);
SELECT try($$SELECT pgrealtime.subscribe(4294967295::oid::regclass)$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', 'nothing=eq.1')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', 'id=eq.one')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', events => '{MERGE}')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', columns => '{nothing}')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', columns => '{NULL}')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', 'secret=eq.a', role_name => 'subscriptions_reader')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', columns => '{secret}', role_name => 'subscriptions_reader')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', role_name => 'subscriptions_other')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', role_name => 'subscriptions_nobody')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals', role_name => 4294967295::oid::regrole)$$);
SELECT try($$SELECT pgrealtime.resubscribe(1)$$);
SELECT try($$SELECT pgrealtime.resubscribe(NULL)$$);
SELECT try($$SELECT pgrealtime.fan_out(NULL)$$);
SELECT try($$SELECT pgrealtime.fan_out('no cursor')$$);
SELECT try($$SELECT pgrealtime.fan_out(pgrealtime.current_cursor(), 0)$$);
SELECT try($$SELECT pgrealtime.fan_out(pgrealtime.current_cursor(), 100001)$$);
SELECT try($$SELECT pgrealtime.fan_out(pgrealtime.current_cursor(), NULL)$$);

-- Nobody may call them but whom they were granted to.
SET ROLE subscriptions_reader;
SELECT try($$SELECT pgrealtime.subscribe('goals')$$);
SELECT try($$SELECT pgrealtime.resubscribe(1)$$);
SELECT try($$SELECT pgrealtime.unsubscribe('{1}')$$);
SELECT try($$SELECT pgrealtime.fan_out('')$$);
RESET ROLE;

-- The session's user must be able to become the role, whatever role is set. A superuser can become any.
GRANT EXECUTE ON FUNCTION pgrealtime.subscribe, pgrealtime.fan_out TO subscriptions_session, subscriptions_reader;
SELECT subscription, cursor IS NOT NULL AS begun FROM pgrealtime.subscribe('goals', role_name => 'subscriptions_reader');
SET SESSION AUTHORIZATION subscriptions_session;
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'subscriptions_reader');
SELECT try($$SELECT pgrealtime.subscribe('goals', role_name => 'subscriptions_other')$$);
SELECT try($$SELECT pgrealtime.subscribe('goals')$$);
SET ROLE subscriptions_reader;
SELECT subscription FROM pgrealtime.subscribe('goals');
RESET SESSION AUTHORIZATION;

-- Neither ROLLBACK nor an error afterwards ends one, and numbers are not used again.
BEGIN;
SELECT subscription FROM pgrealtime.subscribe('goals', 'org=eq.1');
ROLLBACK;
SELECT start();
INSERT INTO goals VALUES (1, 1, 'a'), (2, 2, 'b');
SELECT heard();
SELECT pgrealtime.unsubscribe('{4,2,NULL,99}');
SELECT pgrealtime.unsubscribe('{4}');
SELECT pgrealtime.unsubscribe(NULL);
SELECT subscription FROM pgrealtime.subscribe('goals', 'org=eq.1', events => '{delete,INSERT}', columns => '{org}');
SELECT subscription FROM pgrealtime.subscribe('goals', 'org=eq.1', columns => '{org,id}');
UPDATE goals SET org = 3 - org;
DELETE FROM goals;
TRUNCATE goals;
SELECT heard();
-- One at a time: the cursor before a change until its last row.
SELECT start();
INSERT INTO goals VALUES (3, 1, 'c');
INSERT INTO goals VALUES (4, 1, 'd');
SELECT string_agg(subscriptions::text, ' ' ORDER BY n) AS two_rows, count(DISTINCT cursor) FILTER (WHERE subscriptions IS NOT NULL) AS cursors
FROM pgrealtime.fan_out(current_setting('test.cursor'), 1) WITH ORDINALITY AS f (cursor, change, subscriptions, error, n);
SELECT count(*) AS the_rest_and_all_again FROM pgrealtime.fan_out(current_setting('test.cursor'), 1)
  WITH ORDINALITY AS f (cursor, change, subscriptions, error, n), pgrealtime.fan_out(f.cursor) AS again
  WHERE n = 1 AND again.subscriptions IS NOT NULL;
SELECT heard(1);
SELECT heard(1);
SELECT heard(1);
-- Without any, the cursor goes on all the same.
SELECT pgrealtime.unsubscribe('{1,3,5,6}');
INSERT INTO goals VALUES (5, 1, 'e');
SELECT heard();
SELECT subscription FROM pgrealtime.subscribe('goals');
SELECT heard();
-- DISCARD ALL ends them all, as it ends what the session listens to. Errors pass by as before.
SELECT subscription FROM pgrealtime.subscribe('goals');
DISCARD PLANS;
INSERT INTO goals VALUES (6, 1, 'f');
SELECT heard();
INSERT INTO goals VALUES (7, 1, 'g');
SELECT current_setting('test.cursor') AS cursor \gset
BEGIN;
DISCARD ALL;
ROLLBACK;
DISCARD ALL;
SELECT count(*) FROM pgrealtime.fan_out(:'cursor');
SELECT subscription FROM pgrealtime.subscribe('goals');
\set VERBOSITY sqlstate
DO $$ BEGIN RAISE 'x' USING ERRCODE = 'P0042'; END $$;
\set VERBOSITY default
DROP EXTENSION pgrealtime CASCADE;
DROP FUNCTION heard, start, try;
DROP TABLE goals CASCADE;
DROP TABLE bare;
DROP ROLE subscriptions_session, subscriptions_reader, subscriptions_other;
