\set ECHO none
-- feed(cursor, relation, …): what the caller receives of a relation, each change in a line: its type, the record, the old
-- record, the errors. An error of the call is a line, too: its SQLSTATE, message and detail, without the cursors, which
-- differ from run to run. The cursor that it offers to go on from is then in the setting test.skip.
CREATE FUNCTION public.feed(cursor text, relation text, filter text = NULL, net boolean = false, columns text[] = NULL)
RETURNS TABLE (change text) LANGUAGE plpgsql AS $$
DECLARE code text; message text; detail text;
BEGIN
  RETURN QUERY SELECT concat_ws(' ', c.change ->> 'type', c.change ->> 'record', c.change ->> 'old_record', c.change ->> 'errors')
    FROM pgrealtime.changes_since(cursor, ARRAY[relation]::regclass[], filter, columns => columns, net => net)
      WITH ORDINALITY AS c (cursor, change, n)
    WHERE c.change IS NOT NULL ORDER BY n;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  PERFORM set_config('test.skip', coalesce(substring(detail FROM 'skip_cursor: (\S+)'), ''), false);
  RETURN QUERY SELECT concat_ws(' | ', code, message, nullif(regexp_replace(detail, '(cursor: )\S+', '\1…', 'g'), ''));
END
$$;
\set ECHO all
