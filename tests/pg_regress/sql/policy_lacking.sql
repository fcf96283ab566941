-- A hidden row that lacks a value does not stop those from whom it is hidden: what the policies say without the value counts.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE policy_lacking_reader;
CREATE FUNCTION is_mine(o int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN RETURN o = 1; END$$;
CREATE TABLE rows (id int PRIMARY KEY, org int, s int, body text);
ALTER TABLE rows ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON rows TO policy_lacking_reader;
SELECT pgrealtime.enable('rows');
SET pgrealtime.max_image_bytes = '64kB';
CREATE FUNCTION long() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) AS i $$;
\pset format unaligned
\pset tuples_only on
SELECT pgrealtime.current_cursor() AS c \gset
SELECT subscription FROM pgrealtime.subscribe('rows', role_name => 'policy_lacking_reader');
INSERT INTO rows VALUES (1, 2, 0, long()), (2, 1, 1, 'short'), (3, NULL, 0, long());
UPDATE rows SET s = 2 WHERE id = 1;
\set look 'SET ROLE policy_lacking_reader; SELECT change ->> ''type'', change #>> ''{record,id}'' FROM pgrealtime.changes_since(:''c'', ''{rows}'') WHERE change IS NOT NULL; SELECT status, detail FROM pgrealtime.diagnose(''rows'') WHERE check_name = ''recent changes''; RESET ROLE; SELECT change ->> ''type'', change #>> ''{record,id}'', error FROM pgrealtime.fan_out(:''c'') WHERE subscriptions IS NOT NULL; SET pgrealtime.share_policies = off; SELECT change ->> ''type'', change #>> ''{record,id}'', error FROM pgrealtime.fan_out(:''c'') WHERE subscriptions IS NOT NULL; RESET pgrealtime.share_policies;'
\echo another part says no
CREATE POLICY p ON rows USING (org = 1 AND body <> 'draft');
:look
\echo by a function
ALTER POLICY p ON rows USING (is_mine(org) AND body <> 'draft');
:look
\echo in every branch
ALTER POLICY p ON rows USING ((org = 1 AND body <> 'draft') OR (is_mine(org) AND length(body) > 2));
:look
\echo behind NOT
ALTER POLICY p ON rows USING (NOT (org IS DISTINCT FROM 1 OR body = 'draft'));
:look
\echo the row as a whole
ALTER POLICY p ON rows USING (org = 1 AND rows IS NOT NULL);
:look
\echo a restrictive policy
ALTER POLICY p ON rows USING (body <> 'draft');
CREATE POLICY r ON rows AS RESTRICTIVE USING (is_mine(org));
:look
\echo what raises decides nothing: the missing value might have decided before
ALTER POLICY r ON rows USING (10 / s > 0);
:look
DROP POLICY r ON rows;
\echo where it may be shown, readers are told
ALTER POLICY p ON rows USING (org = 1 OR body = 'draft');
:look
ALTER POLICY p ON rows USING (NOT (org = 1 AND body = 'draft'));
:look
DROP OWNED BY policy_lacking_reader;
DROP ROLE policy_lacking_reader;
