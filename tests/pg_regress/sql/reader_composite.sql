-- A composite column that was changed to another type and back, after its type had changed: older images are not read.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE things (id int PRIMARY KEY, p pair);
SELECT pgrealtime.enable('things');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO things VALUES (1, (1, 'long enough to be taken for something else'));
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'start', '{things}') WHERE change IS NOT NULL;
ALTER TABLE things ALTER p TYPE text USING p::text;
ALTER TYPE pair ALTER ATTRIBUTE a TYPE text, ALTER ATTRIBUTE b TYPE bigint;
ALTER TABLE things ALTER p TYPE pair USING NULL;
INSERT INTO things VALUES (2, ('two', 2));
SELECT change FROM pgrealtime.changes_since(:'start', '{things}');
SELECT change FROM pgrealtime.changes_since(:'start', '{things}', 'id=gt.0');
SELECT count(*) > 0 AS answers FROM pgrealtime.diagnose('things', filter => 'id=gt.0');
SELECT check_name, detail FROM pgrealtime.diagnose('things') WHERE check_name = 'recent changes';
-- From there on.
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO things VALUES (3, ('three', 3));
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'start', '{things}') WHERE change IS NOT NULL;
-- An attribute that is added is in rows that copies have without it.
ALTER TYPE pair ADD ATTRIBUTE c int;
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'start', '{things}') WHERE change IS NOT NULL;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO things VALUES (4, ('four', 4, 5));
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'start', '{things}') WHERE change IS NOT NULL;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE things;
DROP TYPE pair;
