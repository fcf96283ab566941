-- What somebody who writes his first reader is told.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE tasks (id int PRIMARY KEY, status text, title text);
CREATE FUNCTION pg_temp.told(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; explained text; advice text;
BEGIN
  EXECUTE call;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, explained = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
  RETURN concat_ws(E'\n', SQLSTATE || ' ' || said, 'DETAIL ' || nullif(explained, ''), 'HINT ' || nullif(advice, ''));
END $$;
\pset format unaligned
\pset tuples_only on
\echo never enabled
SELECT pg_temp.told($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}')$$);
\echo published only
SELECT pgrealtime.enable('tasks', sinks => '{}');
SELECT pg_temp.told($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}')$$);
\echo other sinks than the log
SELECT pgrealtime.enable('tasks', sinks => '{wal,notify}');
SELECT pg_temp.told($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}')$$);
SELECT pgrealtime.enable('tasks', sinks => '{log}');
\echo no cursor
SELECT pg_temp.told($$SELECT pgrealtime.changes_since(NULL, '{tasks}')$$);
\echo columns that there are not
SELECT pg_temp.told($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}', 'stauts=eq.open')$$);
SELECT pg_temp.told($$SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), '{tasks}', columns => '{id,stauts}')$$);
\echo lists, wildcards and ampersands
SELECT pg_temp.told(format('SELECT pgrealtime.changes_since(pgrealtime.current_cursor(), ''{tasks}'', %L)', filter))
  FROM unnest(ARRAY['status=in.open,done', 'status=in.open,done,title=eq.x', 'title=like.o*', 'title=ilike."*o"', 'title=like.o\*%', 'title=eq.opened&status=eq.open', 'title=eq."opened&status=eq.open"']) AS filter;
DROP TABLE tasks;
