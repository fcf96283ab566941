-- The control: the same objects, the same tables published, triggers of the same names in the same places, and none of it does anything.
DO $$
DECLARE
    one text;
BEGIN
    FOR one IN SELECT evtname FROM pg_event_trigger WHERE evtname LIKE 'pgrealtime%' LOOP
        EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', one);
    END LOOP;
END
$$;
-- An AFTER trigger's result is ignored.
CREATE OR REPLACE FUNCTION pgrealtime.capture_change() RETURNS trigger LANGUAGE c AS :'regresslib', 'trigger_return_old';

CREATE FUNCTION harness.add_trigger(it regclass, operation text, level text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER "00_pgrealtime_%s" AFTER %s ON %s FOR EACH %s EXECUTE FUNCTION pgrealtime.capture_change()',
        lower(operation), operation, it, level);
END
$$;

-- Refuses what enable() refuses, in the same order.
CREATE FUNCTION harness.capture(it regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    class pg_class;
BEGIN
    SELECT * INTO class FROM pg_class WHERE oid = it;
    IF class.relpersistence <> 'p' THEN
        RAISE 'cannot enable relation "%"', class.relname USING ERRCODE = 'wrong_object_type';
    ELSIF EXISTS (SELECT FROM pg_partition_ancestors(it) AS above JOIN harness.captured ON relation = above.relid WHERE above.relid <> it) THEN
        RAISE 'cannot enable table "%"', class.relname USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM harness.add_trigger(it, 'INSERT', 'ROW'), harness.add_trigger(it, 'UPDATE', 'ROW'),
        harness.add_trigger(it, 'DELETE', 'ROW'), harness.add_trigger(it, 'TRUNCATE', 'STATEMENT');
END
$$;

CREATE FUNCTION harness.release(it regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    operation text;
BEGIN
    FOREACH operation IN ARRAY '{insert,update,delete,truncate}'::text[] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS "00_pgrealtime_%s" ON %s', operation, it);
    END LOOP;
END
$$;

-- Partitions get triggers for each row by Postgres itself, and that for TRUNCATE by the extension; a table that is no partition any
-- more loses both. Its name is to be had from the command's text only.
CREATE FUNCTION harness.leaves() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER SET client_min_messages = error AS $$
DECLARE
    leaf regclass;
BEGIN
    FOR leaf IN
        SELECT DISTINCT tree.relid
        FROM pg_catalog.pg_event_trigger_ddl_commands() AS command CROSS JOIN pg_catalog.pg_partition_tree(command.objid) AS tree
        JOIN pg_catalog.pg_class AS c ON c.oid = tree.relid
        WHERE command.object_type IN ('table', 'foreign table') AND c.relispartition
          AND (c.relkind = 'r' OR c.relkind = 'f' AND current_setting('server_version_num')::int >= 160000) AND harness.has_trigger(tree.relid)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = tree.relid AND tgname = '00_pgrealtime_truncate')
    LOOP
        PERFORM harness.add_trigger(leaf, 'TRUNCATE', 'STATEMENT');
    END LOOP;
    FOR leaf IN
        SELECT to_regclass(names[1]) FROM regexp_matches(current_query(), 'detach\s+partition\s+([^\s;]+)', 'gi') AS names
    LOOP
        IF NOT harness.has_trigger(leaf) THEN
            EXECUTE format('DROP TRIGGER IF EXISTS "00_pgrealtime_truncate" ON %s', leaf);
        END IF;
    END LOOP;
END
$$;
