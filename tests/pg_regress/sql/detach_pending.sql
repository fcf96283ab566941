-- A DETACH PARTITION CONCURRENTLY that was cancelled: the partition is not shown any more, but its triggers are there.
CREATE EXTENSION pgrealtime;
\pset format unaligned
\pset tuples_only on
\set SHOW_CONTEXT never
CREATE TABLE parts (id int, r int, v int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE parts_2_a PARTITION OF parts_2 FOR VALUES IN (1, 2, 3, 4);
SELECT pgrealtime.enable('parts');
CREATE VIEW state AS SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
INSERT INTO parts SELECT 1, r, 0 FROM generate_series(0, 2) r;
-- cancel_detach(partition): waits until another session has begun to detach it, and cancels that.
CREATE PROCEDURE cancel_detach(partition regclass) LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT (SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = partition) LOOP
        PERFORM pg_sleep(0.01);
    END LOOP;
    WHILE (SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'ALTER TABLE%CONCURRENTLY' AND datname = current_database()) > 0 LOOP
        PERFORM pg_sleep(0.01);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END
$$;
SET statement_timeout = '60s';
\setenv PGDATABASE :DBNAME
TABLE state;
BEGIN;
SELECT count(*) FROM parts;
\! psql -qX -c "ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY" >/dev/null 2>&1 &
CALL cancel_detach('parts_1');
COMMIT;
TABLE state;
-- Its changes are none of the root: a reader of the root has no such rows. Whoever may have them is told.
SELECT pgrealtime.current_cursor() AS a \gset
SELECT * FROM parts;
INSERT INTO parts VALUES (2, 0, 0);
SELECT change ->> 'type', change -> 'record' FROM pgrealtime.changes_since(:'a', '{parts}');
INSERT INTO parts_1 VALUES (2, 1, 0);
UPDATE parts_1 SET v = 1 WHERE id = 1;
DELETE FROM parts_1 WHERE id = 2;
SELECT pgrealtime.changes_since(:'a', '{parts}');
SELECT pgrealtime.current_cursor() AS b \gset
TRUNCATE parts_1;
INSERT INTO parts VALUES (3, 0, 0);
SELECT change ->> 'type', change -> 'record' FROM pgrealtime.changes_since(:'b', '{parts}');
ALTER TABLE parts DETACH PARTITION parts_1 FINALIZE;
TABLE state;
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO parts_1 VALUES (5, 1, 0);
INSERT INTO parts VALUES (4, 0, 0);
SELECT change ->> 'type', change -> 'record' FROM pgrealtime.changes_since(:'c', '{parts}');
-- A partition further down, whose table above is not the root, after this session has written to it.
INSERT INTO parts VALUES (2, 2, 0);
BEGIN;
SELECT count(*) FROM parts;
\! psql -qX -c "ALTER TABLE parts_2 DETACH PARTITION parts_2_a CONCURRENTLY" >/dev/null 2>&1 &
CALL cancel_detach('parts_2_a');
COMMIT;
TABLE state;
SELECT pgrealtime.current_cursor() AS d \gset
INSERT INTO parts_2_a VALUES (3, 2, 0);
SELECT pgrealtime.changes_since(:'d', '{parts}');
ALTER TABLE parts_2 DETACH PARTITION parts_2_a FINALIZE;
-- The table above such a partition.
CREATE TABLE parts_2_b PARTITION OF parts_2 FOR VALUES IN (1);
INSERT INTO parts VALUES (1, 2, 0);
BEGIN;
SELECT count(*) FROM parts;
\! psql -qX -c "ALTER TABLE parts DETACH PARTITION parts_2 CONCURRENTLY" >/dev/null 2>&1 &
CALL cancel_detach('parts_2');
COMMIT;
TABLE state;
SELECT pgrealtime.current_cursor() AS e \gset
UPDATE parts_2_b SET v = 7;
SELECT pgrealtime.changes_since(:'e', '{parts}');
