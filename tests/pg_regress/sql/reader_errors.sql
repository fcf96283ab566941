-- An error that a policy raises: readers get its SQLSTATE, even a user-defined one, but not its message if policies apply
-- to them.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE errors_reader;
CREATE TABLE rows (id int PRIMARY KEY, secret text);
SELECT pgrealtime.enable('rows');
GRANT SELECT ON rows TO errors_reader;
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION sees(id int, secret text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF id = 3 THEN RAISE 'the secret is %', secret USING ERRCODE = 'P0042'; END IF;
    RETURN true;
END $$;
CREATE POLICY p ON rows FOR SELECT USING (sees(id, secret));
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO rows SELECT i, 'hidden ' || i FROM generate_series(1, 5) AS i;
SET ROLE errors_reader;
-- What came before the change that raises is delivered; the next call begins with it.
SELECT change->'record' AS record FROM pgrealtime.changes_since(:'c', '{rows}');
SELECT cursor AS c FROM pgrealtime.changes_since(:'c', '{rows}') WHERE change IS NULL \gset
SELECT set_config('test.cursor', :'c', false) <> '' AS set;
DO $$
DECLARE
    said text;
    explained text;
BEGIN
    PERFORM pgrealtime.changes_since(current_setting('test.cursor'), '{rows}');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, explained = PG_EXCEPTION_DETAIL;
    RAISE INFO '%: %', SQLSTATE, said;
    RAISE INFO '%', regexp_replace(explained, ': [A-Za-z0-9_-]+', ': …', 'g');
    PERFORM set_config('test.cursor', (regexp_match(explained, 'skip_cursor: (\S+)'))[1], false);
END $$;
SELECT change->'record' AS record FROM pgrealtime.changes_since(current_setting('test.cursor'), '{rows}');
RESET ROLE;
DROP TABLE rows;
DROP ROLE errors_reader;
