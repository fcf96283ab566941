-- What some subscriptions miss, and why: they are told, and the others receive theirs.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE errors_one;
CREATE ROLE errors_two;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
\i :srcdir/include/try.sql
CREATE TABLE goals (id int PRIMARY KEY, org int, title text);
CREATE TABLE plans (id int PRIMARY KEY, org int);
SELECT pgrealtime.enable('goals'), pgrealtime.enable('plans');
GRANT SELECT ON goals, plans TO errors_one, errors_two;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION sees(id int, title text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF id = 3 AND current_setting('request.jwt.claims') <> '' THEN
    RAISE 'the title is %', title USING ERRCODE = 'P0042';
  END IF;
  RETURN true;
END $$;
CREATE POLICY p ON goals FOR SELECT USING (sees(id, title));
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'errors_one');
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'errors_one', claims => '{}');
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'errors_two', events => '{DELETE}', claims => '{}');
SELECT subscription FROM pgrealtime.subscribe('goals', 'org=eq.1', columns => '{title}');
SELECT subscription FROM pgrealtime.subscribe('plans', role_name => 'errors_two');
SELECT subscription FROM pgrealtime.subscribe('plans', 'org=gt.1', role_name => 'errors_one');

\echo a policy that raises: only for whom it does, and only that change
INSERT INTO goals SELECT i, i % 2, 'title ' || i FROM generate_series(1, 4) AS i;
UPDATE goals SET org = 1 WHERE id IN (2, 3);
DELETE FROM goals WHERE id = 3;
SELECT heard();

\echo values that are missing
SET pgrealtime.max_image_bytes = '64kB';
CREATE FUNCTION long() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) i $$;
INSERT INTO goals VALUES (5, 1, long());
SELECT subscriptions, change->>'errors', error FROM pgrealtime.fan_out(current_setting('test.cursor'));
SELECT count(*) FROM heard();
RESET pgrealtime.max_image_bytes;
DROP POLICY p ON goals;
CREATE POLICY p ON goals FOR SELECT USING (org = 1);
SELECT heard();
INSERT INTO goals VALUES (6, 2, 'six'), (7, 1, 'seven');

\echo a gap: whom it concerns is told once, what came before is not theirs, what comes after is
ALTER TABLE goals ADD COLUMN status text DEFAULT 'open';
INSERT INTO goals VALUES (8, 1, 'eight');
SELECT subscription FROM pgrealtime.subscribe('goals', 'id=gt.8');
INSERT INTO plans VALUES (1, 1), (2, 2);
INSERT INTO goals VALUES (9, 1, 'nine');
SELECT heard();
SELECT heard();
\echo in batches of one
SELECT start();
INSERT INTO goals VALUES (10, 1, 'ten');
SELECT pgrealtime.enable('goals', payload => 'key');
INSERT INTO goals VALUES (11, 1, 'eleven');
SELECT pgrealtime.enable('goals', payload => 'full');
INSERT INTO plans VALUES (3, 3);
SELECT heard(1);
SELECT heard(1);
SELECT heard(1);
SELECT heard(1);

\echo a filter or a list of columns whose column has gone ends
ALTER TABLE goals RENAME COLUMN org TO organisation;
ALTER TABLE goals RENAME COLUMN title TO name;
SELECT heard();
INSERT INTO goals VALUES (12, 1, 'twelve');
SELECT heard();

\echo temporary objects that code of the role could find
GRANT TEMPORARY ON DATABASE :DBNAME TO errors_two;
SET ROLE errors_two;
CREATE TEMP TABLE shadow (id int);
RESET ROLE;
INSERT INTO goals VALUES (13, 1, 'thirteen');
INSERT INTO plans VALUES (13, 13);
SELECT try($$SELECT heard()$$);
DROP TABLE shadow;
REVOKE TEMPORARY ON DATABASE :DBNAME FROM errors_two;
INSERT INTO goals VALUES (14, 1, 'fourteen');
SELECT heard();

\echo a right that is lost ends what needs it
REVOKE SELECT ON plans FROM errors_one;
INSERT INTO plans VALUES (4, 4);
SELECT heard();
GRANT SELECT ON plans TO errors_one;
INSERT INTO plans VALUES (5, 5);
SELECT heard();
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
SELECT heard();
GRANT USAGE ON SCHEMA public TO PUBLIC;
\echo an error row is told until the cursor shows that it has arrived
SELECT subscription FROM pgrealtime.subscribe('plans', role_name => 'errors_one');
REVOKE SELECT ON plans FROM errors_one;
SELECT try(format('SELECT length(error) / 0 FROM pgrealtime.fan_out(%L)', current_setting('test.cursor')));
SELECT current_setting('test.cursor') AS before \gset
SELECT heard();
SELECT heard();
SELECT error FROM pgrealtime.fan_out(:'before') WHERE error IS NOT NULL;
SELECT set_config('test.cursor', :'before', false) = :'before';
SELECT heard();
SELECT heard();
GRANT SELECT ON plans TO errors_one;
\echo also by waiting, which returns a cursor that may have been used before
SELECT subscription FROM pgrealtime.subscribe('plans', role_name => 'errors_one');
REVOKE SELECT ON plans FROM errors_one;
SELECT start();
SELECT heard();
SELECT current_setting('test.cursor') AS told \gset
CALL pgrealtime.wait(:'told', '1 ms') \gset
SELECT set_config('test.cursor', :'cursor', false) <> :'told' AS further;
SELECT heard();
GRANT SELECT ON plans TO errors_one;
\echo a membership
CREATE ROLE errors_session;
GRANT errors_one TO errors_session;
GRANT EXECUTE ON FUNCTION pgrealtime.subscribe, pgrealtime.fan_out TO errors_session;
SET SESSION AUTHORIZATION errors_session;
SELECT subscription FROM pgrealtime.subscribe('plans', role_name => 'errors_one');
RESET SESSION AUTHORIZATION;
REVOKE errors_one FROM errors_session;
SET SESSION AUTHORIZATION errors_session;
SELECT heard();
RESET SESSION AUTHORIZATION;
DROP OWNED BY errors_session;
DROP ROLE errors_session;
\echo a table that is being altered stops nobody else
SELECT subscription FROM pgrealtime.subscribe('goals');
SELECT subscription FROM pgrealtime.subscribe('plans');
SELECT start();
INSERT INTO goals VALUES (15, 1, 'fifteen');
INSERT INTO plans VALUES (15, 15);
INSERT INTO goals VALUES (16, 1, 'sixteen');
BEGIN;
LOCK TABLE plans IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'altering';
SET lock_timeout = '1ms';
SELECT heard();
SELECT heard();
SELECT start();
INSERT INTO goals VALUES (17, 1, 'seventeen');
SELECT heard();
COMMIT PREPARED 'altering';
RESET lock_timeout;
SELECT heard();
\echo a relation that has gone, or is captured no more
SELECT pgrealtime.unsubscribe('{4}');
SELECT subscription FROM pgrealtime.subscribe('plans');
SELECT subscription FROM pgrealtime.subscribe('goals');
SELECT pgrealtime.disable('goals');
DROP TABLE plans;
SELECT heard();
SELECT heard();
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE goals;
DROP FUNCTION heard, start, try, sees, long;
DROP ROLE errors_one, errors_two;
