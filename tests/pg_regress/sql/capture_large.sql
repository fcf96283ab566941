-- INSERT … SELECT of 1,000,000 rows with capture: what the writer needs of memory.
-- What grows with the rows is Postgres's own: it queues the events of AFTER triggers in the backend's memory until the
-- statement ends, 10 to 16 bytes a row, whatever the trigger. Capture adds nothing to that: Postgres resets the memory
-- that a trigger allocates before it fires the next one, and an image lives no longer. 64 MB would be 67 bytes a row.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE plain (id int PRIMARY KEY, a int);
CREATE TABLE captured (LIKE plain INCLUDING ALL);
SELECT pgrealtime.enable('captured');
-- The process's peak counts each page of the shared buffers that it has touched. Filling them first makes that part the
-- same for both: a page for each row, twice as many as there are buffers.
CREATE UNLOGGED TABLE filler (a text);
ALTER TABLE filler ALTER a SET STORAGE PLAIN;
CREATE PROCEDURE fill() LANGUAGE sql AS $$
  INSERT INTO filler SELECT repeat('x', 8000) FROM generate_series(1, 2 * (SELECT setting::int FROM pg_settings WHERE name = 'shared_buffers'))
$$;
CREATE FUNCTION peak_kb() RETURNS int LANGUAGE sql AS $$
  SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\s*(\d+) kB')::int
$$;

-- A backend of its own for each, since a peak never goes down.
\c -
CALL fill();
INSERT INTO plain SELECT i, i FROM generate_series(1, 1000000) i;
SELECT peak_kb() AS plain \gset
TRUNCATE filler;
\c -
CALL fill();
INSERT INTO captured SELECT i, i FROM generate_series(1, 1000000) i;
SELECT peak_kb() AS captured \gset
SELECT :captured - :plain < 64 * 1024 AS bounded;

-- An UPDATE compares each row with the one before it, which costs memory of its own for a row's time.
TRUNCATE filler;
\c -
CALL fill();
UPDATE captured SET a = a + 1;
SELECT peak_kb() - :plain < 64 * 1024 AS bounded;

-- All of them were captured; a new log begins with segment 0, and stays there for far more than this.
SELECT operation, count(*) FROM pgrealtime.change_log_0 WHERE relation = 'captured'::regclass AND operation <> 'G' GROUP BY 1 ORDER BY 1;
