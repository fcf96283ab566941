-- Waiting in the middle of a batch: changes after the batch count, too, even if nobody commits any more.
CREATE EXTENSION pgrealtime;
CREATE TABLE one (id int PRIMARY KEY);
CREATE TABLE two (id int PRIMARY KEY);
SELECT count(pgrealtime.enable(name::regclass)) FROM unnest('{one,two}'::text[]) AS name;
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO one VALUES (1);
INSERT INTO two VALUES (1);
-- The rest of this batch is of the other table.
SELECT cursor AS batch FROM pgrealtime.changes_since(:'start', '{one,two}', max_changes => 1) WHERE change IS NULL \gset
SELECT pgrealtime.wait_for_changes(:'batch', '{one}', '100 ms') AS nothing;
SELECT pgrealtime.wait_for_changes(:'batch', '{two}', '10 s') AS in_the_batch;
INSERT INTO one VALUES (2);
SELECT pgrealtime.wait_for_changes(:'batch', '{one}', '10 s') AS behind_the_batch;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE one, two;
