\set ECHO none
-- received(relation): what a reader receives of a relation who has last read at :from_here, in one line. An error of the call
-- is its SQLSTATE and its message; a demand to read the table again (72000) is told by its detail.
CREATE TABLE place (cursor text);
INSERT INTO place VALUES ('');
\set from_here 'UPDATE place SET cursor = pgrealtime.current_cursor();'
CREATE FUNCTION received(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  changes text;
  detail text;
BEGIN
  SELECT coalesce(string_agg(concat(c.change ->> 'type', c.change ->> 'record'), ' ' ORDER BY n), 'nothing') INTO changes
  FROM pgrealtime.changes_since((SELECT cursor FROM place), ARRAY[relation]) WITH ORDINALITY AS c (cursor, change, n)
  WHERE c.change IS NOT NULL;
  RETURN changes;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
  RETURN concat(SQLSTATE, ': ', CASE SQLSTATE WHEN '72000' THEN detail ELSE SQLERRM END);
END
$$;
CREATE VIEW gaps AS SELECT gaps FROM pgrealtime.log_status;
\set ECHO all
