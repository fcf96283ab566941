-- The long-poll, as far as one session can see it; tests/wait has two.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE TABLE watched (id int PRIMARY KEY);
CREATE TABLE unwatched (id int PRIMARY KEY);
SELECT pgrealtime.enable('watched'), pgrealtime.enable('unwatched');
SELECT pgrealtime.current_cursor() AS c \gset
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '0 s') AS nothing_yet;
INSERT INTO unwatched VALUES (1);
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '0 s') AS still_nothing;
SELECT pgrealtime.wait_for_changes(:'c', '{watched,unwatched}') AS one_of_them;
-- Changes of the caller's own transaction are not committed yet.
BEGIN;
INSERT INTO watched VALUES (1);
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '0 s') AS own;
COMMIT;
SELECT pgrealtime.wait_for_changes(:'c', '{watched}') AS committed;
-- No change, but a gap entry.
SELECT pgrealtime.current_cursor() AS c \gset
SELECT pgrealtime.enable('watched', payload => 'key');
SELECT pgrealtime.wait_for_changes(:'c', '{watched}') AS gap;
-- Limits.
SELECT pgrealtime.current_cursor() AS c \gset
SET pgrealtime.max_wait = '1 ms';
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '1 day') AS cut_short;
RESET pgrealtime.max_wait;
SET statement_timeout = '50 ms';
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '30 s');
RESET statement_timeout;
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '-1 s');
SELECT pgrealtime.wait_for_changes(:'c', '{}', '1 s');
SELECT pgrealtime.wait_for_changes('nonsense', '{watched}', '1 s');
SELECT pgrealtime.wait_for_changes(NULL, '{watched}', '1 s') IS NULL AS nothing_asked;
SELECT pgrealtime.invalidate_cursors();
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '1 s');
-- EXECUTE is for relays.
CREATE ROLE waits;
SET ROLE waits;
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '1 s');
RESET ROLE;
GRANT EXECUTE ON FUNCTION pgrealtime.wait_for_changes TO waits;
SET ROLE waits;
SELECT pgrealtime.wait_for_changes(:'c', '{watched}', '1 s');
RESET ROLE;
DROP OWNED BY waits;
DROP ROLE waits;
