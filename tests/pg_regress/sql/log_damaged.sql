-- Damage in the log is an error for readers, never ignored. Writers that do not need the damaged part go on.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY, a text, b text);
SELECT pgrealtime.enable('t');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO t VALUES (1, 'a', 'b');
UPDATE t SET a = 'x';
CREATE FUNCTION read(start text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT string_agg(change ->> 'type', ' ') FROM pgrealtime.changes_since(start, '{t}'));
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE || ': ' || regexp_replace(SQLERRM, 'position \w+', 'position ...');
END $$;
\set read 'SELECT read(:''c'')'
\set segment 'pgrealtime.change_log_0'
:read;
\echo the horizon
UPDATE pgrealtime.log_state SET horizon = '\xffff';
:read;
INSERT INTO t VALUES (2, 'a', 'b');
UPDATE pgrealtime.log_state SET horizon = NULL;
:read;
\echo the number of the segment
UPDATE pgrealtime.log_state SET current_segment = 8;
:read;
UPDATE pgrealtime.log_state SET current_segment = 0;
:read;
\echo the marks of an UPDATE
CREATE TABLE kept AS SELECT position, old, marks FROM :segment WHERE operation = 'U';
UPDATE :segment SET marks = NULL WHERE operation = 'U';
:read;
UPDATE :segment SET marks = '\x0902' WHERE operation = 'U';
:read;
UPDATE :segment AS s SET marks = k.marks FROM kept AS k WHERE k.position = s.position;
\echo its old image
UPDATE :segment SET old = '\x01' WHERE operation = 'U';
:read;
UPDATE :segment SET old = NULL WHERE operation = 'U';
:read;
UPDATE :segment AS s SET old = k.old FROM kept AS k WHERE k.position = s.position;
:read;
\echo a layout
CREATE TABLE kept_layout AS SELECT layout, alignments, types FROM pgrealtime.log_layout;
UPDATE pgrealtime.log_layout SET alignments = 'i';
\c -
\set VERBOSITY terse
:read;
UPDATE pgrealtime.log_layout AS l SET alignments = k.alignments, types = k.types || 25::oid FROM kept_layout AS k WHERE k.layout = l.layout;
:read;
UPDATE pgrealtime.log_layout AS l SET types = k.types FROM kept_layout AS k WHERE k.layout = l.layout;
:read;
DROP TABLE t, kept, kept_layout;
DROP FUNCTION read;
