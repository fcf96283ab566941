-- A subscription under another role or other claims: from where it stands, nothing lost and nothing twice.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE resubscribe_one;
CREATE ROLE resubscribe_two;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
\i :srcdir/include/try.sql
CREATE TABLE goals (id int PRIMARY KEY, owner text, secret text);
SELECT pgrealtime.enable('goals');
GRANT SELECT ON goals TO resubscribe_one;
GRANT SELECT (id, owner) ON goals TO resubscribe_two;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON goals FOR SELECT USING (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'resubscribe_one', claims => '{"sub": "a"}');
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'resubscribe_one', claims => '{"sub": "a"}');
SELECT subscription FROM pgrealtime.subscribe('goals', 'secret=eq.x', role_name => 'resubscribe_one', claims => '{"sub": "b"}');
INSERT INTO goals VALUES (1, 'a', 'x'), (2, 'b', 'x');
SELECT heard();
INSERT INTO goals VALUES (3, 'a', 'x'), (4, 'b', 'x');
SELECT pgrealtime.resubscribe(1, 'resubscribe_one', '{"sub": "b"}');
SELECT heard();
-- The same, and another role.
SELECT pgrealtime.resubscribe(1, 'resubscribe_one', '{"sub": "b"}');
SELECT pgrealtime.resubscribe(2, 'resubscribe_two', '{"sub": "a"}');
UPDATE goals SET owner = 'b' WHERE id = 1;
SELECT heard();
-- What the other role may not do is refused, and nothing is changed.
SELECT try($$SELECT pgrealtime.resubscribe(3, 'resubscribe_two', '{"sub": "b"}')$$);
UPDATE goals SET owner = 'a' WHERE id = 1;
SELECT heard();
-- Only what was committed after it began is for it, whoever it is by now.
SELECT start();
INSERT INTO goals VALUES (5, 'c', 'x');
SELECT subscription FROM pgrealtime.subscribe('goals', role_name => 'resubscribe_one', claims => '{"sub": "b"}');
INSERT INTO goals VALUES (6, 'c', 'x');
SELECT pgrealtime.resubscribe(4, 'resubscribe_one', '{"sub": "c"}');
SELECT heard();
SELECT pgrealtime.resubscribe(4, current_user::regrole);
SELECT pgrealtime.unsubscribe('{1,2,3}');
INSERT INTO goals VALUES (7, 'd', 'x');
SELECT heard();
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE goals;
DROP FUNCTION heard, start, try;
DROP ROLE resubscribe_one, resubscribe_two;
