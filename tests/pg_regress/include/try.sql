\set ECHO none
-- try(command): runs a command that should fail, and returns what the caller is told.
CREATE FUNCTION public.try(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text;
BEGIN
  EXECUTE command;
  RETURN NEXT 'no error';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
  RETURN NEXT sqlstate || ': ' || message;
  RETURN NEXT '  detail: ' || detail;
  RETURN NEXT '  hint: ' || hint;
END
$$;
\set ECHO all
