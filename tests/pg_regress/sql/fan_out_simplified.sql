-- Policies that raise an error while they are looked at: it is theirs alone, and the session goes on.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE simplified_reader;
\getenv srcdir PG_ABS_SRCDIR
\i :srcdir/include/fan_out.sql
CREATE FUNCTION uid() RETURNS text STABLE LANGUAGE sql AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' $$;
CREATE TABLE members (user_id text, org int);
CREATE TABLE goals (id int PRIMARY KEY, owner text);
CREATE TABLE others (id int PRIMARY KEY, owner text);
GRANT SELECT ON goals, others, members TO simplified_reader;
ALTER TABLE goals ENABLE ROW LEVEL SECURITY;
ALTER TABLE others ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON others USING (owner = uid());
SELECT pgrealtime.enable('goals'), pgrealtime.enable('others');
\pset format unaligned
\pset tuples_only on
SELECT start();
SELECT subscription FROM unnest('{goals,others}'::regclass[]) AS relation, pgrealtime.subscribe(relation, role_name => 'simplified_reader', claims => '{"sub":"a"}');
CREATE FUNCTION change() RETURNS void LANGUAGE sql AS $$
  INSERT INTO goals VALUES (1, 'a');
  INSERT INTO others VALUES (1, 'a');
  DELETE FROM goals;
  DELETE FROM others;
$$;
\echo in a sub-select
CREATE POLICY one ON goals USING (EXISTS (SELECT 1/0 FROM members m WHERE m.user_id = uid() AND m.org = goals.id));
SELECT change();
SELECT heard();
SELECT 'the session goes on', current_user, current_setting('request.jwt.claims', true);
\echo in the condition itself
ALTER POLICY one ON goals USING (owner = uid() AND id > 1/0);
SELECT change();
SELECT heard();
\echo and asked about
SELECT status, detail FROM pgrealtime.diagnose('goals', 'simplified_reader', '{"sub":"a"}') WHERE check_name IN ('row level security', 'fan_out');
ALTER POLICY one ON goals USING (owner = uid());
SELECT change();
SELECT heard();
SELECT 'the session goes on', current_user, current_setting('request.jwt.claims', true);
