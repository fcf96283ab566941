-- These triggers update the settings after RENAME, SET SCHEMA and OWNER TO, create TRUNCATE triggers on new partitions,
-- and write gaps for readers when rows of an enabled table come or go without a captured change. The start of a command
-- matters too: after a restore the cache is empty, and a renamed table cannot be found by its old name. A table, or a
-- trigger on one, can be dropped by any command that has CASCADE.
-- RENAME COLUMN works on a table whatever kind of relation the command says: ALTER VIEW, ALTER MATERIALIZED VIEW and ALTER
-- FOREIGN TABLE too. So does RENAME with ALTER INDEX. CREATE OR REPLACE VIEW adds columns to the view's row type.
-- Tables that are added to the publication become realtime, as do those that are created again under the name of a dropped
-- one.
-- ENABLE ALWAYS, because names also change under session_replication_role = replica.
CREATE EVENT TRIGGER pgrealtime_ddl_start ON ddl_command_start
  WHEN tag IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER INDEX',
               'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE')
  EXECUTE FUNCTION pgrealtime.follow_ddl();
CREATE EVENT TRIGGER pgrealtime_ddl_end ON ddl_command_end
  WHEN tag IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER VIEW', 'ALTER MATERIALIZED VIEW', 'ALTER INDEX',
               'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE',
               'CREATE TABLE', 'CREATE FOREIGN TABLE', 'CREATE VIEW', 'CREATE SCHEMA', 'CREATE TRIGGER',
               'CREATE PUBLICATION', 'ALTER PUBLICATION')
  EXECUTE FUNCTION pgrealtime.follow_ddl();
CREATE EVENT TRIGGER pgrealtime_drop ON sql_drop
  EXECUTE FUNCTION pgrealtime.follow_ddl();
CREATE EVENT TRIGGER pgrealtime_rewrite ON table_rewrite
  EXECUTE FUNCTION pgrealtime.follow_ddl();
ALTER EVENT TRIGGER pgrealtime_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER pgrealtime_drop ENABLE ALWAYS;
ALTER EVENT TRIGGER pgrealtime_rewrite ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER pgrealtime_ddl_start IS 'Records captured tables before a DDL command changes them';
COMMENT ON EVENT TRIGGER pgrealtime_ddl_end IS 'Updates settings and triggers, and writes gaps for readers, after a DDL command';
COMMENT ON EVENT TRIGGER pgrealtime_drop IS 'Follows DROP of captured tables, of their partitions and of their triggers';
COMMENT ON EVENT TRIGGER pgrealtime_rewrite IS 'Follows commands that rewrite a captured table';
