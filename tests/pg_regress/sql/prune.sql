-- prune() lets a background process do its work: wherever it is called, it holds no locks afterwards.
CREATE EXTENSION pgrealtime;
CREATE TABLE t (id int PRIMARY KEY);
SELECT pgrealtime.enable('t');
SELECT pgrealtime.prune();
CREATE VIEW held AS
SELECT c.relname, l.mode FROM pg_locks AS l LEFT JOIN pg_class AS c ON c.oid = l.relation AND c.relnamespace = 'pgrealtime'::regnamespace
WHERE l.pid = pg_backend_pid() AND (c.oid IS NOT NULL OR l.locktype = 'object') ORDER BY 1, 2;
BEGIN;
SELECT pgrealtime.prune();
SELECT * FROM held;
SAVEPOINT s;
SELECT pgrealtime.prune();
ROLLBACK TO s;
INSERT INTO t VALUES (1);
SELECT pgrealtime.prune();
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT count(*) FROM t;
SELECT pgrealtime.prune();
COMMIT;
DO $$
BEGIN
    PERFORM pgrealtime.prune();
EXCEPTION WHEN others THEN
    RAISE NOTICE 'not pruned: %', SQLERRM;
END
$$;
-- Where nothing may be written.
BEGIN READ ONLY;
SELECT pgrealtime.prune();
ROLLBACK;
BEGIN READ ONLY;
SELECT pgrealtime.invalidate_cursors();
ROLLBACK;
-- Where this transaction itself keeps the janitor away.
BEGIN;
SELECT pgrealtime.invalidate_cursors();
SELECT pgrealtime.prune();
COMMIT;
BEGIN;
LOCK TABLE pgrealtime.log_segment IN SHARE MODE;
SELECT pgrealtime.prune();
COMMIT;
SELECT pgrealtime.prune();
-- An error of the janitor is raised to the caller, and is kept until a run succeeds.
DROP INDEX pgrealtime.change_log_3_position_idx;
SELECT pgrealtime.prune();
SELECT janitor_error FROM pgrealtime.log_state;
CREATE INDEX ON pgrealtime.change_log_3 (position);
SELECT pgrealtime.prune();
SELECT janitor_error FROM pgrealtime.log_state;
-- Settings of the database do not apply to the janitor.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
    EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
    EXECUTE format('ALTER DATABASE %I SET default_transaction_deferrable = on', current_database());
    EXECUTE format('ALTER DATABASE %I SET statement_timeout = 1', current_database());
    EXECUTE format('ALTER DATABASE %I SET lock_timeout = 1', current_database());
    EXECUTE format('ALTER DATABASE %I SET search_path = nowhere', current_database());
    EXECUTE format('ALTER DATABASE %I SET row_security = off', current_database());
END
$$;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO t VALUES (2);
SELECT pgrealtime.prune();
COMMIT;
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
END
$$;
-- A log that only this transaction knows, and one that it has dropped.
BEGIN;
DROP EXTENSION pgrealtime CASCADE;
SELECT pgrealtime.prune();
ROLLBACK;
BEGIN;
DROP EXTENSION pgrealtime CASCADE;
CREATE EXTENSION pgrealtime;
SELECT pgrealtime.prune();
COMMIT;
SELECT pgrealtime.prune();
DROP EXTENSION pgrealtime CASCADE;
BEGIN;
CREATE EXTENSION pgrealtime;
SELECT pgrealtime.prune();
COMMIT;
SELECT pgrealtime.prune();
DROP EXTENSION pgrealtime;
