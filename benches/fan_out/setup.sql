-- Tables, policies, the reference, and what measures.
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;

-- Claims as applications read them.
CREATE FUNCTION uid() RETURNS integer LANGUAGE sql STABLE
  AS $$ SELECT (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::integer $$;
-- The same, but nobody can see into it.
CREATE FUNCTION opaque_uid() RETURNS integer LANGUAGE plpgsql STABLE
  AS $$ BEGIN RETURN (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::integer; END $$;

CREATE TABLE filtered (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, value integer, note text);
CREATE TABLE owned (LIKE filtered INCLUDING ALL);
CREATE TABLE shared (LIKE filtered INCLUDING ALL);
CREATE TABLE opaque (LIKE filtered INCLUDING ALL);
CREATE TABLE members (person integer, team integer, PRIMARY KEY (person, team));
CREATE INDEX ON members (team);
-- Ten subscribers see each row: those of one team.
INSERT INTO members SELECT person, person / 10 FROM generate_series(1, 10000) AS person;
ANALYZE members;
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
ALTER TABLE shared ENABLE ROW LEVEL SECURITY;
ALTER TABLE opaque ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON owned USING (value = uid() / 10);
CREATE POLICY team ON shared USING (value IN (SELECT team FROM members WHERE person = uid()));
CREATE POLICY own ON opaque USING (value = opaque_uid() / 10);
-- The policy of `owned` is `column = claim` once the claim is worked out.
GRANT SELECT ON filtered, owned, shared, opaque, members TO bench_subscriber;
SELECT pgrealtime.enable(name::regclass) FROM unnest('{filtered,owned,shared,opaque}'::text[]) AS name;

-- Writes so many changes, each a row of its own, for `different` values in turn.
CREATE PROCEDURE write(of regclass, changes integer, different integer) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('INSERT INTO %s (value, note) SELECT 1 + i %% $2, ''a note of a few words'' FROM generate_series(1, $1) AS i', of)
    USING changes, different;
  COMMIT;
END
$$;

-- Reads to the end; how many changes came, for how many subscribers.
CREATE FUNCTION read_all(INOUT cursor text, OUT changes bigint, OUT receivers bigint) LANGUAGE plpgsql AS $$
DECLARE
  batch record;
BEGIN
  changes := 0;
  receivers := 0;
  LOOP
    SELECT count(f.change) AS changes, coalesce(sum(cardinality(f.subscriptions)), 0) AS receivers,
        max(f.cursor) FILTER (WHERE f.subscriptions IS NULL) AS next, count(f.error) AS errors
      INTO batch FROM pgrealtime.fan_out(cursor, 10000) AS f;
    cursor := batch.next;
    changes := changes + batch.changes;
    receivers := receivers + batch.receivers;
    IF batch.errors > 0 THEN
      RAISE EXCEPTION '% errors', batch.errors;
    END IF;
    EXIT WHEN batch.changes = 0;
  END LOOP;
END
$$;

-- The reference: subscriptions in a table, and a loop over them for each change.
CREATE TABLE reference (id integer PRIMARY KEY, column_name text, value text, claims text);
-- One dynamic comparison for each subscription.
CREATE FUNCTION compared(record jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  one reference;
  holds boolean;
  found bigint := 0;
BEGIN
  FOR one IN SELECT * FROM reference LOOP
    EXECUTE format('SELECT %L::integer = %L::integer', record ->> one.column_name, one.value) INTO holds;
    found := found + coalesce(holds, false)::integer;
  END LOOP;
  RETURN found;
END
$$;
-- Whether the row is there for each subscriber, by its key.
CREATE FUNCTION asked(of regclass, key bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  one reference;
  sees boolean;
  found bigint := 0;
BEGIN
  FOR one IN SELECT * FROM reference LOOP
    PERFORM set_config('role', 'bench_subscriber', true), set_config('request.jwt.claims', one.claims, true);
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE id = $1)', of) INTO sees USING key;
    PERFORM set_config('role', 'none', true);
    found := found + sees::integer;
  END LOOP;
  RETURN found;
END
$$;
GRANT SELECT ON reference TO bench_subscriber;

-- Resident memory of this session's process.
CREATE FUNCTION resident() RETURNS bigint LANGUAGE sql AS $$ SELECT split_part(pg_read_file('/proc/self/statm'), ' ', 2)::bigint * 4096 $$;

CREATE TABLE measured (what text, subscriptions integer, us double precision);

-- Equality filters on distinct values: 1, 10, 100 … subscriptions, each change for one of them.
CREATE PROCEDURE filters(most integer, rounds integer, changes integer) LANGUAGE plpgsql AS $$
DECLARE
  n integer := 1;
  had integer := 0;
  before bigint := resident();
  next text := pgrealtime.current_cursor();
  began timestamptz;
  got record;
BEGIN
  WHILE n <= most LOOP
    PERFORM count(s.subscription) FROM generate_series(had + 1, n) AS i, pgrealtime.subscribe('filtered', 'value=eq.' || i) AS s;
    had := n;
    FOR round IN 1 .. rounds LOOP
      CALL write('filtered', changes, n);
      began := clock_timestamp();
      got := read_all(next);
      INSERT INTO measured VALUES ('fan_out, value=eq.…', n, extract(epoch FROM clock_timestamp() - began) * 1e6 / changes);
      next := got.cursor;
      IF got.changes <> changes OR got.receivers <> changes THEN
        RAISE EXCEPTION '% changes for % receivers', got.changes, got.receivers;
      END IF;
    END LOOP;
    INSERT INTO measured VALUES ('bytes', n, (resident() - before)::double precision / n);
    n := n * 10;
  END LOOP;
END
$$;

-- The reference for the same.
CREATE PROCEDURE comparisons(most integer, rounds integer) LANGUAGE plpgsql AS $$
DECLARE
  n integer := 1;
  began timestamptz;
BEGIN
  WHILE n <= most LOOP
    TRUNCATE reference;
    INSERT INTO reference SELECT i, 'value', i::text, NULL FROM generate_series(1, n) AS i;
    FOR round IN 1 .. rounds LOOP
      began := clock_timestamp();
      IF compared('{"id": 1, "value": 1}') <> 1 THEN
        RAISE EXCEPTION 'the reference is wrong';
      END IF;
      INSERT INTO measured VALUES ('a comparison each', n, extract(epoch FROM clock_timestamp() - began) * 1e6);
    END LOOP;
    n := n * 10;
  END LOOP;
END
$$;

-- One subscribe with a filter of a shape seen before, and check_filter of it.
CREATE PROCEDURE subscribes(rounds integer) LANGUAGE plpgsql AS $$
DECLARE
  began timestamptz;
BEGIN
  PERFORM pgrealtime.subscribe('filtered', 'value=eq.0'), pgrealtime.check_filter('filtered', 'value=eq.0');
  FOR round IN 1 .. rounds LOOP
    began := clock_timestamp();
    PERFORM count(s.subscription) FROM generate_series(1, 10000) AS i, pgrealtime.subscribe('filtered', 'value=eq.' || i) AS s;
    INSERT INTO measured VALUES ('subscribe', 10000, extract(epoch FROM clock_timestamp() - began) * 1e6 / 10000);
    began := clock_timestamp();
    PERFORM count(pgrealtime.check_filter('filtered', 'value=eq.' || i)) FROM generate_series(1, 10000) AS i;
    INSERT INTO measured VALUES ('check_filter', 10000, extract(epoch FROM clock_timestamp() - began) * 1e6 / 10000);
  END LOOP;
END
$$;

-- Subscribers with claims of their own, ten of whom see each row; and the reference, for one change.
CREATE PROCEDURE policies(of regclass, what text, subscribers integer, rounds integer, changes integer)
LANGUAGE plpgsql AS $$
DECLARE
  n integer := 10;
  had integer := 0;
  next text := pgrealtime.current_cursor();
  began timestamptz;
  got record;
  key bigint;
BEGIN
  TRUNCATE reference;
  WHILE n <= subscribers LOOP
    PERFORM count(s.subscription) FROM generate_series(had + 1, n) AS i,
      pgrealtime.subscribe(of, role_name => 'bench_subscriber', claims => jsonb_build_object('sub', i)) AS s;
    had := n;
    FOR round IN 1 .. rounds LOOP
      CALL write(of, changes, greatest(n / 10 - 1, 1));
      began := clock_timestamp();
      got := read_all(next);
      INSERT INTO measured VALUES ('fan_out, ' || what, n, extract(epoch FROM clock_timestamp() - began) * 1e6 / changes);
      next := got.cursor;
      IF got.changes = 0 OR got.receivers > got.changes * 10 THEN
        RAISE EXCEPTION '% changes for % receivers', got.changes, got.receivers;
      END IF;
    END LOOP;
    INSERT INTO reference SELECT i, NULL, NULL, jsonb_build_object('sub', i)::text FROM generate_series(1, n) AS i ON CONFLICT DO NOTHING;
    EXECUTE format('SELECT id FROM %s WHERE value = 1 LIMIT 1', of) INTO key;
    FOR round IN 1 .. least(rounds, 3) LOOP
      began := clock_timestamp();
      PERFORM asked(of, key);
      INSERT INTO measured VALUES ('EXISTS as each, ' || what, n, extract(epoch FROM clock_timestamp() - began) * 1e6);
    END LOOP;
    n := n * 10;
  END LOOP;
END
$$;
