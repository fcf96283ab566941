\set ECHO none
-- heard(max_changes): what the session's subscriptions receive after the cursor in the setting test.cursor, each row in a
-- line: the subscriptions, the type, the record, the old record, the error. The setting then has the cursor to go on from.
-- started(subscribe(…)): the subscription; its cursor goes to the setting if there is none yet.
CREATE FUNCTION public.heard(max_changes int = 1000) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE got record;
BEGIN
  FOR got IN SELECT * FROM pgrealtime.fan_out(current_setting('test.cursor'), max_changes) WITH ORDINALITY AS f (cursor, change, subscriptions, error, n) ORDER BY n LOOP
    PERFORM set_config('test.cursor', got.cursor, false);
    IF got.subscriptions IS NOT NULL THEN
      RETURN NEXT concat_ws(' ', got.subscriptions, got.change ->> 'type', got.change ->> 'table', got.change ->> 'record', got.change ->> 'old_record', got.error);
    END IF;
  END LOOP;
END
$$;
CREATE FUNCTION public.start() RETURNS void LANGUAGE sql AS $$ SELECT set_config('test.cursor', pgrealtime.current_cursor(), false) $$;
\set ECHO all
