-- What `pgrealtime-gateway check` judges, as one JSON object. $1: the roles that tokens may have; $2: the routines that
-- the gateway calls; $3: those that it calls as these roles.
SELECT json_build_object(
    'version', current_setting('server_version_num')::int,
    'version_text', current_setting('server_version'),
    'standby', pg_is_in_recovery(),
    'feedback', current_setting('hot_standby_feedback')::boolean,
    'tls', (SELECT format('%s, %s', version, cipher) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl),
    'local', inet_server_addr() IS NULL,
    'extension', (SELECT extversion FROM pg_extension WHERE extname = 'pgrealtime'),
    'available', (SELECT default_version FROM pg_available_extensions WHERE name = 'pgrealtime'),
    'capturing', COALESCE(current_setting('pgrealtime.enabled', true), 'on')::boolean,
    'login', (
        SELECT json_build_object(
            'name', rolname, 'superuser', rolsuper, 'bypass', rolbypassrls, 'creates_roles', rolcreaterole,
            'inherits', (
                SELECT COALESCE(json_agg(DISTINCT roleid::regrole::text), '[]') FROM pg_auth_members
                WHERE member = r.oid AND pg_has_role(r.oid, roleid, 'USAGE')),
            'sessions', rolconnlimit)
        FROM pg_roles AS r WHERE rolname = session_user),
    'routines', (
        SELECT json_agg(json_build_object('name', name, 'there', there, 'executable', executable) ORDER BY ord)
        FROM unnest($2::text[]) WITH ORDINALITY AS wanted (name, ord)
        CROSS JOIN LATERAL (
            SELECT count(*) > 0, COALESCE(bool_or(has_function_privilege(oid, 'EXECUTE')), false)
            FROM pg_proc WHERE pronamespace = to_regnamespace('pgrealtime') AND proname = name
        ) AS known (there, executable)),
    'roles', (
        SELECT json_agg(json_build_object(
            'name', name,
            'there', r.oid IS NOT NULL,
            'granted', COALESCE(pg_has_role(session_user, r.oid,
                CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END), false),
            'superuser', COALESCE(r.rolsuper, false),
            'bypass', COALESCE(r.rolbypassrls, false),
            'executes', r.oid IS NOT NULL AND (
                SELECT COALESCE(bool_and(has_function_privilege(r.oid, p.oid, 'EXECUTE')
                                         AND has_schema_privilege(r.oid, p.pronamespace, 'USAGE')), false)
                FROM pg_proc AS p WHERE p.pronamespace = to_regnamespace('pgrealtime') AND p.proname = ANY ($3::text[]))
        ) ORDER BY ord)
        FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, ord)
        LEFT JOIN pg_roles AS r ON r.rolname = name),
    'free_sessions', current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - COALESCE(current_setting('reserved_connections', true)::int, 0) -- since 16
        - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
)::text
