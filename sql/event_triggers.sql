-- Settings follow RENAME and SET SCHEMA, new partitions get their TRUNCATE triggers. The start of a command is looked
-- at, too: after a restore the cache is empty, and once a table is renamed its old name finds nothing.
-- ENABLE ALWAYS: names change under session_replication_role = replica as well.
CREATE EVENT TRIGGER pgrealtime_ddl_start ON ddl_command_start
  WHEN tag IN ('ALTER TABLE', 'ALTER INDEX', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE')
  EXECUTE FUNCTION pgrealtime.follow_ddl();
CREATE EVENT TRIGGER pgrealtime_ddl_end ON ddl_command_end
  WHEN tag IN ('ALTER TABLE', 'ALTER INDEX', 'ALTER SCHEMA', 'ALTER EXTENSION', 'ALTER TYPE', 'CREATE TABLE',
               'DROP TABLE', 'DROP SCHEMA', 'DROP OWNED', 'DROP EXTENSION')
  EXECUTE FUNCTION pgrealtime.follow_ddl();
ALTER EVENT TRIGGER pgrealtime_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER pgrealtime_ddl_end ENABLE ALWAYS;
