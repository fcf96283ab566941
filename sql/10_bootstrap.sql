-- The first part of the install script: checks before anything is created.
\echo Use "CREATE EXTENSION pgrealtime" to load this file. \quit

DO $$
BEGIN
  IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
    RAISE EXCEPTION USING
      ERRCODE = 'feature_not_supported',
      MESSAGE = 'pgrealtime needs a database with encoding UTF8',
      DETAIL = pg_catalog.format('The encoding of this database is %s.', pg_catalog.getdatabaseencoding()),
      HINT = 'Create the extension in a database that was created with ENCODING ''UTF8''.';
  END IF;
END
$$;

-- The script creates the schema itself: with "schema =" in the control file it would belong to the role that installs
-- a trusted extension, who could then plant functions in it.
CREATE SCHEMA pgrealtime;
COMMENT ON SCHEMA pgrealtime IS 'Functions and views of the extension pgrealtime, and its change log';
REVOKE ALL ON SCHEMA pgrealtime FROM PUBLIC;
GRANT USAGE ON SCHEMA pgrealtime TO PUBLIC;
