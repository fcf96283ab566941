-- The run with capture.
CREATE FUNCTION harness.capture(it regclass) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pgrealtime.enable(it); END $$;
CREATE FUNCTION harness.release(it regclass) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM pgrealtime.disable(it); END $$;
-- What the control has to do here, the extension does by itself.
CREATE FUNCTION harness.leaves() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN END $$;
