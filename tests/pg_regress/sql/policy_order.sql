-- A policy's condition that raises for hidden rows raises no more often than in a SELECT: what is leakproof comes first.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE policy_order_reader;
CREATE TABLE rows (id int PRIMARY KEY, org int, s int);
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON rows TO policy_order_reader;
SELECT pgrealtime.enable('rows');
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_order_reader');
INSERT INTO rows VALUES (1, 2, 0), (2, 1, 1);
\set look 'SET ROLE policy_order_reader; SELECT id FROM rows; SELECT change #>> ''{record,id}'' FROM pgrealtime.changes_since(:''c'', ''{rows}'') WHERE change IS NOT NULL; RESET ROLE; SELECT change #>> ''{record,id}'', error FROM pgrealtime.fan_out(:''c'') WHERE subscriptions IS NOT NULL; SET pgrealtime.share_policies = off; SELECT change #>> ''{record,id}'', error FROM pgrealtime.fan_out(:''c'') WHERE subscriptions IS NOT NULL; RESET pgrealtime.share_policies;'
\echo within one policy
CREATE POLICY p ON rows USING (10 / s > 0 AND org = 1);
:look
\echo a restrictive policy that raises
ALTER POLICY p ON rows USING (org = 1);
CREATE POLICY r ON rows AS RESTRICTIVE USING (10 / s > 0);
:look
\echo a permissive policy that raises
ALTER POLICY p ON rows USING (10 / s > 0);
ALTER POLICY r ON rows USING (org = 1);
:look
\echo a function that costs more than a comparison that is not leakproof
CREATE FUNCTION costly(s int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN RETURN 10 / s > 0; END$$;
DROP POLICY r ON rows;
ALTER POLICY p ON rows USING (costly(s) AND to_json(org)::text = '1');
:look
CREATE POLICY r ON rows AS RESTRICTIVE USING (true);
ALTER POLICY p ON rows USING (10 / s > 0);
\echo where a SELECT raises, the change is an error, too
ALTER POLICY r ON rows USING (org < 3);
:look
DROP OWNED BY policy_order_reader;
DROP ROLE policy_order_reader;
