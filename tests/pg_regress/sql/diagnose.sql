-- diagnose(): why a reader receives nothing. The answers never contain a row.
\pset format unaligned
\pset tuples_only on
\pset null ''
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE diagnose_reader;
CREATE ROLE diagnose_other;
CREATE TABLE plain (id int PRIMARY KEY, org int, secret text);
\set ask 'SELECT check_name, status, regexp_replace(detail, ''last [0-9]+ s'', ''last N s''), hint FROM pgrealtime.diagnose(''plain'', ''diagnose_reader'''

-- Neither published nor captured, and the role has no privilege.
:ask);

SELECT pgrealtime.enable('plain');
GRANT SELECT (id, org) ON plain TO diagnose_reader;
INSERT INTO plain SELECT i, i % 2, 'a secret' FROM generate_series(1, 10) AS i;
:ask);

-- A policy by claim, beside one for another role, then with a filter.
ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
:ask);
CREATE POLICY by_claim ON plain FOR SELECT USING (org = (current_setting('request.jwt.claims', true)::jsonb->>'org')::int);
CREATE POLICY for_others ON plain FOR SELECT TO diagnose_other USING (true);
:ask, claims => '{"org": 1}');
:ask, claims => '{"org": 1}', filter => 'id=lt.4');
SET request.jwt.claims = '{"org": 7}';
:ask);
RESET request.jwt.claims;

-- An error is counted, not shown.
CREATE FUNCTION odd(secret text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'the secret is %', secret; END $$;
CREATE POLICY raising ON plain AS RESTRICTIVE FOR SELECT USING (odd(secret));
:ask, claims => '{"org": 1}');
DROP POLICY raising ON plain;
SET pgrealtime.enabled = off;
:ask, claims => '{"org": 1}');
RESET pgrealtime.enabled;
SELECT pgrealtime.disable('plain');
:ask, claims => '{"org": 1}');

-- The events that reach the role: rows that become visible or invisible to it, an operation that is not captured.
CREATE TABLE events (id int PRIMARY KEY, org int, big text);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_claim ON events FOR SELECT USING (org = (current_setting('request.jwt.claims', true)::jsonb->>'org')::int);
GRANT SELECT ON events TO diagnose_reader;
SELECT pgrealtime.enable('events');
\set events 'SELECT check_name, status, detail, hint FROM pgrealtime.diagnose(''events'', ''diagnose_reader'', ''{"org": 1}'', ''big=neq.hidden'') WHERE check_name IN (''operations'', ''recent changes'')'
INSERT INTO events VALUES (1, 1, ''), (2, 1, ''), (3, 2, ''), (4, 2, ''), (5, 1, 'hidden');
UPDATE events SET big = 'x' WHERE id = 1;
UPDATE events SET org = 2 WHERE id = 2;
UPDATE events SET org = 1 WHERE id = 3;
UPDATE events SET org = 3 WHERE id = 4;
UPDATE events SET big = '' WHERE id = 5;
DELETE FROM events;
TRUNCATE events;
:events;
\echo size
SET pgrealtime.max_image_bytes = '64kB';
ALTER TABLE events ALTER big SET STORAGE EXTERNAL;
INSERT INTO events VALUES (6, 1, repeat('x', 100000));
RESET pgrealtime.max_image_bytes;
:events;
SELECT detail FROM pgrealtime.diagnose('events', 'diagnose_reader', '{"org": 1}') WHERE check_name = 'recent changes';
\echo UPDATE is no longer captured
SELECT pgrealtime.enable('events', operations => '{INSERT,DELETE,TRUNCATE}');
:events;
\echo the row filter of the table counts as that of the reader
SELECT pgrealtime.enable('events', operations => '{INSERT,UPDATE}', row_filter => 'big=eq.in');
INSERT INTO events VALUES (7, 1, 'in');
UPDATE events SET big = 'out' WHERE id = 7;
:events;

-- Only for a role that the caller may act as, and a table that it may SELECT from.
SET ROLE diagnose_reader;
SELECT count(*) FROM pgrealtime.diagnose('plain');
SELECT count(*) FROM pgrealtime.diagnose('plain', 'diagnose_other');
SET ROLE diagnose_other;
SELECT count(*) FROM pgrealtime.diagnose('plain');
RESET ROLE;
DROP TABLE plain, events;
DROP ROLE diagnose_reader, diagnose_other;
