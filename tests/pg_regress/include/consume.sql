\set ECHO none
-- consumed(consumer, relation, …): what a call of consume() returns, in one line; nothing is kept of the cursors but the last
-- one, in the setting test.cursor. consumes(…): the same, and an error is a line, too: its SQLSTATE, message, detail and hint,
-- without the cursors in them; the setting test.skip then has the one behind the change.
CREATE FUNCTION public.consumed(consumer text, relation text, filter text = NULL, max_changes int = 1000, net boolean = false)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE got text; next text;
BEGIN
  SELECT string_agg(concat(change ->> 'type', coalesce(change ->> 'record', change ->> 'old_record')), ' ' ORDER BY n) FILTER (WHERE change IS NOT NULL),
         max(cursor) FILTER (WHERE change IS NULL)
    INTO got, next
    FROM pgrealtime.consume(consumer, ARRAY[relation]::regclass[], filter, max_changes => max_changes, net => net) WITH ORDINALITY AS c (cursor, change, n);
  PERFORM set_config('test.cursor', next, false);
  RETURN coalesce(got, 'nothing');
END
$$;
CREATE FUNCTION public.consumes(consumer text, relation text, filter text = NULL, max_changes int = 1000, net boolean = false)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
  RETURN NEXT consumed(consumer, relation, filter, max_changes, net);
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  PERFORM set_config('test.skip', coalesce(substring(detail FROM 'skip_cursor: (\S+)'), ''), false);
  RETURN NEXT sqlstate || ': ' || message;
  RETURN NEXT '  detail: ' || regexp_replace(detail, '(cursor: )\S+', '\1…', 'g');
  RETURN NEXT '  hint: ' || hint;
END
$$;
\set ECHO all
