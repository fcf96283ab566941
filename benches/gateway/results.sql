-- Tables of what was measured. Parameters: results (the file), sockets_wanted.
\pset footer off
\pset null ''
CREATE TABLE measured (what text, server text, round integer, value double precision);
\copy measured FROM pstdin

-- Each round's value, the floor's in the same round, and the ratio.
CREATE VIEW rounds AS
  SELECT g.what, g.value, f.value AS floor, g.value / nullif(f.value, 0) AS ratio
  FROM measured AS g LEFT JOIN measured AS f ON (f.what, f.round, f.server) = (g.what, g.round, 'floor')
  WHERE g.server = 'gateway';
CREATE VIEW medians AS
  SELECT what, percentile_cont(0.5) WITHIN GROUP (ORDER BY value) AS value, min(value) AS least, max(value) AS most,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY floor) AS floor, percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS ratio,
    min(ratio) AS ratio_least, max(ratio) AS ratio_most
  FROM rounds GROUP BY what;

-- Three digits that count.
CREATE FUNCTION shown(value double precision) RETURNS numeric LANGUAGE sql IMMUTABLE
  AS $$ SELECT round(value::numeric, CASE WHEN abs(value) < 10 THEN 2 WHEN abs(value) < 100 THEN 1 ELSE 0 END) $$;

CREATE TABLE claim (place integer, what text, title text, unit text, at_least double precision, at_most double precision);
INSERT INTO claim VALUES
  (1, 'idle p50', 'row written → client, nothing else happens, p50', 'ms', NULL, 5),
  (2, 'idle p99', 'the same, p99', 'ms', NULL, 20),
  (3, 'sockets', 'idle sockets, each joined with claims of its own', 'sockets', :sockets, NULL),
  (4, 'sockets joined kB', 'memory of one of them', 'kB', NULL, 20),
  (5, 'policies most', '500 sockets, policies, 20 % receive: most changes', '1/s', 1000, NULL),
  (6, 'everyone most', '500 sockets, no policies, all receive: most changes', '1/s', 200, NULL),
  (7, 'growth 10000 p95', '10,000 sockets, all receive 10 changes a second, p95', 'ms', NULL, 250),
  (8, 'joins', 'joins with policies', '1/s', 1000, NULL),
  (9, 'storm back', 'SIGKILL under load: everyone is back after', 's', NULL, 15),
  (10, 'storm missing', 'the same: changes that a client missed', 'changes', NULL, 0);
\echo
\echo 'Medians, least and most of all rounds; what the floor did in the same rounds, and the ratio to it in each round.'
SELECT title AS what, unit, shown(value) AS seen, shown(least) AS least, shown(most) AS most, shown(floor) AS floor,
  shown(ratio) AS "of the floor", shown(ratio_least) AS "least ", shown(ratio_most) AS "most ",
  CASE WHEN at_least IS NULL THEN 'at most ' || at_most ELSE 'at least ' || at_least END AS aim,
  CASE WHEN value >= coalesce(at_least, value) AND value <= coalesce(at_most, value) THEN 'holds' ELSE 'DOES NOT HOLD' END AS claim
FROM claim JOIN medians USING (what) ORDER BY place;

CREATE TABLE load (place integer, name text, title text);
INSERT INTO load VALUES
  (1, 'idle', '10 sockets, 20 changes/s'), (2, 'policies', '500 sockets with policies, 1,000 changes/s for 100 each'),
  (3, 'everyone', '500 sockets, 200 changes/s for all'), (4, 'growth 10', '10 sockets, 10 changes/s for all'),
  (5, 'growth 100', '100 sockets'), (6, 'growth 1000', '1,000 sockets'), (7, 'growth 10000', '10,000 sockets'),
  (8, 'sockets', 'all idle sockets but 10, 20 changes/s for these');
CREATE FUNCTION median(name text) RETURNS numeric LANGUAGE sql AS $$ SELECT shown(value) FROM medians WHERE what = name $$;
CREATE FUNCTION floor_of(name text) RETURNS numeric LANGUAGE sql AS $$ SELECT shown(floor) FROM medians WHERE what = name $$;
\echo
\echo 'Latency in ms, and µs of CPU for each change that a socket received: the gateway, its sessions in Postgres, the floor.'
SELECT title AS load, median(name || ' rate') AS "changes/s", median(name || ' p50') AS p50, median(name || ' p95') AS p95,
  median(name || ' p99') AS p99, floor_of(name || ' p50') AS "floor p50", floor_of(name || ' p95') AS "floor p95",
  floor_of(name || ' p99') AS "floor p99", median(name || ' cpu') AS "µs", median(name || ' session cpu') AS "µs Postgres",
  floor_of(name || ' cpu') AS "µs floor", median(name || ' missing') AS missing
FROM load WHERE median(name || ' p50') IS NOT NULL ORDER BY place;

CREATE TABLE other (place integer, what text, title text);
INSERT INTO other VALUES
  (1, 'idle commit', 'ms of an INSERT with its commit, p50; it is part of every latency'),
  (2, 'sockets open kB', 'kB of a socket before it joins'), (3, 'sockets session kB', 'kB of a subscription in the relay''s session'),
  (4, 'joins p95', 'ms until a join is answered, 500 at once, p95'), (5, 'joins cpu', 'µs of CPU of a join, the gateway'),
  (6, 'joins session cpu', 'µs of CPU of a join, Postgres'), (7, 'storm sockets', 'sockets of the storm'),
  (8, 'storm restarted', 's until the server listens again'), (9, 'storm repeated', 'changes that came twice'),
  (10, 'storm expected', 'changes that had to come');
\echo
SELECT title AS other, shown(value) AS seen, shown(least) AS least, shown(most) AS most, shown(floor) AS floor
FROM other JOIN medians USING (what) ORDER BY place;
