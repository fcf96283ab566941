-- The error after lock_timeout names the table. A prepared transaction takes the place of another session.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE lock_reader;
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
CREATE TABLE app.kept (id int PRIMARY KEY);
CREATE TABLE app.members (id int);
CREATE TABLE app.fresh (id int PRIMARY KEY);
GRANT SELECT ON app.kept, app.members TO PUBLIC;
SELECT pgrealtime.enable('app.kept');
ALTER TABLE app.kept ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON app.kept USING (id IN (SELECT id FROM app.members));
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO app.members VALUES (1);
INSERT INTO app.kept VALUES (1);
SET ROLE lock_reader;
-- The session knows the table and its policies.
SELECT change -> 'record' AS record FROM pgrealtime.changes_since(:'c', '{app.kept}') WHERE change IS NOT NULL;
RESET ROLE;
BEGIN;
LOCK TABLE app.members, app.fresh IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
SET lock_timeout = '10ms';
SET ROLE lock_reader;
\echo a table that a policy looks at
SELECT cursor FROM pgrealtime.changes_since(:'c', '{app.kept}');
RESET ROLE;
\echo enable
SELECT pgrealtime.enable('app.fresh');
\echo a filter
SELECT pgrealtime.check_filter('app.fresh', 'id=eq.1');
ROLLBACK PREPARED 'another session';
BEGIN;
SET LOCAL lock_timeout = 0;
LOCK TABLE app.kept IN ACCESS EXCLUSIVE MODE;
PREPARE TRANSACTION 'another session';
\echo the table itself, in a session that does not know it yet
\c -
SET lock_timeout = '10ms';
SELECT cursor FROM pgrealtime.changes_since(:'c', '{app.kept}');
SELECT pgrealtime.wait_for_changes(:'c', '{app.kept}');
SELECT check_name FROM pgrealtime.diagnose('app.kept');
ROLLBACK PREPARED 'another session';
DROP SCHEMA app CASCADE;
DROP ROLE lock_reader;
