-- What each subscription receives: by its role, claims, filter, events and columns, each message written once.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE fan_out_reader;
CREATE ROLE fan_out_clerk;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE TABLE members (user_id int, org int);
CREATE TABLE goals (id int PRIMARY KEY, org int, owner int, title text, secret text);
CREATE TABLE plans (id int PRIMARY KEY, status text);
CREATE FUNCTION uid() RETURNS int STABLE LANGUAGE sql AS $$ SELECT (current_setting('request.jwt.claims', true)::jsonb ->> 'sub')::int $$;
SELECT pgrealtime.enable('goals');
SELECT pgrealtime.enable('plans', row_filter => 'status=neq.draft', deletes => 'key');
GRANT SELECT ON members, plans TO fan_out_reader, fan_out_clerk;
GRANT SELECT ON goals TO fan_out_reader;
GRANT SELECT (id, org, owner) ON goals TO fan_out_clerk;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON goals FOR SELECT TO fan_out_reader USING (owner = uid());
CREATE POLICY org ON goals FOR SELECT TO fan_out_clerk USING (org IN (SELECT org FROM members WHERE user_id = uid()));
INSERT INTO members VALUES (7, 1), (8, 2), (9, 1), (9, 2);
CREATE TABLE subscribed (subscription int, what text);
CREATE FUNCTION follow(relation regclass, who text, filter text = NULL, events text[] = NULL, columns text[] = NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO subscribed SELECT subscription, concat_ws(' ', relation, who, filter, events, columns)
  FROM pgrealtime.subscribe(relation, filter, events, columns, split_part(who, ' ', 1)::regrole,
    CASE WHEN who LIKE '% %' THEN jsonb_build_object('sub', split_part(who, ' ', 2)) END)
$$;
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT follow('goals', 'fan_out_reader 7');
SELECT follow('goals', 'fan_out_reader 8');
SELECT follow('goals', 'fan_out_reader 8', 'title=ilike.%plan%');
SELECT follow('goals', 'fan_out_reader 8', events => '{INSERT}');
SELECT follow('goals', 'fan_out_reader 8', columns => '{title}');
SELECT follow('goals', 'fan_out_reader');
SELECT follow('goals', 'fan_out_clerk 7');
SELECT follow('goals', 'fan_out_clerk 9', 'org=gt.1');
SELECT follow('goals', current_user);
SELECT follow('goals', current_user, 'secret=eq.x', '{UPDATE,DELETE}');
SELECT follow('plans', 'fan_out_reader');
SELECT follow('plans', 'fan_out_clerk', 'status=eq.open');
SELECT * FROM subscribed ORDER BY 1;

\echo rows that come
INSERT INTO goals VALUES (1, 1, 7, 'a plan', 'x');
INSERT INTO goals VALUES (2, 2, 8, 'a plan', 'x');
SELECT heard();
\echo from the one to the other
UPDATE goals SET owner = 8 WHERE id = 1;
\echo into a filter and out of it
UPDATE goals SET title = 'none', secret = 'y' WHERE id = 2;
SELECT heard();
\echo under other claims
UPDATE goals SET org = 2 WHERE id = 1;
DELETE FROM goals WHERE id = 2;
SELECT heard();
\echo every relation in one pass, in the order of the log
BEGIN;
INSERT INTO plans VALUES (1, 'open'), (2, 'draft'), (3, 'closed');
INSERT INTO goals VALUES (3, 1, 8, 'c', NULL);
UPDATE plans SET status = 'open' WHERE id = 2;
UPDATE plans SET status = 'draft' WHERE id = 1;
COMMIT;
SELECT heard();
\echo a DELETE by key goes to all that have no filter that leaves it out
DELETE FROM plans;
SELECT heard();
\echo TRUNCATE goes to all that ask for it
TRUNCATE goals, plans;
SELECT heard();
\echo what a subscription began after is not for it, though it comes in the same batch
INSERT INTO plans VALUES (1, 'open');
SELECT follow('plans', 'fan_out_reader', 'id=gt.0');
INSERT INTO plans VALUES (2, 'open');
SELECT heard();
\echo a change of this transaction comes when it has committed
BEGIN;
INSERT INTO plans VALUES (3, 'open');
SELECT heard();
SELECT follow('plans', 'fan_out_reader', 'id=gt.1');
COMMIT;
SELECT heard();
\echo as changes_since says for each
SET pgrealtime.max_batch_bytes = '1kB';
SELECT set_config('test.first', current_setting('test.cursor'), false) <> '' AS begun;
INSERT INTO goals SELECT i, i % 3, i % 2 + 7, 'plan ' || i, CASE WHEN i % 5 > 0 THEN 'x' END FROM generate_series(1, 20) AS i;
UPDATE goals SET org = org + 1, owner = 15 - owner WHERE id % 4 < 2;
UPDATE goals SET secret = 'x' WHERE id % 5 < 2;
DELETE FROM goals WHERE id % 7 < 3;
CREATE TEMP TABLE got (n bigint GENERATED ALWAYS AS IDENTITY, subscription int, change jsonb);
DO $$
DECLARE
  next text := current_setting('test.first');
  before text;
  calls int := 0;
BEGIN
  LOOP
    before := next;
    INSERT INTO got (subscription, change)
      SELECT s, f.change FROM pgrealtime.fan_out(before, 7) WITH ORDINALITY AS f (cursor, change, subscriptions, error, n), unnest(subscriptions) AS s ORDER BY n;
    SELECT f.cursor INTO next FROM pgrealtime.fan_out(before, 7) AS f WHERE subscriptions IS NULL;
    calls := calls + 1;
    EXIT WHEN NOT EXISTS (SELECT FROM pgrealtime.fan_out(before, 7) WHERE subscriptions IS NOT NULL);
  END LOOP;
  RAISE INFO '% batches', calls;
END $$;
RESET pgrealtime.max_batch_bytes;
GRANT USAGE ON SCHEMA public TO fan_out_reader, fan_out_clerk;
CREATE FUNCTION since(role text, claims text, filter text, events text[], columns text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE all_of jsonb;
BEGIN
  PERFORM set_config('role', role, true), set_config('request.jwt.claims', claims, true);
  SELECT jsonb_agg(change ORDER BY n) FILTER (WHERE change IS NOT NULL) INTO all_of
    FROM pgrealtime.changes_since(current_setting('test.first'), '{goals}', filter, events, columns, 100000) WITH ORDINALITY AS c (cursor, change, n);
  RESET ROLE;
  RETURN all_of;
END $$;
SELECT subscription, jsonb_array_length(same) AS changes, same = jsonb_agg(change ORDER BY n) AS is_same
FROM got, LATERAL (SELECT CASE subscription
  WHEN 1 THEN since('fan_out_reader', '{"sub": "7"}', NULL, NULL, NULL)
  WHEN 2 THEN since('fan_out_reader', '{"sub": "8"}', NULL, NULL, NULL)
  WHEN 3 THEN since('fan_out_reader', '{"sub": "8"}', 'title=ilike.%plan%', NULL, NULL)
  WHEN 4 THEN since('fan_out_reader', '{"sub": "8"}', NULL, '{INSERT}', NULL)
  WHEN 5 THEN since('fan_out_reader', '{"sub": "8"}', NULL, NULL, '{title}')
  WHEN 7 THEN since('fan_out_clerk', '{"sub": "7"}', NULL, NULL, NULL)
  WHEN 8 THEN since('fan_out_clerk', '{"sub": "9"}', 'org=gt.1', NULL, NULL)
  WHEN 9 THEN since(current_user::text, '', NULL, NULL, NULL)
  WHEN 10 THEN since(current_user::text, '', 'secret=eq.x', '{UPDATE,DELETE}', NULL) END) AS s (same)
GROUP BY subscription, same ORDER BY subscription;
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE goals, plans, members, subscribed;
DROP FUNCTION heard, start, follow, since, uid;
REVOKE USAGE ON SCHEMA public FROM fan_out_reader, fan_out_clerk;
DROP ROLE fan_out_reader, fan_out_clerk;
