-- The last part of the install script: privileges. Nothing is granted by default, so that nobody can call a function
-- that is forgotten here. Rights are revoked from all roles, not only PUBLIC: ALTER DEFAULT PRIVILEGES of the installing
-- role can grant its tables and functions to any role.
REVOKE ALL ON ALL TABLES IN SCHEMA pgrealtime FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA pgrealtime FROM PUBLIC;
DO $$
DECLARE
    command text;
BEGIN
    FOR command IN
        SELECT DISTINCT pg_catalog.format('REVOKE ALL ON %s FROM %s CASCADE', member.name,
            CASE WHEN granted.grantee OPERATOR(pg_catalog.=) 0::oid THEN 'PUBLIC'
                 ELSE pg_catalog.quote_ident(role.rolname::text) END)
        FROM (
            SELECT 'SCHEMA pgrealtime', n.nspowner, n.nspacl
            FROM pg_catalog.pg_namespace AS n
            WHERE n.oid OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
            UNION ALL
            SELECT pg_catalog.format(CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'S'::"char" THEN 'SEQUENCE pgrealtime.%I'
                                          ELSE 'TABLE pgrealtime.%I' END, c.relname),
                   c.relowner, c.relacl
            FROM pg_catalog.pg_class AS c
            WHERE c.relnamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
            UNION ALL
            SELECT pg_catalog.format('ROUTINE %s', p.oid::regprocedure), p.proowner, p.proacl
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
            UNION ALL
            SELECT pg_catalog.format('TYPE pgrealtime.%I', t.typname), t.typowner, t.typacl
            FROM pg_catalog.pg_type AS t
            WHERE t.typnamespace OPERATOR(pg_catalog.=) 'pgrealtime'::regnamespace::oid
        ) AS member (name, owner, acl)
        CROSS JOIN LATERAL pg_catalog.aclexplode(member.acl) AS granted
        LEFT JOIN pg_catalog.pg_roles AS role ON role.oid OPERATOR(pg_catalog.=) granted.grantee
        WHERE granted.grantee OPERATOR(pg_catalog.<>) member.owner
    LOOP
        EXECUTE command;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA pgrealtime TO PUBLIC;

-- These show only what the caller may SELECT.
GRANT SELECT ON pgrealtime.realtime_configuration TO PUBLIC;
-- These show the caller's consumers, and all of them only to roles that may see all.
GRANT SELECT ON pgrealtime.consumer_status TO PUBLIC;
GRANT EXECUTE ON FUNCTION pgrealtime.consumers(boolean) TO PUBLIC;
GRANT EXECUTE ON FUNCTION
  pgrealtime.is_realtime_enabled(text),
  pgrealtime.get_user_realtime_tables(),
  pgrealtime.policies_over_other_rows(regclass),
  pgrealtime.realtime_tables(),
  pgrealtime.relation_size(oid),
  pgrealtime.current_cursor(),
  pgrealtime.changes_since,
  pgrealtime.diagnose,
  pgrealtime.check_filter(regclass, text, text),
  -- Returns only what the caller passes.
  pgrealtime.change_message,
  -- A setting that everybody may show. The view log_status calls it as the role that reads the view.
  pgrealtime.log_retention()
TO PUBLIC;

-- These change tables, or show all of them: only for the role that installed the extension, which may grant them.
GRANT EXECUTE ON FUNCTION
  pgrealtime.enable(regclass, text, text[], text, text[], text, text, text[], text),
  pgrealtime.disable(regclass),
  pgrealtime.repair(),
  -- CREATE TRIGGER needs it, in enable and for hand-made triggers.
  pgrealtime.capture_change(),
  pgrealtime.wait_for_changes,
  pgrealtime.is_row_allowed,
  -- They judge changes as other roles that the session may become.
  pgrealtime.subscribe,
  pgrealtime.resubscribe,
  pgrealtime.unsubscribe,
  pgrealtime.fan_out,
  -- They store rows.
  pgrealtime.create_consumer,
  pgrealtime.drop_consumer,
  pgrealtime.move_consumer,
  pgrealtime.consume,
  pgrealtime.prune(),
  pgrealtime.invalidate_cursors()
TO @extowner@ WITH GRANT OPTION;

GRANT EXECUTE ON PROCEDURE pgrealtime.wait TO @extowner@ WITH GRANT OPTION;

GRANT SELECT ON pgrealtime.log_status TO @extowner@ WITH GRANT OPTION;

-- pg_dump and a restore read and write the settings as the role that runs them. If that is the database's owner and no
-- superuser (hosted platforms), the role needs this grant, and BYPASSRLS.
GRANT SELECT, INSERT ON pgrealtime.settings TO @extowner@;
