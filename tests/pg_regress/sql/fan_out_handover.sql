-- From a client's cursor to a subscription of another session's: changes_since up to the cursor that subscribe returned, and
-- then fan_out, give each change once, also those of transactions that were running then.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE handover_reader;
CREATE TABLE goals (id int PRIMARY KEY, org int);
SELECT pgrealtime.enable('goals');
GRANT SELECT ON goals TO handover_reader;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON goals FOR SELECT USING (org = (current_setting('request.jwt.claims')::jsonb ->> 'org')::int);
-- The session follows another table's changes already, and has read some.
SELECT cursor AS fan FROM pgrealtime.subscribe('goals', 'org=eq.9') \gset
SELECT pgrealtime.current_cursor() AS client \gset
INSERT INTO goals VALUES (1, 1), (2, 2);
BEGIN;
INSERT INTO goals VALUES (3, 1);
PREPARE TRANSACTION 'before';
INSERT INTO goals VALUES (4, 1);
SELECT cursor AS fan FROM pgrealtime.fan_out(:'fan') WHERE subscriptions IS NULL \gset
INSERT INTO goals VALUES (5, 1);
BEGIN;
INSERT INTO goals VALUES (6, 1);
PREPARE TRANSACTION 'ends before';
COMMIT PREPARED 'ends before';
SELECT subscription, cursor AS begun FROM pgrealtime.subscribe('goals', 'id=lt.100', role_name => 'handover_reader', claims => '{"org": 1}') \gset
INSERT INTO goals VALUES (7, 1);
COMMIT PREPARED 'before';
INSERT INTO goals VALUES (8, 1), (100, 1);
-- The client first.
SET request.jwt.claims = '{"org": 1}';
SET ROLE handover_reader;
SELECT coalesce(change->'record', to_json(cursor = :'begun')) AS caught_up FROM pgrealtime.changes_since(:'client', '{goals}', 'id=lt.100', until => :'begun') WITH ORDINALITY AS c (cursor, change, n) ORDER BY n;
RESET ROLE;
SELECT subscriptions, change->'record' AS record FROM pgrealtime.fan_out(:'fan') WITH ORDINALITY AS f (cursor, change, subscriptions, error, n) ORDER BY n;
-- The same, the other way round: fan_out has gone on meanwhile.
SELECT cursor AS fan FROM pgrealtime.fan_out(:'fan') WHERE subscriptions IS NULL \gset
SET ROLE handover_reader;
SELECT change->'record' AS caught_up FROM pgrealtime.changes_since(:'client', '{goals}', 'id=lt.100', until => :'begun') WHERE change IS NOT NULL ORDER BY (change->'record'->>'id')::int;
RESET ROLE;
-- A cursor of fan_out is a cursor of the log: changes_since goes on from it.
INSERT INTO goals VALUES (9, 1);
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'fan', '{goals}') WHERE change IS NOT NULL;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE goals;
DROP ROLE handover_reader;
