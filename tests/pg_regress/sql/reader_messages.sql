-- The errors that the author of a first reader meets.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE tasks (id int PRIMARY KEY, status text, title text);
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/try.sql
\pset format unaligned
\pset tuples_only on
\echo never enabled
SELECT try($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}')$$);
\echo published only
SELECT pgrealtime.enable('tasks', sinks => '{}');
SELECT try($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}')$$);
\echo other sinks than the log
SELECT pgrealtime.enable('tasks', sinks => '{wal,notify}');
SELECT try($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}')$$);
SELECT pgrealtime.enable('tasks', sinks => '{log}');
\echo no cursor
SELECT try($$SELECT pgrealtime.changes_since(NULL, '{tasks}')$$);
\echo columns that do not exist
SELECT try($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}', 'stauts=eq.open')$$);
SELECT try($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}', columns => '{id,stauts}')$$);
\echo lists, wildcards and ampersands
SELECT try(format('SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), ''{tasks}'', %L)', filter))
  FROM unnest(ARRAY['status=in.open,done', 'status=in.open,done,title=eq.x', 'title=like.o*', 'title=ilike."*o"', 'title=like.o\*%', 'title=eq.opened&status=eq.open', 'title=eq."opened&status=eq.open"']) AS filter;
DROP TABLE tasks;
