\set ECHO none
-- What tests of readers begin with: the schema app, which every role may use, is the search path. long() is a text that
-- does not compress, too large for an image of 64 kB. feed() is as in feed.sql.
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO PUBLIC;
SET search_path = app;
CREATE FUNCTION long() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(md5(i::text), '') FROM generate_series(1, 4000) i $$;
\i :srcdir/include/feed.sql
