-- In both runs: an event trigger that has every new table captured, as a DBA would who wants all of them to be realtime. What "captured"
-- means is in capture.sql, and in control.sql for the control.
CREATE EXTENSION pgrealtime;
-- Postgres asks the table's owner for it, where a partition gets its triggers.
GRANT EXECUTE ON FUNCTION pgrealtime.capture_change() TO PUBLIC;
CREATE SCHEMA harness;
GRANT USAGE ON SCHEMA harness TO PUBLIC;
CREATE TABLE harness.captured (relation oid, name text, empty boolean);
CREATE TABLE harness.start AS SELECT pgrealtime.current_cursor() AS cursor;
CREATE TABLE harness.refused (name text, state text, message text);
-- Every table is in the publication from the start: ALTER PUBLICATION ... ADD TABLE would lock it until the transaction ends, and the suites
-- have transactions that wait for one another. It publishes no UPDATE and no DELETE, or Postgres would refuse both on tables without a key.
CREATE PUBLICATION supabase_realtime FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root = true);

-- Captures a new table.
CREATE FUNCTION harness.new_table(it regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    filled boolean := false;
BEGIN
    BEGIN
        PERFORM harness.capture(it);
        IF NOT harness.has_trigger(it) THEN
            RAISE 'table "%" is not captured', it;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', it) INTO filled;
        INSERT INTO harness.captured VALUES (it, it::text, NOT filled);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
        INSERT INTO harness.refused VALUES (it::text, state, message);
    END;
END
$$;

-- Runs with the rights of the superuser who made it, whoever creates the table, and tells nobody.
CREATE FUNCTION harness.follow() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog SET client_min_messages = error AS $$
DECLARE
    made oid;
BEGIN
    FOR made IN
        SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands()
        WHERE object_type = 'table' AND command_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
        ORDER BY objid
    LOOP
        PERFORM harness.new_table(made);
    END LOOP;
END
$$;

CREATE FUNCTION harness.has_trigger(it regclass) RETURNS boolean
RETURN EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = it AND tgname = '00_pgrealtime_insert');

-- A captured table cannot become a partition of another: it is released first. Its name is to be had from the command's text only.
CREATE FUNCTION harness.before_attach() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET client_min_messages = error AS $$
DECLARE
    names text[];
    parent regclass;
    partition regclass;
BEGIN
    FOR names IN
        SELECT regexp_matches(current_query(),
            'alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(\S+)\s+attach\s+partition\s+([^\s;]+)', 'gi')
    LOOP
        parent := to_regclass(names[1]);
        partition := to_regclass(names[2]);
        IF harness.has_trigger(parent) AND harness.has_trigger(partition)
            AND NOT (SELECT relispartition FROM pg_catalog.pg_class WHERE oid = partition)
        THEN
            PERFORM harness.release(partition);
            DELETE FROM harness.captured WHERE relation = partition;
        END IF;
    END LOOP;
END
$$;
