-- A gap in what a reader is to read next is told before anything of it is: what was captured before it may not be
-- readable any more.
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
-- In the first batch, though it holds one change only; and of whoever follows the table among others.
SELECT change FROM pgrealtime.changes_since(:'start', '{many}', max_changes => 1);
SELECT change FROM pgrealtime.changes_since(:'start', '{many,other}', max_changes => 1);
SELECT change->>'type' AS type FROM pgrealtime.changes_since(:'start', '{other}', max_changes => 1);
-- A batch that ends before the gap is finished first.
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'middle', '{many}');
-- What was rolled back, or is not committed, is no gap.
SELECT pgrealtime.current_cursor() AS start \gset
BEGIN;
SELECT pgrealtime.enable('many', payload => 'full');
ROLLBACK;
SELECT count(change) FROM pgrealtime.changes_since(:'start', '{many}');
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE many, other;
