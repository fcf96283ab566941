-- A role that the gateway was not given: no client may become it.
DO $$
BEGIN
    IF to_regrole('stranger') IS NULL THEN
        CREATE ROLE stranger NOLOGIN;
    END IF;
END
$$;
