-- The cost of changes_since per change, compared with row_to_json of the same rows: CPU time of the session, interleaved rounds.
-- psql variables: rounds, changes.
\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SET client_min_messages = error; -- enable warns of the policies
SET max_parallel_workers_per_gather = 0;
SET jit = off;
-- One batch holds them all.
SET pgrealtime.max_batch_bytes = '512MB';

-- The same rows three times: without a policy, with a policy on a claim, with a policy on a membership. Every policy
-- lets the reader see every row, so that all three deliver as much.
CREATE TABLE members (org integer, user_id uuid, PRIMARY KEY (user_id, org));
INSERT INTO members SELECT org, md5(who::text)::uuid FROM generate_series(0, 96) AS org, generate_series(1, 20) AS who;
CREATE TABLE goals (
    id bigint PRIMARY KEY, organization_id integer, tenant integer, done boolean, progress numeric, weight double precision,
    title text, description text, status text, token uuid, created_at timestamptz, updated_at timestamptz,
    settings jsonb, due date, kind smallint
);
CREATE TABLE goals_claim (LIKE goals INCLUDING ALL);
CREATE TABLE goals_member (LIKE goals INCLUDING ALL);
CREATE POLICY reader ON goals_claim FOR SELECT
    USING (tenant = (SELECT (current_setting('request.jwt.claims', true)::json ->> 'tenant')::integer));
CREATE POLICY reader ON goals_member FOR SELECT
    USING (organization_id IN (SELECT org FROM members
        WHERE user_id = (SELECT (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid)));
ALTER TABLE goals_claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE goals_member ENABLE ROW LEVEL SECURITY;
DROP ROLE IF EXISTS bench_log_reader;
CREATE ROLE bench_log_reader;
GRANT SELECT ON goals, goals_claim, goals_member, members TO bench_log_reader;
SELECT set_config('request.jwt.claims', json_build_object('tenant', 7, 'sub', md5('1')::uuid)::text, false);
SELECT pgrealtime.enable(t) FROM unnest('{goals,goals_claim,goals_member}'::regclass[]) AS t;

SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO goals
SELECT i, i % 97, 7, i % 3 = 0, i * 1.25, i / 7.0, 'Objective number ' || i,
       'What is to be reached in this quarter, told in a sentence of ordinary length: ' || i, 'in_progress',
       md5(i::text)::uuid, now(), now(), '{"color": "blue", "watchers": [1, 2, 3]}', date '2026-01-01' + i % 300, i % 5
FROM generate_series(1, :changes) AS i;
INSERT INTO goals_claim SELECT * FROM goals;
INSERT INTO goals_member SELECT * FROM goals;
VACUUM ANALYZE goals, goals_claim, goals_member, members;

CREATE TABLE claim (place integer, title text, at_most double precision, our_query text, reference_query text, rows bigint, against text);
-- Reads a table's changes: every call asks for one batch and must get all of them.
CREATE FUNCTION ours(of text, filter text = NULL) RETURNS text LANGUAGE sql AS $$
    SELECT format('SELECT count(change::text) FROM pgrealtime.changes_since(%L, %L, filter => %L, max_changes => 100000)',
        current_setting('bench.start'), ARRAY[of], filter)
$$;
SET bench.start = :'start';
INSERT INTO claim VALUES
    (1, 'no policy, no filter', 2, ours('goals'), 'SELECT count(row_to_json(t)::text) FROM goals AS t', :changes,
     'row_to_json of the rows'),
    (2, 'policy: a claim', 2, ours('goals_claim'), 'SELECT count(row_to_json(t)::text) FROM goals_claim AS t', :changes,
     'row_to_json of the rows, same role'),
    (3, 'policy: a membership', 2, ours('goals_member'), 'SELECT count(row_to_json(t)::text) FROM goals_member AS t', :changes,
     'row_to_json of the rows, same role'),
    (4, 'filter organization_id=eq.42', 1, ours('goals', 'organization_id=eq.42'), ours('goals'),
     (SELECT count(*) FROM goals WHERE organization_id = 42), 'changes_since without the filter');

-- Nanoseconds of CPU that this session has used. It runs as the superuser, so that every role may call it.
CREATE FUNCTION cpu_ns() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog AS
    $$ SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint $$;
CREATE TABLE measured (place integer, round integer, ours double precision, reference double precision);
GRANT SELECT ON claim TO bench_log_reader;
GRANT INSERT ON measured TO bench_log_reader;
CREATE PROCEDURE measure(which integer, round integer) LANGUAGE plpgsql AS $$
DECLARE
    what claim := (SELECT c FROM claim AS c WHERE place = which);
    began bigint;
    us double precision[] := '{0,0}';
    one boolean;
    number bigint;
BEGIN
    -- Each goes first in every other round.
    FOREACH one IN ARRAY ARRAY[round % 2 = 0, round % 2 = 1] LOOP
        began := cpu_ns();
        EXECUTE CASE WHEN one THEN what.our_query ELSE what.reference_query END INTO number;
        us[CASE WHEN one THEN 1 ELSE 2 END] := (cpu_ns() - began) / 1000.0;
        IF one AND number <> what.rows THEN
            RAISE EXCEPTION '%: % changes in a batch, not %', what.title, number, what.rows;
        END IF;
    END LOOP;
    INSERT INTO measured VALUES (what.place, round, us[1], us[2]);
END
$$;

SELECT format(E'%s; CALL measure(%s, %s); RESET ROLE',
    CASE WHEN against LIKE '%role%' THEN 'SET ROLE bench_log_reader' ELSE 'RESET ROLE' END, place, round)
FROM generate_series(0, :rounds) AS round, claim ORDER BY round, (place + round) % 4
\gexec
DELETE FROM measured WHERE round = 0;  -- caches were cold

\o
\pset footer off
\echo
\echo 'A read of' :changes 'changes in one batch, µs of CPU per change that is looked at: median of' :rounds 'rounds; the ratio'
\echo 'of each round: median (least to most).'
SELECT title AS "changes_since", round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ours) / :changes)::numeric, 2) AS "µs",
       against, round((percentile_cont(0.5) WITHIN GROUP (ORDER BY reference) / :changes)::numeric, 2) AS "µs ",
       round((percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / reference))::numeric, 2) AS ratio,
       round(min(ours / reference)::numeric, 2) AS least, round(max(ours / reference)::numeric, 2) AS most, at_most AS "at most",
       CASE WHEN percentile_cont(0.5) WITHIN GROUP (ORDER BY ours / reference) <= at_most THEN 'holds' ELSE 'FAILS' END AS claim
FROM measured JOIN claim USING (place) GROUP BY place, title, against, at_most ORDER BY place;
\o /dev/null
SELECT pgrealtime.disable(t) FROM unnest('{goals,goals_claim,goals_member}'::regclass[]) AS t;
DROP TABLE goals, goals_claim, goals_member, members;
DROP OWNED BY bench_log_reader;
DROP ROLE bench_log_reader;
