-- What a session has cached of a table is dropped when its schema is renamed.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA before;
CREATE TABLE before.things (id int PRIMARY KEY);
SELECT pgrealtime.enable('before.things', sinks => '{log,wal}');
CREATE FUNCTION said() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING '%', pgrealtime.change_message(TG_OP, NEW, NULL)::json->>'schema';
    RETURN NULL;
END
$$;
CREATE TRIGGER said AFTER INSERT ON before.things FOR EACH ROW EXECUTE FUNCTION said();
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO before.things VALUES (1);
SELECT change->>'schema' AS schema FROM pgrealtime.changes_since(:'start', '{before.things}') WHERE change IS NOT NULL;
ALTER SCHEMA before RENAME TO after;
INSERT INTO after.things VALUES (2);
SELECT change->>'schema' AS schema FROM pgrealtime.changes_since(:'start', '{after.things}') WHERE change IS NOT NULL;
-- In errors, too.
SELECT * FROM pgrealtime.changes_since(:'start', '{after.things}', columns => '{nothing}');
DROP EXTENSION pgrealtime CASCADE;
DROP SCHEMA after CASCADE;
