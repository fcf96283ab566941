-- A poll that finds ten new changes, many times from the same cursor. psql variables: what, round, polls.
\set ON_ERROR_STOP on
\set QUIET on
\o /dev/null
SELECT pgrealtime.current_cursor() AS start \gset
INSERT INTO followed (value) SELECT i FROM generate_series(1, 10) AS i;
SET bench.start = :'start';
SET bench.polls = :polls;
DO $$
DECLARE
    found bigint;
BEGIN
    FOR i IN 1 .. 20 LOOP
        SELECT count(change) INTO found FROM pgrealtime.changes_since(current_setting('bench.start'), '{followed}');
        IF found <> 10 THEN RAISE EXCEPTION 'a poll found % changes', found; END IF;
    END LOOP;
END
$$;
SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint AS before \gset
DO $$
BEGIN
    FOR i IN 1 .. current_setting('bench.polls')::integer LOOP
        PERFORM count(change) FROM pgrealtime.changes_since(current_setting('bench.start'), '{followed}');
    END LOOP;
END
$$;
SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::bigint AS after \gset
\o
\pset format unaligned
\pset fieldsep '\t'
\pset tuples_only on
SELECT :'what', :round, (:after - :before) / 1000.0 / :polls;
