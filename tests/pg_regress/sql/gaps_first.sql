-- A gap among the entries to read is reported before any change among them, because changes from before the gap may no
-- longer be readable.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE many (id int PRIMARY KEY);
CREATE TABLE other (id int PRIMARY KEY);
SELECT pgrealtime.enable('many'), pgrealtime.enable('other');
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO many VALUES (1), (2), (3);
INSERT INTO other VALUES (1);
SELECT cursor AS middle FROM pgrealtime.changes_since(:'start', '{many}', max_changes => 1) WHERE change IS NULL \gset
SELECT pgrealtime.enable('many', payload => 'key');
INSERT INTO many VALUES (4);
-- In the first batch, even if it has room for one change only; also for readers of several tables.
SELECT change FROM pgrealtime.changes_since(:'start', '{many}', max_changes => 1);
SELECT change FROM pgrealtime.changes_since(:'start', '{many,other}', max_changes => 1);
SELECT change->>'type' AS type FROM pgrealtime.changes_since(:'start', '{other}', max_changes => 1);
-- A batch that ends before the gap is finished first.
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'middle', '{many}');
-- A gap entry that was rolled back, or is not committed, does not count.
SELECT pgrealtime.current_cursor() AS start \gset
BEGIN;
SELECT pgrealtime.enable('many', payload => 'full');
ROLLBACK;
SELECT count(change) FROM pgrealtime.changes_since(:'start', '{many}');
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE many, other;
