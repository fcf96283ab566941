-- From 0.1.0 to 0.2.0: tables become realtime by being published, repair(), and the log says its format.
\echo Use "ALTER EXTENSION pgrealtime UPDATE" to load this file. \quit

ALTER TABLE pgrealtime.log_state ADD COLUMN format integer NOT NULL DEFAULT 1;

CREATE FUNCTION pgrealtime.repair() RETURNS TABLE (relation text, what text)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'repair_wrapper';
COMMENT ON FUNCTION pgrealtime.repair() IS
  'Mends realtime tables whose status in realtime_configuration is not ok, and enables published tables. Returns the tables that it has mended, and the status that they had';
REVOKE ALL ON FUNCTION pgrealtime.repair() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pgrealtime.repair() TO @extowner@ WITH GRANT OPTION;

DROP EVENT TRIGGER pgrealtime_ddl_end;
CREATE EVENT TRIGGER pgrealtime_ddl_end ON ddl_command_end
  WHEN tag IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER INDEX',
               'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE',
               'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE VIEW', 'CREATE SCHEMA', 'CREATE TRIGGER',
               'CREATE PUBLICATION', 'ALTER PUBLICATION')
  EXECUTE FUNCTION pgrealtime.follow_ddl();
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER pgrealtime_ddl_end IS 'Updates settings and triggers, and writes gaps for readers, after a DDL command';
