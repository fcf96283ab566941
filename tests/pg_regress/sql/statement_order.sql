-- Statements within a statement: those of BEFORE and AFTER triggers, of functions that write, of foreign keys. AFTER
-- triggers fire when their statement ends, and an inner statement ends first. The log has the changes of a row in the order
-- in which they were made, so that a copy that applies them one by one ends equal to the table.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
RESET client_min_messages;

CREATE TABLE copy (key text PRIMARY KEY, body jsonb);
CREATE TABLE start (cursor text, rows jsonb);
CREATE FUNCTION rows_of(relation regclass) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE rows jsonb;
BEGIN
  EXECUTE format('SELECT COALESCE(jsonb_agg(t ORDER BY id), ''[]'') FROM %s AS t', relation) INTO rows;
  RETURN rows;
END
$$;
-- The table as it is, and a cursor.
CREATE PROCEDURE before(relation regclass) LANGUAGE sql AS $$
  DELETE FROM start;
  INSERT INTO start VALUES (pgrealtime.current_cursor(), rows_of(relation));
$$;
-- Applies one change; returns what is wrong if it does not fit.
CREATE FUNCTION apply(change jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  r jsonb := change -> 'record';
  o jsonb := change -> 'old_record';
BEGIN
  IF jsonb_typeof(o) = 'object' THEN
    DELETE FROM copy WHERE key = o ->> 'id' AND body = o;
    IF NOT FOUND THEN
      RETURN format('%s of a row that is not there: %s', change ->> 'type', o);
    END IF;
  END IF;
  IF jsonb_typeof(r) = 'object' THEN
    INSERT INTO copy VALUES (r ->> 'id', r) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN format('%s where a row is: %s', change ->> 'type', r);
    END IF;
  END IF;
  RETURN NULL;
END
$$;
-- The changes since then, and whether a copy ends equal to the table: all at once, one by one, and with net changes.
CREATE FUNCTION after(relation regclass) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  here text;
  how text;
  got record;
  more boolean;
  wrong text;
BEGIN
  FOREACH how IN ARRAY ARRAY['all', 'one by one', 'net'] LOOP
    DELETE FROM copy;
    INSERT INTO copy SELECT r ->> 'id', r FROM start, jsonb_array_elements(rows) AS r;
    SELECT cursor INTO here FROM start;
    more := true;
    WHILE more LOOP
      more := false;
      FOR got IN SELECT * FROM pgrealtime.changes_since(here, ARRAY[relation],
                   max_changes => CASE how WHEN 'one by one' THEN 1 ELSE 1000 END, net => how = 'net') LOOP
        here := got.cursor;
        CONTINUE WHEN got.change IS NULL;
        more := true;
        IF how = 'all' THEN
          RETURN NEXT concat_ws(' ', got.change ->> 'type', NULLIF(got.change ->> 'old_record', '') || ' ->', got.change ->> 'record');
        END IF;
        wrong := apply(got.change::jsonb);
        IF wrong IS NOT NULL THEN
          RETURN NEXT format('%s: %s', how, wrong);
        END IF;
      END LOOP;
    END LOOP;
    RETURN NEXT format('%s: %s', how, CASE WHEN (SELECT COALESCE(jsonb_agg(body ORDER BY (body ->> 'id')::numeric), '[]') FROM copy) = rows_of(relation)
      THEN 'the copy is the table' ELSE 'the copy is another' END);
  END LOOP;
EXCEPTION WHEN OTHERS THEN
  RETURN NEXT sqlstate || ' ' || sqlerrm;
END
$$;

-- A BEFORE trigger that changes other rows: only one row is the default.
CREATE TABLE address (id integer PRIMARY KEY, main boolean);
SELECT pgrealtime.enable('address');
CREATE FUNCTION only_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.main THEN
    UPDATE address SET main = false WHERE id <> NEW.id AND main;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER only_one BEFORE INSERT OR UPDATE ON address FOR EACH ROW EXECUTE FUNCTION only_one();
CALL before('address');
INSERT INTO address VALUES (1, true), (2, true), (3, true);
SELECT * FROM after('address');
CALL before('address');
UPDATE address SET main = true WHERE id < 3;
SELECT * FROM after('address');

-- An AFTER trigger that changes, deletes and inserts rows of the same statement.
CREATE TABLE task (id integer PRIMARY KEY, state text, note text);
SELECT pgrealtime.enable('task');
CREATE FUNCTION next_task() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() > 1 THEN
    RETURN NULL;
  ELSIF TG_OP = 'DELETE' THEN
    IF OLD.id = 1 THEN
      INSERT INTO task VALUES (2, 'again', TG_OP);
    END IF;
  ELSIF NEW.state = 'touch' THEN
    UPDATE task SET note = concat(note, NEW.id) WHERE id <> NEW.id AND state = 'touch';
  ELSIF NEW.state = 'drop' THEN
    DELETE FROM task WHERE id = NEW.id + 1;
  ELSIF NEW.state = 'replace' THEN
    DELETE FROM task WHERE id = NEW.id + 1;
    INSERT INTO task VALUES (NEW.id + 1, 'new', NEW.id);
  ELSIF NEW.state = 'move' AND NEW.id < 10 THEN
    UPDATE task SET id = id + 100 WHERE id = NEW.id + 1;
    INSERT INTO task VALUES (NEW.id + 1, 'taken', NEW.id);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER next_task AFTER INSERT OR UPDATE OR DELETE ON task FOR EACH ROW EXECUTE FUNCTION next_task();
CALL before('task');
INSERT INTO task SELECT i, 'touch' FROM generate_series(1, 4) AS i;
SELECT * FROM after('task');
CALL before('task');
UPDATE task SET state = 'drop' WHERE id < 4;
SELECT * FROM after('task');
CALL before('task');
DELETE FROM task WHERE id <> 4;
SELECT * FROM after('task');
INSERT INTO task VALUES (1, ''), (3, '');
CALL before('task');
UPDATE task SET state = 'replace' WHERE id < 4;
SELECT * FROM after('task');
CALL before('task');
UPDATE task SET state = 'move' WHERE id < 4;
SELECT * FROM after('task');
CALL before('task');
DELETE FROM task;
SELECT * FROM after('task');

-- Functions that write, in a SET list, in a SELECT, in a CTE, in RETURNING.
CREATE TABLE counter (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0);
SELECT pgrealtime.enable('counter');
INSERT INTO counter SELECT i FROM generate_series(1, 4) AS i;
CREATE FUNCTION bump(which integer) RETURNS integer LANGUAGE sql AS $$
  UPDATE counter SET n = n + 10 WHERE id = which RETURNING n $$;
CREATE FUNCTION renew(which integer) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM counter WHERE id = which;
  INSERT INTO counter VALUES (which, 1000);
  UPDATE counter SET n = n + 1 WHERE id = which;
  RETURN which;
END
$$;
CALL before('counter');
UPDATE counter SET n = COALESCE(bump(id - 1), 5) WHERE id < 4;
SELECT * FROM after('counter');
CALL before('counter');
SELECT bump(i) FROM generate_series(1, 2) AS i, generate_series(1, 2);
SELECT * FROM after('counter');
CALL before('counter');
UPDATE counter SET n = renew(id - 1) WHERE id < 4;
SELECT * FROM after('counter');
CALL before('counter');
UPDATE counter SET n = 7 WHERE id < 3 RETURNING id, renew(id);
SELECT * FROM after('counter');
CALL before('counter');
WITH gone AS (DELETE FROM counter WHERE id = 4 RETURNING id, renew(3)),
     come AS (INSERT INTO counter SELECT id + 1, bump(3) FROM gone RETURNING id)
SELECT * FROM come;
SELECT * FROM after('counter');

-- A BEFORE trigger that deletes a row to make room for a new one, or deletes it and inserts it again.
CREATE TABLE slot (id integer PRIMARY KEY, who text);
SELECT pgrealtime.enable('slot');
CREATE FUNCTION make_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' OR NEW.id <> OLD.id THEN
    DELETE FROM slot WHERE id = NEW.id;
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER make_room BEFORE INSERT OR UPDATE ON slot FOR EACH ROW EXECUTE FUNCTION make_room();
CALL before('slot');
INSERT INTO slot VALUES (1, 'a'), (2, 'b'), (1, 'c'), (1, 'd'), (3, 'e');
SELECT * FROM after('slot');
CALL before('slot');
UPDATE slot SET id = 3 WHERE id = 1;
UPDATE slot SET id = id - 1;
SELECT * FROM after('slot');
CALL before('slot');
INSERT INTO slot VALUES (1, 'x'), (5, 'y') ON CONFLICT (id) DO UPDATE SET who = excluded.who;
MERGE INTO slot AS s USING (VALUES (1, 'p'), (2, 'q'), (9, 'r')) AS v (id, who) ON s.id = v.id
  WHEN MATCHED AND v.id = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET who = v.who, id = s.id + 4
  WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.who);
SELECT * FROM after('slot');

-- A foreign key to the same table.
CREATE TABLE node (id integer PRIMARY KEY, up integer REFERENCES node ON UPDATE CASCADE ON DELETE SET NULL, n integer DEFAULT 0);
SELECT pgrealtime.enable('node');
CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE node SET n = n + 1 WHERE up = NEW.id OR id = NEW.id + 10;
  RETURN NEW;
END
$$;
INSERT INTO node VALUES (1, NULL), (2, 1), (3, 2), (4, 1);
CALL before('node');
UPDATE node SET id = id + 10 WHERE id < 3;
SELECT * FROM after('node');
CREATE TRIGGER count_up AFTER UPDATE OF id ON node FOR EACH ROW EXECUTE FUNCTION count_up();
CALL before('node');
UPDATE node SET id = id - 10 WHERE id > 10;
SELECT * FROM after('node');
CALL before('node');
DELETE FROM node WHERE id IN (1, 3);
SELECT * FROM after('node');
DROP TRIGGER count_up ON node;

-- Three levels, each of which changes the row that the level above has changed; a user's trigger that fires first.
CREATE TABLE deep (id integer PRIMARY KEY, n integer);
SELECT pgrealtime.enable('deep');
CREATE FUNCTION deeper() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.n > 0 THEN
    UPDATE deep SET n = NEW.n - 1 WHERE id = NEW.id;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER "00_deeper" AFTER INSERT OR UPDATE ON deep FOR EACH ROW EXECUTE FUNCTION deeper();
CALL before('deep');
INSERT INTO deep VALUES (1, 3), (2, 4);
UPDATE deep SET n = n + 5;
SELECT * FROM after('deep');

-- More levels than there are positions for: a gap entry, never a silent error.
CALL before('deep');
UPDATE deep SET n = 20 WHERE id = 1;
SELECT * FROM after('deep');
SELECT gaps FROM pgrealtime.log_status;

-- Partitions: rows that move, by whom.
CREATE TABLE part (id integer PRIMARY KEY, note text) PARTITION BY RANGE (id);
CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_high (note text, gone integer, id integer NOT NULL);
ALTER TABLE part_high DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_high FOR VALUES FROM (10) TO (100);
SELECT pgrealtime.enable('part');
CREATE FUNCTION shift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN
    UPDATE part SET id = id + 10, note = note || NEW.id WHERE id = NEW.id + 1;
    DELETE FROM part WHERE id = NEW.id + 2;
    INSERT INTO part VALUES (NEW.id + 2, 'of ' || NEW.id);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER shift AFTER INSERT OR UPDATE ON part FOR EACH ROW EXECUTE FUNCTION shift();
CALL before('part');
INSERT INTO part VALUES (1, 'a'), (2, 'b'), (3, 'c'), (20, 'd'), (21, 'e');
SELECT * FROM after('part');
CALL before('part');
UPDATE part SET note = 'u' WHERE id IN (1, 3, 20);
SELECT * FROM after('part');

-- Savepoints and exception blocks: what is rolled back has not happened.
CREATE TABLE tried (id integer PRIMARY KEY, n integer);
SELECT pgrealtime.enable('tried');
CREATE FUNCTION try_to(which integer, fail boolean) RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    UPDATE tried SET n = n + 100 WHERE id = which;
    DELETE FROM tried WHERE id = which + 1;
    INSERT INTO tried VALUES (which + 1, -1);
    IF fail THEN
      RAISE EXCEPTION 'undone';
    END IF;
  EXCEPTION WHEN raise_exception THEN
    UPDATE tried SET n = n + 1 WHERE id = which;
  END;
  RETURN which;
END
$$;
CREATE FUNCTION after_tried() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN
    PERFORM try_to(OLD.id + 1, OLD.id % 2 = 0);
  END IF;
  RETURN NULL;
END
$$;
INSERT INTO tried SELECT i, 0 FROM generate_series(1, 6) AS i;
INSERT INTO tried SELECT i, 0 FROM generate_series(11, 16) AS i;
CALL before('tried');
BEGIN;
UPDATE tried SET n = try_to(id - 2, id = 3) WHERE id IN (3, 5);
SAVEPOINT s;
UPDATE tried SET n = try_to(id - 2, false) WHERE id IN (13, 15);
ROLLBACK TO s;
UPDATE tried SET n = try_to(id - 2, id = 13) WHERE id IN (13, 15);
COMMIT;
SELECT * FROM after('tried');
CREATE TRIGGER after_tried AFTER UPDATE OR DELETE ON tried FOR EACH ROW EXECUTE FUNCTION after_tried();
CALL before('tried');
BEGIN;
UPDATE tried SET n = 5;
SAVEPOINT s;
DELETE FROM tried WHERE id > 2;
ROLLBACK TO s;
DELETE FROM tried WHERE id > 3;
COMMIT;
SELECT * FROM after('tried');

-- Tables without a key: rows are identified by all their values.
CREATE TABLE keyless (id integer PRIMARY KEY DEFERRABLE, n integer);
ALTER TABLE keyless REPLICA IDENTITY FULL;
SELECT pgrealtime.enable('keyless');
CREATE FUNCTION touch_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN
    UPDATE keyless SET n = n + 1;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER touch_all AFTER INSERT OR UPDATE ON keyless FOR EACH ROW EXECUTE FUNCTION touch_all();
CALL before('keyless');
INSERT INTO keyless VALUES (1, 10), (2, 20), (3, 30);
UPDATE keyless SET n = n * 2;
SELECT * FROM after('keyless') AS said WHERE said NOT LIKE 'net%';

-- Operations that are not captured by the settings, and a row filter: the captured changes are in order.
CREATE TABLE some_operations (id integer PRIMARY KEY, n integer);
SELECT pgrealtime.enable('some_operations', operations => '{INSERT,DELETE}');
CREATE FUNCTION hidden() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.n = 0 THEN
    UPDATE some_operations SET n = 1 WHERE id = NEW.id + 1;
    DELETE FROM some_operations WHERE id = NEW.id + 1;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER hidden AFTER INSERT ON some_operations FOR EACH ROW EXECUTE FUNCTION hidden();
CALL before('some_operations');
INSERT INTO some_operations VALUES (1, 0), (2, 0);
SELECT * FROM after('some_operations') AS said WHERE said ~ '^[A-Z]';

-- A row whose DELETE was not captured, and that was inserted again: the order cannot be known.
SELECT pgrealtime.enable('some_operations', operations => '{INSERT,UPDATE}');
CREATE OR REPLACE FUNCTION hidden() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.n = 0 THEN
    DELETE FROM some_operations WHERE id = NEW.id + 1;
    INSERT INTO some_operations VALUES (NEW.id + 1, 1);
  END IF;
  RETURN NULL;
END
$$;
CALL before('some_operations');
INSERT INTO some_operations VALUES (11, 0), (12, 0);
SELECT * FROM after('some_operations');

CREATE TABLE open_ones (id integer PRIMARY KEY, state text);
SELECT pgrealtime.enable('open_ones', row_filter => 'state=eq.open');
CREATE FUNCTION reopen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() = 1 THEN
    UPDATE open_ones SET state = 'other' WHERE id = NEW.id + 1;
    UPDATE open_ones SET state = 'open' WHERE id = NEW.id + 1;
  END IF;
  RETURN NULL;
END
$$;
INSERT INTO open_ones SELECT i, 'open' FROM generate_series(1, 3) AS i;
CREATE TRIGGER reopen AFTER UPDATE ON open_ones FOR EACH ROW EXECUTE FUNCTION reopen();
CALL before('open_ones');
UPDATE open_ones SET state = 'closed' WHERE id < 3;
SELECT * FROM after('open_ones') AS said WHERE said NOT LIKE '%the copy is another';
SELECT key, body FROM copy ORDER BY 1;
SELECT * FROM open_ones WHERE state = 'open';

-- Unlogged tables write nothing to the write-ahead log.
CREATE UNLOGGED TABLE light (id integer PRIMARY KEY, main boolean);
CREATE TRIGGER capture AFTER INSERT OR UPDATE OR DELETE ON light FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
CREATE FUNCTION only_one_light() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE light SET main = false WHERE id <> NEW.id AND main;
  RETURN NEW;
END
$$;
CREATE TRIGGER only_one BEFORE INSERT ON light FOR EACH ROW EXECUTE FUNCTION only_one_light();
CALL before('light');
INSERT INTO light VALUES (1, true), (2, true), (3, true);
SELECT * FROM after('light');
-- A cursor that may be right where the transaction's first record begins.
SELECT pgrealtime.current_cursor() AS here \gset
INSERT INTO light VALUES (4, true), (5, true);
SELECT change ->> 'type' AS type, change -> 'old_record' AS old, change -> 'record' AS new
FROM pgrealtime.changes_since(:'here', '{light}') WHERE change IS NOT NULL;

SELECT gaps FROM pgrealtime.log_status;
