-- Code that fails because it may not use temporary objects leaves nothing behind: the transaction can still be prepared.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (payload jsonb, event text, topic text, private boolean, extension text);
CREATE FUNCTION hoard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  CREATE TEMP TABLE hoarded (id int);
  RETURN NEW;
END $$;
CREATE TRIGGER hoard AFTER INSERT ON realtime.messages FOR EACH ROW EXECUTE FUNCTION hoard();
CREATE TABLE t (id int PRIMARY KEY);
GRANT SELECT ON t TO PUBLIC;
SELECT pgrealtime.enable('t', sinks => '{log,broadcast}', broadcast_topic => 'all');
BEGIN;
INSERT INTO t VALUES (1);
PREPARE TRANSACTION 'temp_flag';
COMMIT PREPARED 'temp_flag';
TABLE t;
SELECT undelivered FROM pgrealtime.log_status;
\echo a transaction that has used its own temporary objects cannot
BEGIN;
CREATE TEMP TABLE own (id int);
INSERT INTO t VALUES (2);
PREPARE TRANSACTION 'temp_flag';
TABLE t;
DROP TABLE t;
DROP SCHEMA realtime CASCADE;
DROP FUNCTION hoard;
DROP EXTENSION pgrealtime CASCADE;
