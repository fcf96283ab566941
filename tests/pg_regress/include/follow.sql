\set ECHO none
-- follow(cursor, relation, net): polls until nothing comes any more, at most ten times, and goes on behind what raises.
-- A line for each batch, and one for each error, a cancel among them.
CREATE FUNCTION public.follow(from_cursor text, relation regclass, net boolean = false) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  next text := from_cursor;
  got text;
  code text;
  message text;
  detail text;
BEGIN
  FOR i IN 1..10 LOOP
    BEGIN
      SELECT string_agg(concat(change ->> 'type', ' ', coalesce(change -> 'record', change -> 'old_record')), ', ' ORDER BY n) FILTER (WHERE change IS NOT NULL),
             max(cursor) FILTER (WHERE change IS NULL)
        INTO got, next
        FROM pgrealtime.changes_since(next, ARRAY[relation], net => net) WITH ORDINALITY AS c (cursor, change, n);
      EXIT WHEN got IS NULL;
      RETURN NEXT 'batch: ' || got;
    EXCEPTION WHEN OTHERS OR query_canceled THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
      RETURN NEXT concat_ws(' ', code, message, nullif(regexp_replace(detail, ': [A-Za-z0-9_-]+', '', 'g'), ''));
      next := substring(detail FROM 'skip_cursor: (\S+)');
      EXIT WHEN next IS NULL;
    END;
  END LOOP;
END
$$;
\set ECHO all
