-- A table whose changes are not captured, or not all of them, is refused by name.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE "Branch" PARTITION OF root FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
CREATE TABLE leaf PARTITION OF "Branch" FOR VALUES FROM (0) TO (100);
CREATE TABLE plain (id int PRIMARY KEY);
SELECT pgrealtime.enable('root'), pgrealtime.enable('plain');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO root VALUES (1);
-- Its changes are those of its root.
SELECT change->>'table' AS name FROM pgrealtime.changes_since(:'start', '{root}') WHERE change IS NOT NULL;
SELECT * FROM pgrealtime.changes_since(:'start', '{leaf}');
SELECT * FROM pgrealtime.changes_since(:'start', '{"\"Branch\""}');
SELECT pgrealtime.wait_for_changes(:'start', '{leaf}', '0 s');
SELECT check_name, status, detail FROM pgrealtime.diagnose('leaf') WHERE check_name = 'captured';
-- Triggers that are switched off.
ALTER TABLE plain DISABLE TRIGGER "00_pgrealtime_delete";
SELECT * FROM pgrealtime.changes_since(:'start', '{plain}');
SELECT check_name, status, detail FROM pgrealtime.diagnose('plain') WHERE check_name = 'captured';
ALTER TABLE plain ENABLE REPLICA TRIGGER "00_pgrealtime_delete";
SELECT * FROM pgrealtime.changes_since(:'start', '{plain}');
ALTER TABLE plain DISABLE TRIGGER USER;
SELECT * FROM pgrealtime.changes_since(:'start', '{plain}');
SELECT pgrealtime.wait_for_changes(:'start', '{plain}', '0 s');
ALTER TABLE plain ENABLE TRIGGER ALL;
ALTER TABLE plain ENABLE ALWAYS TRIGGER "00_pgrealtime_insert";
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO plain VALUES (1);
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'start', '{plain}') WHERE change IS NOT NULL;
-- enable() switches them on.
ALTER TABLE plain DISABLE TRIGGER ALL;
SELECT pgrealtime.enable('plain');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO plain VALUES (2);
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'start', '{plain}') WHERE change IS NOT NULL;
-- Another function of the same name in another schema does not capture.
CREATE SCHEMA mine;
CREATE FUNCTION mine.capture_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TABLE not_captured (id int PRIMARY KEY);
CREATE TRIGGER captures AFTER INSERT ON not_captured FOR EACH ROW EXECUTE FUNCTION mine.capture_change();
SELECT * FROM pgrealtime.changes_since(:'start', '{not_captured}');
DROP EXTENSION pgrealtime CASCADE;
