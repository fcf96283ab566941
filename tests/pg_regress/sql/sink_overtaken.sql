-- A statement within another one sends its messages first. A change of the outer statement that the inner one has built on
-- would be sent too late. Its key is sent instead, so that readers read the row again, and it counts as not delivered.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (seq int GENERATED ALWAYS AS IDENTITY, payload jsonb, event text, topic text, private boolean, extension text);
-- At most one row of a group is its default: a row that becomes the default ends that of the others.
CREATE FUNCTION one_default() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.dflt THEN
    EXECUTE format('UPDATE %s SET dflt = false WHERE grp = $1 AND id <> $2 AND dflt', TG_RELID::regclass) USING NEW.grp, NEW.id;
  END IF;
  RETURN NEW;
END $$;
-- The final state of a copy that applies whole rows, and reads the row again where it gets only a key.
CREATE FUNCTION copied(relation regclass) RETURNS TABLE (id int, row_of jsonb) LANGUAGE plpgsql AS $$
DECLARE
  m record;
  rows jsonb := '{}';
  one jsonb;
BEGIN
  FOR m IN SELECT payload -> 'record' AS r, payload -> 'old_record' AS o FROM realtime.messages ORDER BY seq LOOP
    rows := rows - coalesce(m.o ->> 'id', '') - coalesce(m.r ->> 'id', '');
    one := nullif(m.r, 'null');
    IF one IS NOT NULL AND NOT one ? 'grp' THEN
      EXECUTE format('SELECT (SELECT to_jsonb(t) FROM %s AS t WHERE t.id = $1)', relation) INTO one USING (one ->> 'id')::int;
    END IF;
    IF one IS NOT NULL THEN
      rows := rows || jsonb_build_object(one ->> 'id', one);
    END IF;
  END LOOP;
  RETURN QUERY SELECT key::int, value FROM jsonb_each(rows) ORDER BY 1;
END $$;
\set told 'SELECT event, topic, payload -> ''record'' AS record, payload -> ''old_record'' AS old_record FROM realtime.messages ORDER BY seq'
\set wrong 'SELECT * FROM copied(:''of'') c FULL JOIN (SELECT t.id, to_jsonb(t) AS row_of FROM :of AS t) t USING (id) WHERE c.row_of IS DISTINCT FROM t.row_of'
\set undelivered 'SELECT undelivered FROM pgrealtime.log_status'

\echo with the log
CREATE TABLE logged (id int PRIMARY KEY, grp int, dflt boolean);
GRANT SELECT ON logged TO PUBLIC;
SELECT pgrealtime.enable('logged', sinks => '{log,broadcast}', broadcast_topic => 'all');
CREATE TRIGGER one BEFORE INSERT OR UPDATE ON logged FOR EACH ROW EXECUTE FUNCTION one_default();
\set of logged
INSERT INTO logged VALUES (1, 1, true), (2, 1, false);
:undelivered;
\echo two rows become the default, one after the other
UPDATE logged SET dflt = true WHERE id IN (1, 2);
INSERT INTO logged VALUES (3, 1, true), (4, 1, true);
:told;
:wrong;
:undelivered;

\echo without the log
TRUNCATE realtime.messages;
CREATE TABLE plain (id int PRIMARY KEY, grp int, dflt boolean);
GRANT SELECT ON plain TO PUBLIC;
SELECT pgrealtime.enable('plain', sinks => '{broadcast}', broadcast_topic => 'all');
CREATE TRIGGER one BEFORE INSERT OR UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION one_default();
\set of plain
INSERT INTO plain VALUES (1, 1, true), (2, 1, false);
UPDATE plain SET dflt = true WHERE id IN (1, 2);
INSERT INTO plain VALUES (3, 1, true), (4, 1, true);
:told;
:wrong;
:undelivered;
\echo a row that is not overtaken is whole, and so is one after a savepoint was rolled back
TRUNCATE realtime.messages;
BEGIN;
SAVEPOINT s;
UPDATE plain SET dflt = true WHERE id = 1;
ROLLBACK TO s;
UPDATE plain SET grp = 2 WHERE id IN (1, 2);
UPDATE plain SET dflt = true WHERE id = 1;
UPDATE plain SET dflt = true WHERE id = 2;
COMMIT;
:told;
:undelivered;

\echo a DELETE that is overtaken by an INSERT of its key must not delete
TRUNCATE realtime.messages;
CREATE TABLE reborn (id int PRIMARY KEY, grp int);
GRANT SELECT ON reborn TO PUBLIC;
SELECT pgrealtime.enable('reborn', sinks => '{broadcast}', broadcast_topic => 'all');
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.grp = 1 THEN INSERT INTO reborn VALUES (OLD.id, 2); END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "00_again" AFTER DELETE ON reborn FOR EACH ROW EXECUTE FUNCTION again();
INSERT INTO reborn VALUES (1, 1), (2, 3);
DELETE FROM reborn;
:told;
\set of reborn
:wrong;

\echo topics: that of the old row and that of the new row get a message
TRUNCATE realtime.messages;
CREATE TABLE moved (id int PRIMARY KEY, grp int, v text);
GRANT SELECT ON moved TO PUBLIC;
SELECT pgrealtime.enable('moved', sinks => '{broadcast}', broadcast_topic => 'g:{grp}');
CREATE FUNCTION on_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.grp = 2 THEN UPDATE moved SET grp = 3 WHERE id = NEW.id; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "00_move" AFTER UPDATE ON moved FOR EACH ROW EXECUTE FUNCTION on_move();
INSERT INTO moved VALUES (1, 1, 'a');
UPDATE moved SET grp = 2;
:told;

\echo messages that carry keys alone lose nothing
TRUNCATE realtime.messages;
CREATE TABLE keys (id int PRIMARY KEY, grp int, dflt boolean);
SELECT pgrealtime.enable('keys', payload => 'key', sinks => '{broadcast,wal}', broadcast_topic => 'all');
CREATE TRIGGER one BEFORE INSERT OR UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION one_default();
INSERT INTO keys VALUES (1, 1, true), (2, 1, false);
UPDATE keys SET dflt = true WHERE id IN (1, 2);
:told;
\set of keys
:wrong;
\echo the sink wal
CREATE TABLE decoded (id int PRIMARY KEY, grp int, dflt boolean);
GRANT SELECT ON decoded TO PUBLIC;
SELECT pgrealtime.enable('decoded', sinks => '{wal}');
CREATE TRIGGER one BEFORE INSERT OR UPDATE ON decoded FOR EACH ROW EXECUTE FUNCTION one_default();
INSERT INTO decoded VALUES (1, 1, true), (2, 1, false);
UPDATE decoded SET dflt = true WHERE id IN (1, 2);
:undelivered;
\echo many rows
TRUNCATE realtime.messages;
CREATE TABLE many (id int PRIMARY KEY, grp int, dflt boolean);
GRANT SELECT ON many TO PUBLIC;
SELECT pgrealtime.enable('many', sinks => '{broadcast}', broadcast_topic => 'all');
INSERT INTO many SELECT i, i / 4, i % 4 = 0 FROM generate_series(0, 2999) AS i;
CREATE TRIGGER one BEFORE INSERT OR UPDATE ON many FOR EACH ROW EXECUTE FUNCTION one_default();
UPDATE many SET dflt = true WHERE grp % 300 = 0 OR id % 4 = 0;
\set of many
:wrong;
:undelivered;
DROP TABLE logged, plain, reborn, moved, keys, decoded, many;
