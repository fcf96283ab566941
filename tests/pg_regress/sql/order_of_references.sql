-- A referential action is a command of its own, but its triggers fire with those of the statement that caused it. Statements
-- of triggers come in between. The log has the changes of each row in the order in which they were made.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE FUNCTION changes(start text, relation regclass) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(' ', change->>'type', change->>'old_record', '->', change->>'record')
    FROM pgrealtime.changes_since(start, ARRAY[relation]) WHERE change IS NOT NULL
$$;

\echo ON DELETE SET NULL
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE SET NULL, note text);
SELECT pgrealtime.enable('child');
CREATE FUNCTION archive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE child SET note = 'lost ' || OLD.id WHERE id = OLD.id * 10;
  RETURN NULL;
END $$;
CREATE TRIGGER archive AFTER DELETE ON parent FOR EACH ROW WHEN (OLD.id = 2) EXECUTE FUNCTION archive();
INSERT INTO parent VALUES (1), (2);
INSERT INTO child VALUES (10, 1, 'a'), (20, 2, 'b');
SELECT pgrealtime.current_cursor() AS start \gset
DELETE FROM parent WHERE id IN (1, 2);
SELECT changes(:'start', 'child');
TABLE child;

\echo ON UPDATE CASCADE, in a table that refers to itself
CREATE TABLE node (id int PRIMARY KEY, up int REFERENCES node ON UPDATE CASCADE ON DELETE CASCADE, note text);
SELECT pgrealtime.enable('node');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE node SET note = 'of ' || NEW.id WHERE up = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE OF id ON node FOR EACH ROW WHEN (NEW.id = 12) EXECUTE FUNCTION note();
INSERT INTO node VALUES (1, NULL, 'a'), (2, NULL, 'b'), (5, 1, 'c'), (6, 2, 'd');
SELECT pgrealtime.current_cursor() AS start \gset
UPDATE node SET id = id + 10 WHERE id < 3;
SELECT changes(:'start', 'node');
SELECT * FROM node ORDER BY id;
DROP TABLE child, parent, node;
DROP FUNCTION changes, archive, note;
DROP EXTENSION pgrealtime CASCADE;
