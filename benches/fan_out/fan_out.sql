-- Measures: see run. Each part has a session of its own, whose subscriptions end with it.
\pset footer off
CALL filters(:most, :rounds, :changes);
CALL comparisons(:subscribers, :rounds);
\c
CALL subscribes(:rounds);
\c
CALL policies('owned', 'column = claim', :subscribers, :rounds, :changes);
\c
CALL policies('shared', 'membership', :subscribers, :rounds, 1);
\c
CALL policies('opaque', 'own execution', :subscribers, :rounds, 100);

CREATE VIEW medians AS
  SELECT what, subscriptions, percentile_cont(0.5) WITHIN GROUP (ORDER BY us) AS us, min(us) AS least, max(us) AS most
  FROM measured GROUP BY what, subscriptions;
\echo 'Microseconds per change'
SELECT what, subscriptions, round(us::numeric, 1) AS "µs", round(least::numeric, 1) AS least, round(most::numeric, 1) AS most
FROM medians WHERE what <> 'bytes' ORDER BY what, subscriptions;

CREATE FUNCTION median(of text, at integer) RETURNS double precision LANGUAGE sql
  AS $$ SELECT us FROM medians WHERE what = of AND subscriptions = at $$;
\echo 'Claims'
SELECT claim, bound, round(seen::numeric, 2) AS seen, CASE WHEN holds THEN 'holds' ELSE 'DOES NOT HOLD' END AS result FROM (
  SELECT 1, format('fan_out, %s eq filters, times a comparison each', :subscribers), 'at least 1000',
    median('a comparison each', :subscribers) / median('fan_out, value=eq.…', :subscribers), 1000, NULL
  UNION ALL SELECT 2, format('the same, %s against 1000 filters', :most), 'at most 2',
    median('fan_out, value=eq.…', :most) / median('fan_out, value=eq.…', 1000), NULL, 2
  UNION ALL SELECT 3, 'policy column = claim, times EXISTS as each', 'at least 1000',
    median('EXISTS as each, column = claim', :subscribers) / median('fan_out, column = claim', :subscribers), 1000, NULL
  UNION ALL SELECT 4, 'membership policy, one change a batch, the same', 'at least 25',
    median('EXISTS as each, membership', :subscribers) / median('fan_out, membership', :subscribers), 25, NULL
  UNION ALL SELECT 5, 'policy of its own execution, 100 changes a batch, the same', 'at least 5',
    median('EXISTS as each, own execution', :subscribers) / median('fan_out, own execution', :subscribers), 5, NULL
  UNION ALL SELECT 6, 'one subscribe, times check_filter', 'at least 3',
    median('check_filter', 10000) / median('subscribe', 10000), 3, NULL
  UNION ALL SELECT 7, format('bytes of one of %s subscriptions', :most), 'at most 300', median('bytes', :most), NULL, 300
) AS claims (number, claim, bound, seen, least, most),
  LATERAL (SELECT seen >= coalesce(least, seen) AND seen <= coalesce(most, seen)) AS h (holds)
ORDER BY number;
