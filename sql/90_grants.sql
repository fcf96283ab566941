-- The last part of the install script: who may do what. Nothing by default, so that a function that is forgotten here
-- is one that nobody can call. From everybody, not from PUBLIC alone: ALTER DEFAULT PRIVILEGES of the role that installs
-- gives its tables and functions to any role.
REVOKE ALL ON ALL TABLES IN SCHEMA pgrealtime FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA pgrealtime FROM PUBLIC;
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

-- What answers only what the caller may SELECT.
GRANT SELECT ON pgrealtime.realtime_configuration TO PUBLIC;
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
  -- Tells nothing but what the caller passes.
  pgrealtime.change_message,
  -- A setting that everybody may show; the view log_status asks for it as whoever reads the view.
  pgrealtime.log_retention()
TO PUBLIC;

-- What changes tables, or tells of all of them: for whoever installed the extension, who passes it on.
GRANT EXECUTE ON FUNCTION
  pgrealtime.enable(regclass, text, text[], text, text[], text, text, text[], text),
  pgrealtime.disable(regclass),
  -- CREATE TRIGGER asks for it: enable, and hand-made triggers.
  pgrealtime.capture_change(),
  pgrealtime.wait_for_changes,
  pgrealtime.prune(),
  pgrealtime.invalidate_cursors()
TO @extowner@ WITH GRANT OPTION;

GRANT SELECT ON pgrealtime.log_status TO @extowner@ WITH GRANT OPTION;

-- pg_dump reads and writes the settings as whoever runs it. Where that is the owner of the database and no superuser
-- (hosted platforms), it needs this, and BYPASSRLS.
GRANT SELECT, INSERT ON pgrealtime.settings TO @extowner@;
