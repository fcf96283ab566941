-- Filters and policies that keys of values decide deliver what Postgres's own judgement delivers, also when tables, types,
-- rights and policies change meanwhile.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE keys_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE TABLE members (user_id text, org int);
CREATE TABLE goals (id int PRIMARY KEY, org int, owner text, amount numeric, code char(5), mood mood, at timestamptz, meta jsonb);
CREATE FUNCTION uid() RETURNS text STABLE LANGUAGE sql AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' $$;
SELECT pgrealtime.enable('goals', row_filter => 'id=neq.13');
GRANT SELECT ON goals, members TO keys_reader;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
INSERT INTO members VALUES ('a', 1), ('b', 2), ('c', 1), ('c', 2);
CREATE TABLE subscribed (subscription int, what text);
CREATE FUNCTION follow(filter text, who text = '') RETURNS void LANGUAGE sql AS $$
  INSERT INTO subscribed SELECT subscription, concat_ws(' ', who, filter)
  FROM pgrealtime.subscribe('goals', filter, role_name => CASE who WHEN '' THEN current_user ELSE 'keys_reader' END::regrole,
    claims => CASE WHEN who <> '-' THEN jsonb_build_object('sub', who) END)
$$;
-- same(): hears, with and without policies that readers share, and says whether that is the same; and how many rows.
CREATE FUNCTION same() RETURNS text LANGUAGE plpgsql AS $$
DECLARE one text; other text; first text := current_setting('test.cursor'); number int;
BEGIN
  SET LOCAL pgrealtime.share_policies = off;
  SELECT string_agg(h, E'\n' ORDER BY n) INTO one FROM heard() WITH ORDINALITY AS h (h, n);
  PERFORM set_config('test.cursor', first, false);
  SET LOCAL pgrealtime.share_policies = on;
  SELECT string_agg(h, E'\n' ORDER BY n), count(*) INTO other, number FROM heard() WITH ORDINALITY AS h (h, n);
  IF one IS DISTINCT FROM other THEN RETURN concat_ws(E'\n', 'NOT THE SAME', one, 'with shared policies', other); END IF;
  RETURN number || ' rows';
END $$;
-- counts(): how often each subscription hears something.
CREATE FUNCTION counts() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', s, coalesce(change ->> 'type', error), count(*)) FROM pgrealtime.fan_out(current_setting('test.cursor')), unnest(subscriptions) AS s
  GROUP BY s, coalesce(change ->> 'type', error) ORDER BY s, coalesce(change ->> 'type', error)
$$;
CREATE FUNCTION change() RETURNS void LANGUAGE sql AS $$
  INSERT INTO goals SELECT i, i % 4, chr(97 + i % 4), i / 2.0, 'c' || i % 3, CASE i % 3 WHEN 0 THEN 'low' WHEN 1 THEN 'high' END::mood, '2020-01-01 00:00:00Z'::timestamptz + i * '1 hour'::interval, jsonb_build_object('n', i) FROM generate_series(1, 16) AS i;
  UPDATE goals SET org = nullif(org + 1, 4), owner = CASE WHEN id % 5 > 0 THEN chr(97 + id % 3) END;
  UPDATE goals SET amount = amount + 0.50, code = NULL WHERE id % 2 = 0;
  DELETE FROM goals;
$$;
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT follow('org=eq.1');
SELECT follow('org=in.(1,2),amount=gte.2');
SELECT follow('amount=eq.1.50');
SELECT follow('code=eq.c1');
SELECT follow('or=(org.eq.3,owner.is.null)');
SELECT follow('mood=eq.low,owner=like.a%');
SELECT follow('at=gt."2020-01-01 05:00:00+02"');
SELECT follow('meta->n=gt.7,org=neq.2');
SELECT follow('not.or=(org.eq.1,mood.eq.high)');
SELECT follow(NULL, 'a'), follow('org=eq.1', 'a'), follow('amount=gt.3', 'b'), follow('meta->n=gt.7', 'c'), follow(NULL, 'd'), follow(NULL, '-');
\echo column = claim
CREATE POLICY p ON goals FOR SELECT USING (owner = (SELECT uid()));
SELECT change();
SELECT counts();
SELECT same();
\echo members
ALTER POLICY p ON goals USING (org IN (SELECT m.org FROM members m WHERE m.user_id = uid()));
SELECT change();
SELECT counts();
SELECT same();
INSERT INTO members VALUES ('a', 3), ('d', 1);
DELETE FROM members WHERE user_id = 'c' AND org = 2;
SELECT change();
SELECT counts();
SELECT same();
\echo both, and one that no keys decide
CREATE POLICY q ON goals AS RESTRICTIVE FOR SELECT USING (amount > 2 OR length(owner) > 0);
CREATE POLICY r ON goals FOR SELECT TO keys_reader USING (owner = uid() AND id % 2 = 0);
SELECT change();
SELECT counts();
SELECT same();
\echo one that has to be asked by each
CREATE FUNCTION sees(owner text) RETURNS boolean STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN owner = uid(); END $$;
CREATE POLICY s ON goals FOR SELECT TO keys_reader USING (sees(owner));
SELECT change();
SELECT counts();
SELECT same();
\echo none
ALTER TABLE goals DISABLE ROW LEVEL SECURITY;
SELECT change();
SELECT counts();
SELECT same();
\echo a function that the policies inline is another one now
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
DROP POLICY q ON goals;
DROP POLICY s ON goals;
SELECT same();
SELECT change();
CREATE OR REPLACE FUNCTION uid() RETURNS text STABLE LANGUAGE sql AS $$ SELECT chr(ascii(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub') + 1) $$;
SELECT counts();
SELECT same();
\echo columns, types, labels and rights that change
SELECT change();
ALTER TABLE goals ALTER COLUMN amount TYPE float8, ALTER COLUMN code TYPE text;
SELECT change();
SELECT counts();
SELECT same();
ALTER TYPE mood RENAME VALUE 'low' TO 'lowest';
SELECT heard();
ALTER TYPE mood RENAME VALUE 'lowest' TO 'low';
SELECT heard();
REVOKE SELECT ON goals FROM keys_reader;
GRANT SELECT (id, org, owner, code) ON goals TO keys_reader;
SELECT heard();
SELECT change();
SELECT counts();
SELECT same();
\echo subscriptions that go
SELECT pgrealtime.unsubscribe(array_agg(subscription)) FROM subscribed WHERE subscription % 3 = 1;
SELECT pgrealtime.resubscribe(14, 'keys_reader', '{"sub": "b"}');
SELECT change();
SELECT counts();
SELECT same();
DROP EXTENSION pgrealtime CASCADE;
DROP TABLE goals, members, subscribed;
DROP TYPE mood;
DROP FUNCTION heard, start, follow, same, counts, change, sees, uid;
DROP ROLE keys_reader;
