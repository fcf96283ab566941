-- diagnose() names the cause: one row for each check; later checks are shown even if an earlier one fails.
\pset format unaligned
\pset tuples_only on
\pset null ''
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE causes_reader;
\set ask 'SELECT check_name, status, regexp_replace(regexp_replace(detail, ''last [0-9]+ '', ''last N ''), ''; [0-9]+ gap entries'', ''''), hint FROM pgrealtime.diagnose'
CREATE TABLE tasks (id int PRIMARY KEY, org int, title text);
GRANT SELECT ON tasks TO causes_reader;

\echo never enabled, then published only
:ask('tasks', 'causes_reader') WHERE status <> 'ok';
SELECT pgrealtime.enable('tasks', sinks => '{}');
:ask('tasks', 'causes_reader') WHERE check_name IN ('enabled', 'published', 'captured');
SELECT pgrealtime.enable('tasks', sinks => '{notify}');
:ask('tasks', 'causes_reader') WHERE check_name IN ('enabled', 'published', 'captured');
SELECT pgrealtime.enable('tasks', sinks => '{log}');
:ask('tasks', 'causes_reader') WHERE check_name IN ('enabled', 'published', 'captured');

\echo triggers that are switched off
ALTER TABLE tasks DISABLE TRIGGER "00_pgrealtime_update";
:ask('tasks', 'causes_reader') WHERE check_name IN ('captured', 'operations');
ALTER TABLE tasks ENABLE REPLICA TRIGGER "00_pgrealtime_delete";
:ask('tasks', 'causes_reader') WHERE check_name = 'captured';
ALTER TABLE tasks ENABLE TRIGGER USER;
:ask('tasks', 'causes_reader') WHERE check_name = 'captured';
DROP TRIGGER "00_pgrealtime_insert" ON tasks;
:ask('tasks', 'causes_reader') WHERE check_name IN ('captured', 'operations');
SELECT pgrealtime.enable('tasks');

\echo a trigger that fires before capture
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "00_first" AFTER UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION touch();
:ask('tasks', 'causes_reader') WHERE check_name = 'trigger order';
ALTER TRIGGER "00_first" ON tasks RENAME TO second;
:ask('tasks', 'causes_reader') WHERE check_name = 'trigger order';

\echo the session
SET pgrealtime.enabled = off;
SET session_replication_role = replica;
:ask('tasks', 'causes_reader') WHERE check_name = 'session';
RESET pgrealtime.enabled;
RESET session_replication_role;
ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
SET row_security = off;
:ask('tasks', 'causes_reader') WHERE check_name = 'session';
:ask('tasks') WHERE check_name = 'session';
RESET row_security;
:ask('tasks', 'causes_reader') WHERE check_name IN ('session', 'row level security', 'rows');

\echo claims, and whether the policies find rows by them
CREATE POLICY by_claim ON tasks FOR SELECT USING (org = (current_setting('request.jwt.claims', true)::jsonb->>'org')::int);
:ask('tasks', 'causes_reader', '{"org": 1}') WHERE check_name IN ('claims', 'rows');
INSERT INTO tasks VALUES (1, 1, 'first'), (2, 2, 'second');
\connect -
SET client_min_messages = warning;
\set claims ':ask(''tasks'', ''causes_reader'') WHERE check_name IN (''claims'', ''rows'', ''recent changes'')'
:claims;
:ask('tasks', 'causes_reader', '{"org": 1, "role": "causes_reader"}') WHERE check_name IN ('claims', 'rows', 'recent changes');
:ask('tasks', 'causes_reader', '{"org": 9, "role": "service_role"}') WHERE check_name IN ('claims', 'rows', 'recent changes');
:ask('tasks', 'causes_reader', '[1]') WHERE check_name IN ('claims', 'rows', 'recent changes');
SET request.jwt.claims = '{"org": 2}';
:claims;
SET request.jwt.claims = 'no json';
:claims;
RESET request.jwt.claims;
SET ROLE causes_reader;
SET request.jwt.claims = '{"org": 2}';
SET request.headers = '{"a": "b"}';
:ask('tasks') WHERE check_name IN ('claims', 'rows', 'recent changes');
RESET ROLE;
RESET request.jwt.claims;
RESET request.headers;

\echo a bad filter is a row
:ask('tasks', 'causes_reader', '{"org": 1}', 'titel=eq.first') WHERE check_name IN ('filter', 'recent changes', 'log');
:ask('tasks', 'causes_reader', '{"org": 1}', 'org=eq.x') WHERE check_name IN ('filter', 'recent changes');
:ask('tasks', 'causes_reader', '{"org": 1}', 'title=eq.first') WHERE check_name IN ('filter', 'recent changes');

\echo policies that recurse or raise are rows of the answer; only a role that bypasses policies sees the message
CREATE POLICY recursing ON tasks FOR SELECT USING (EXISTS (SELECT FROM tasks AS other WHERE other.id = tasks.id + 1));
:ask('tasks', 'causes_reader', '{"org": 1}');
DROP POLICY recursing ON tasks;
CREATE FUNCTION deep(task int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN EXISTS (SELECT FROM tasks WHERE id = task); END';
CREATE POLICY deep ON tasks AS RESTRICTIVE FOR SELECT USING (deep(id));
SET max_stack_depth = '300kB';
:ask('tasks', 'causes_reader', '{"org": 1}') WHERE status = 'problem';
RESET max_stack_depth;
DROP POLICY deep ON tasks;
CREATE FUNCTION raising(title text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'the title is %', title USING ERRCODE = 'U0001'; END $$;
CREATE POLICY raising ON tasks AS RESTRICTIVE FOR SELECT USING (raising(title));
:ask('tasks', 'causes_reader', '{"org": 1}') WHERE status = 'problem';
SET ROLE causes_reader;
:ask('tasks', claims => '{"org": 1}') WHERE status = 'problem';
RESET ROLE;
DROP POLICY raising ON tasks;
CREATE TABLE members (org int);
CREATE POLICY forbidden ON tasks AS RESTRICTIVE FOR SELECT USING (org IN (SELECT org FROM members));
:ask('tasks', 'causes_reader', '{"org": 1}') WHERE status = 'problem';
DROP POLICY forbidden ON tasks;
SELECT 'usable';

\echo a partition of a table that is enabled; one of its triggers off
CREATE TABLE events (id int, day int, PRIMARY KEY (id, day)) PARTITION BY LIST (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2);
SELECT pgrealtime.enable('events');
:ask('events_1') WHERE check_name IN ('enabled', 'published');
ALTER TABLE events_2 DISABLE TRIGGER "00_pgrealtime_insert";
:ask('events') WHERE check_name IN ('enabled', 'captured', 'operations');
SELECT pgrealtime.disable('events');

\echo triggers made by hand
CREATE TABLE by_hand (id int PRIMARY KEY);
CREATE TRIGGER mine AFTER INSERT ON by_hand FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
:ask('by_hand') WHERE check_name IN ('enabled', 'captured', 'operations');

\echo captured twice
SELECT pgrealtime.enable('by_hand');
:ask('by_hand') WHERE check_name IN ('enabled', 'captured');
DROP TRIGGER mine ON by_hand;
:ask('by_hand') WHERE check_name IN ('enabled', 'captured');
SELECT pgrealtime.disable('by_hand');
CREATE TRIGGER one AFTER INSERT ON by_hand FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION pgrealtime.capture_change();
CREATE TRIGGER other AFTER INSERT ON by_hand FOR EACH ROW WHEN (NEW.id < 0) EXECUTE FUNCTION pgrealtime.capture_change();
:ask('by_hand') WHERE check_name = 'captured';

DROP TABLE tasks, members, events, by_hand;
DROP FUNCTION touch, deep, raising;
DROP ROLE causes_reader;
