-- What sessions keep of roles, policies and functions is dropped with everything that it depends on: the owner of the
-- database, whom pg_database_owner stands for, and casts, labels, collations and text search
-- configurations that functions name.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE ROLE database_first;
CREATE ROLE database_second;
SELECT quote_ident(current_database()) AS db, current_user AS superuser \gset
ALTER DATABASE :db OWNER TO database_first;
CREATE TABLE docs (id int PRIMARY KEY, owner text);
GRANT SELECT ON docs TO PUBLIC;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON docs TO pg_database_owner USING (true);
CREATE POLICY q ON docs TO PUBLIC USING (id = 0);
SELECT pgrealtime.enable('docs');
SELECT pgrealtime.current_cursor() AS cursor \gset
INSERT INTO docs VALUES (1, 'ann'), (2, 'bob');
CREATE FUNCTION shown(cursor text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE selected text; changed text;
BEGIN
  EXECUTE 'SELECT string_agg(owner, '' '' ORDER BY id) FROM public.docs' INTO selected;
  SELECT string_agg(change->'record'->>'owner', ' ' ORDER BY change->'record'->>'id') INTO changed
  FROM pgrealtime.changes_since(cursor, '{public.docs}') WHERE change IS NOT NULL;
  RETURN format('SELECT: %s, changes: %s', selected, changed);
END $$;
\echo a policy for the owner of the database
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
ALTER DATABASE :db OWNER TO database_second;
SET ROLE database_first;
SELECT shown(:'cursor');
SET ROLE database_second;
SELECT shown(:'cursor');
RESET ROLE;

\echo code of the owner of the database, whose rights are those of pg_database_owner
CREATE SCHEMA realtime;
GRANT ALL ON SCHEMA realtime TO pg_database_owner;
SET ROLE database_second;
CREATE FUNCTION realtime.tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'code of database_second'; RETURN NEW; END $$;
CREATE TABLE realtime.messages (topic text NOT NULL, extension text NOT NULL, payload jsonb, event text, private boolean);
CREATE TRIGGER tell BEFORE INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION realtime.tell();
RESET ROLE;
ALTER TABLE realtime.messages OWNER TO pg_database_owner;
CREATE TABLE sent (id serial PRIMARY KEY);
SELECT pgrealtime.enable('sent', sinks => '{broadcast}', broadcast_topic => 'all');
INSERT INTO sent DEFAULT VALUES;
ALTER DATABASE :db OWNER TO database_first;
INSERT INTO sent DEFAULT VALUES;
SELECT count(*) FROM realtime.messages;

\echo a cast that a function uses
DROP POLICY p ON docs;
DROP POLICY q ON docs;
CREATE SCHEMA a;
GRANT USAGE ON SCHEMA a TO database_first;
CREATE TYPE tag AS ENUM ('ann', 'bob');
CREATE FUNCTION to_tag(text) RETURNS tag LANGUAGE sql STABLE AS $$ SELECT 'bob'::tag $$;
CREATE FUNCTION tagged(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT who::tag = 'ann' $$;
CREATE POLICY p ON docs USING (tagged(owner));
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
CREATE CAST (text AS tag) WITH FUNCTION to_tag(text);
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
\echo a label
CREATE TYPE label AS ENUM ('ann', 'bob');
CREATE FUNCTION is_ann(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT who::label = 'ann' $$;
DROP POLICY p ON docs;
CREATE POLICY p ON docs USING (is_ann(owner));
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
ALTER TYPE label RENAME VALUE 'ann' TO 'other';
ALTER TYPE label RENAME VALUE 'bob' TO 'ann';
ALTER TYPE label RENAME VALUE 'other' TO 'bob';
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
\echo a collation
CREATE COLLATION public.ordered FROM "C";
CREATE FUNCTION comes_first(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT who COLLATE ordered < 'B' $$;
DROP POLICY p ON docs;
CREATE POLICY p ON docs USING (comes_first(owner));
SET search_path = a, public;
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
CREATE COLLATION a.ordered (provider = icu, locale = 'und');
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
\echo a text search configuration
CREATE TEXT SEARCH CONFIGURATION public.words (COPY = simple);
CREATE FUNCTION has_words(who text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT length(to_tsvector('words', who)) > 0 $$;
DROP POLICY p ON docs;
CREATE POLICY p ON docs USING (has_words(owner));
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
CREATE TEXT SEARCH CONFIGURATION a.words (PARSER = default);
SET ROLE database_first;
SELECT shown(:'cursor');
RESET ROLE;
ALTER DATABASE :db OWNER TO :superuser;
