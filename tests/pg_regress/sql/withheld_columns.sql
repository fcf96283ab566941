-- An UPDATE of columns only that a reader may not SELECT is nothing to that reader: it does not learn that one changed.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE withheld_reader;
GRANT EXECUTE ON FUNCTION pgrealtime.subscribe, pgrealtime.fan_out TO withheld_reader;
CREATE TABLE p (id int PRIMARY KEY, name text, salary int, big text, note text);
ALTER TABLE p ALTER big SET STORAGE external, ALTER note SET STORAGE external;
GRANT SELECT (id, name, note) ON p TO withheld_reader;
SELECT pgrealtime.enable('p');
SELECT pgrealtime.current_cursor() AS start \gset
SET ROLE withheld_reader;
SELECT subscription FROM pgrealtime.subscribe('p');
SELECT pgrealtime.current_cursor() AS fan \gset
RESET ROLE;
SELECT subscription FROM pgrealtime.subscribe('p');
INSERT INTO p VALUES (1, 'ann', 10);
UPDATE p SET salary = 20;
UPDATE p SET salary = 30, name = 'anne';
UPDATE p SET name = name;
UPDATE p SET id = 2, salary = 40;
UPDATE p SET note = repeat('n', 20000);
UPDATE p SET salary = 50;
\echo values that are too large to be captured
SET pgrealtime.max_image_bytes = '16kB';
UPDATE p SET salary = 60;
UPDATE p SET big = repeat('x', 20000);
UPDATE p SET note = repeat('m', 20000);
RESET pgrealtime.max_image_bytes;
UPDATE p SET big = NULL, note = NULL;
\set seen 'SELECT change ->> ''type'', change #>> ''{record,id}'', change #>> ''{record,name}'', left(change #>> ''{record,note}'', 1), change -> ''errors'''
\set changes ':seen FROM pgrealtime.changes_since(:''start'', ''{p}'') WHERE change IS NOT NULL'
\echo the owner
:changes;
\echo the reader
SET ROLE withheld_reader;
:changes;
\echo with a filter, with some columns, net
:seen FROM pgrealtime.changes_since(:'start', '{p}', 'name=eq.anne') WHERE change IS NOT NULL;
:seen FROM pgrealtime.changes_since(:'start', '{p}', columns => '{id}') WHERE change IS NOT NULL;
:seen FROM pgrealtime.changes_since(:'start', '{p}', net => true) WHERE change IS NOT NULL;
RESET ROLE;
\echo both, as subscriptions
:seen, subscriptions FROM pgrealtime.fan_out(:'fan') WHERE change IS NOT NULL;
\echo diagnose, for who may know of all changes, and for who may not
SELECT detail FROM pgrealtime.diagnose('p', 'withheld_reader') WHERE check_name = 'recent changes';
SET ROLE withheld_reader;
SELECT detail FROM pgrealtime.diagnose('p') WHERE check_name = 'recent changes';
RESET ROLE;
\echo a policy that looks at a withheld column: what enters and leaves is told
ALTER TABLE p ENABLE ROW LEVEL SECURITY;
CREATE POLICY paid ON p USING (salary > 100);
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE p SET salary = 200;
UPDATE p SET salary = 300;
UPDATE p SET salary = 1;
SET ROLE withheld_reader;
:changes;
RESET ROLE;
\echo a column that was granted since
ALTER TABLE p DISABLE ROW LEVEL SECURITY;
GRANT SELECT (salary) ON p TO withheld_reader;
SET ROLE withheld_reader;
:changes;
RESET ROLE;
\echo one that was added since
SELECT pgrealtime.current_cursor() AS start \gset
ALTER TABLE p ADD late int;
GRANT SELECT (late) ON p TO withheld_reader;
REVOKE SELECT (salary) ON p FROM withheld_reader;
UPDATE p SET salary = 2;
UPDATE p SET late = 2;
SET ROLE withheld_reader;
SELECT change -> 'record' FROM pgrealtime.changes_since(:'start', '{p}') WHERE change IS NOT NULL;
RESET ROLE;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE p;
DROP ROLE withheld_reader;
