-- A library of another version than the extension's tables and functions reads only columns that are as it expects.
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY);
SELECT pgrealtime.enable('t');

-- A column that is read has another type.
BEGIN;
ALTER TABLE pgrealtime.log_state ALTER epoch TYPE bigint;
SELECT pgrealtime.current_cursor() IS NULL;
ROLLBACK;
BEGIN;
ALTER TABLE pgrealtime.settings ALTER sinks TYPE text USING 'log';
SELECT count(*) FROM pgrealtime.realtime_configuration;
ROLLBACK;

-- It has gone: the columns behind it are not read in its place.
BEGIN;
ALTER TABLE pgrealtime.log_state DROP epoch;
SELECT pgrealtime.current_cursor() IS NULL;
ROLLBACK;

-- There is no such column yet.
BEGIN;
ALTER TABLE pgrealtime.log_state RENAME TO state;
CREATE TABLE pgrealtime.log_state AS SELECT log_id, epoch, current_segment FROM pgrealtime.state;
SELECT pgrealtime.current_cursor() IS NULL;
ROLLBACK;

-- A row is not written into columns of other types, nor into more of them or fewer.
BEGIN;
ALTER TABLE pgrealtime.settings ALTER published TYPE text;
SELECT pgrealtime.enable('t', priority => 'high');
ROLLBACK;
BEGIN;
ALTER TABLE pgrealtime.settings ADD later int;
SELECT pgrealtime.enable('t', priority => 'high');
ROLLBACK;

-- A domain is stored as what it is over.
BEGIN;
CREATE DOMAIN number AS int;
ALTER TABLE pgrealtime.log_state ALTER epoch TYPE number;
SELECT pgrealtime.current_cursor() IS NOT NULL AS read;
ROLLBACK;

-- Parameters and results of a function.
CREATE FUNCTION changes(cursor int, relations int[], filter text, events text[], columns text[], max_changes int, net boolean)
RETURNS TABLE (cursor text, change json) LANGUAGE c AS '$libdir/pgrealtime', 'changes_since_wrapper';
SELECT * FROM changes(1, '{1}', NULL, NULL, NULL, 1, false);
CREATE FUNCTION changes_of(cursor text, relations regclass[], filter text, events text[], columns text[], max_changes int, net boolean)
RETURNS TABLE (cursor text, change int) LANGUAGE c AS '$libdir/pgrealtime', 'changes_since_wrapper';
SELECT * FROM changes_of(pgrealtime.current_cursor(), '{t}', NULL, NULL, NULL, 1, false);
CREATE FUNCTION changes_of_one(cursor text, relations regclass[], filter text, events text[], columns text[], max_changes int, net boolean)
RETURNS TABLE (cursor text, change json, later json) LANGUAGE c AS '$libdir/pgrealtime', 'changes_since_wrapper';
SELECT * FROM changes_of_one(pgrealtime.current_cursor(), '{t}', NULL, NULL, NULL, 1, false);

-- The log has another format: nobody misreads it or writes into it.
BEGIN;
UPDATE pgrealtime.log_state SET format = 2;
SAVEPOINT s;
SELECT pgrealtime.current_cursor();
ROLLBACK TO s;
INSERT INTO t VALUES (1);
ROLLBACK;
