DO $setup$
DECLARE
    login_role CONSTANT text := current_setting('pgrealtime_gateway.login_role');
    create_roles CONSTANT boolean := current_setting('pgrealtime_gateway.create_roles');
    routines CONSTANT text[] := ARRAY['subscribe', 'resubscribe', 'unsubscribe', 'fan_out', 'wait', 'wait_for_changes',
        'is_row_allowed'];
    known record;
    client_role text;
    routine regprocedure;
    granted boolean;
BEGIN
    IF to_regnamespace('pgrealtime') IS NULL THEN
        IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgrealtime') THEN
            RAISE EXCEPTION 'this server does not have the files of the extension pgrealtime'
                USING HINT = 'Install them on the server: make install PG_CONFIG=/path/to/pg_config.',
                      ERRCODE = 'undefined_file';
        END IF;
        CREATE EXTENSION pgrealtime;
        RAISE NOTICE 'extension pgrealtime: created';
    END IF;
    IF (SELECT count(DISTINCT proname) FROM pg_proc
        WHERE pronamespace = 'pgrealtime'::regnamespace AND proname = ANY (routines)) < cardinality(routines) THEN
        RAISE EXCEPTION 'the extension pgrealtime of this database is too old for the gateway'
            USING HINT = 'Install its new files on the server and run ALTER EXTENSION pgrealtime UPDATE.',
                  ERRCODE = 'undefined_function';
    END IF;

    -- The login role has no rights by inheritance: what a client may do is what its own role may do.
    SELECT * INTO known FROM pg_roles WHERE rolname = login_role;
    IF NOT FOUND THEN
        EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', login_role);
        RAISE NOTICE 'role %: created. If it is to log in by password, give it one: \password %',
            quote_ident(login_role), quote_ident(login_role);
    ELSIF known.rolsuper OR known.rolbypassrls THEN
        RAISE EXCEPTION 'role % is a superuser or has BYPASSRLS: the gateway must log in as another one', quote_ident(login_role)
            USING HINT = 'Name it with setup --login-role.', ERRCODE = 'invalid_grant_operation';
    ELSIF NOT known.rolcanlogin OR known.rolinherit THEN
        EXECUTE format('ALTER ROLE %I LOGIN NOINHERIT', login_role);
        RAISE NOTICE 'role %: now LOGIN NOINHERIT', quote_ident(login_role);
    END IF;

    FOR client_role IN SELECT json_array_elements_text(current_setting('pgrealtime_gateway.roles')::json) LOOP
        SELECT * INTO known FROM pg_roles WHERE rolname = client_role;
        IF NOT FOUND AND NOT create_roles THEN
            RAISE WARNING 'role %: does not exist and is left out; --create-roles makes it', quote_ident(client_role);
            CONTINUE;
        ELSIF NOT FOUND THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT', client_role);
            RAISE NOTICE 'role %: created', quote_ident(client_role);
        ELSIF known.rolsuper THEN
            RAISE EXCEPTION 'role % is a superuser: no token may have it', quote_ident(client_role)
                USING ERRCODE = 'invalid_grant_operation';
        ELSIF client_role = login_role THEN
            RAISE EXCEPTION 'role % cannot be both the login role and the role of a token', quote_ident(client_role)
                USING ERRCODE = 'invalid_grant_operation';
        END IF;
        -- Since 16 a membership says by itself whether it is inherited and whether SET ROLE is allowed.
        granted := false;
        IF current_setting('server_version_num')::int >= 160000 THEN
            EXECUTE 'SELECT EXISTS (SELECT FROM pg_auth_members WHERE roleid = $1::regrole AND member = $2::regrole '
                    'AND set_option AND NOT inherit_option)'
                INTO granted USING quote_ident(client_role), quote_ident(login_role);
        ELSE
            granted := EXISTS (SELECT FROM pg_auth_members WHERE roleid = quote_ident(client_role)::regrole
                               AND member = quote_ident(login_role)::regrole);
        END IF;
        IF NOT granted THEN
            EXECUTE format('GRANT %I TO %I', client_role, login_role)
                || CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
            RAISE NOTICE 'role %: granted to %', quote_ident(client_role), quote_ident(login_role);
        END IF;
    END LOOP;

    IF NOT has_database_privilege(login_role, current_database(), 'CONNECT') THEN
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), login_role);
        RAISE NOTICE 'database %: CONNECT granted to %', quote_ident(current_database()), quote_ident(login_role);
    END IF;
    IF NOT has_schema_privilege(login_role, 'pgrealtime', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA pgrealtime TO %I', login_role);
        RAISE NOTICE 'schema pgrealtime: USAGE granted to %', quote_ident(login_role);
    END IF;
    FOR routine IN SELECT oid FROM pg_proc
                   WHERE pronamespace = 'pgrealtime'::regnamespace AND proname = ANY (routines) ORDER BY proname LOOP
        IF NOT has_function_privilege(login_role, routine, 'EXECUTE') THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, login_role);
            RAISE NOTICE '%: EXECUTE granted to %', routine, quote_ident(login_role);
        END IF;
    END LOOP;
END
$setup$;
