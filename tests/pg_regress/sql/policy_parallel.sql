-- No parallel worker takes part in a policy of another role, not even by a plan that the session made before: it would see
-- the session's own role.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE policy_parallel_reader;
CREATE TABLE owners (owner text, org int);
INSERT INTO owners SELECT 'nobody', -i FROM generate_series(1, 20000) AS i;
INSERT INTO owners VALUES ('policy_parallel_reader', 1), ('none', 2);
ANALYZE owners;
CREATE TABLE rows (id int PRIMARY KEY, org int);
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON rows, owners TO policy_parallel_reader;
CREATE FUNCTION is_mine(o int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN
  PERFORM 1 FROM owners WHERE owner = current_setting('role') AND owners.org = o;
  RETURN FOUND;
END$$;
CREATE POLICY p ON rows USING (is_mine(org));
SELECT pgrealtime.enable('rows');
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_parallel_reader');
INSERT INTO rows VALUES (1, 1), (2, 2);
SELECT change #>> '{record,id}', error FROM pgrealtime.fan_out(:'c') WHERE subscriptions IS NOT NULL;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SET plan_cache_mode = force_generic_plan;
SET ROLE policy_parallel_reader;
SELECT count(*) FROM rows;
RESET ROLE;
\echo afterwards it is the same
SELECT change #>> '{record,id}', error FROM pgrealtime.fan_out(:'c') WHERE subscriptions IS NOT NULL;
DROP OWNED BY policy_parallel_reader;
DROP ROLE policy_parallel_reader;
