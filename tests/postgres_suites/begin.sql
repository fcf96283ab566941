-- The event triggers of both runs, when all that they call is there.
CREATE EVENT TRIGGER a_harness ON ddl_command_start WHEN tag IN ('ALTER TABLE') EXECUTE FUNCTION harness.before_attach();
CREATE EVENT TRIGGER y_harness ON ddl_command_end WHEN tag IN ('CREATE TABLE', 'CREATE FOREIGN TABLE', 'ALTER TABLE') EXECUTE FUNCTION harness.leaves();
CREATE EVENT TRIGGER z_harness ON ddl_command_end EXECUTE FUNCTION harness.follow();
