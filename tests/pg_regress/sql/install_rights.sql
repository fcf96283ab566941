-- Neither default privileges nor operators in the search_path may change what the install script makes.
\pset format unaligned
SET client_min_messages = warning;
CREATE ROLE "install ""a b";
CREATE ROLE install_app;
CREATE ROLE install_owner;
GRANT CREATE ON DATABASE :DBNAME TO install_owner;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO "install ""a b", install_app, install_owner, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO "install ""a b", install_app;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO install_app WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO install_app WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO "install ""a b", install_app WITH GRANT OPTION;

-- Operators that fit what the extension's views compare better than Postgres's own do.
CREATE SCHEMA planted;
CREATE FUNCTION planted.f(oid, regnamespace) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
CREATE FUNCTION planted.f(name, name) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
CREATE FUNCTION planted.f(text, int2) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
CREATE FUNCTION planted.f(text, int4) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE ''called''; END';
CREATE OPERATOR planted.= (LEFTARG = oid, RIGHTARG = regnamespace, FUNCTION = planted.f);
CREATE OPERATOR planted.~~ (LEFTARG = name, RIGHTARG = name, FUNCTION = planted.f);
CREATE OPERATOR planted.|| (LEFTARG = text, RIGHTARG = int2, FUNCTION = planted.f);
CREATE OPERATOR planted.|| (LEFTARG = text, RIGHTARG = int4, FUNCTION = planted.f);
ALTER SCHEMA planted OWNER TO install_owner;

\set planted 'SELECT count(*) FROM pg_depend AS d LEFT JOIN pg_operator AS o ON d.refclassid = ''pg_operator''::regclass AND o.oid = d.refobjid LEFT JOIN pg_proc AS p ON d.refclassid = ''pg_proc''::regclass AND p.oid = d.refobjid WHERE COALESCE(o.oprnamespace, p.pronamespace) = ''planted''::regnamespace AND d.classid NOT IN (''pg_operator''::regclass, ''pg_proc''::regclass);'
-- Every privilege on a member that is not its owner''s.
\set granted 'SELECT name COLLATE "C", CASE grantee WHEN 0 THEN ''PUBLIC'' ELSE grantee::regrole::text END AS grantee, string_agg(privilege_type || CASE WHEN is_grantable THEN '' *'' ELSE '''' END, '','' ORDER BY privilege_type) AS privileges FROM (SELECT 1, nspname::text, nspowner, nspacl FROM pg_namespace WHERE nspname = ''pgrealtime'' UNION ALL SELECT 2, relname, relowner, relacl FROM pg_class WHERE relnamespace = ''pgrealtime''::regnamespace UNION ALL SELECT 3, proname, proowner, proacl FROM pg_proc WHERE pronamespace = ''pgrealtime''::regnamespace UNION ALL SELECT 4, typname, typowner, typacl FROM pg_type WHERE typnamespace = ''pgrealtime''::regnamespace) AS m (kind, name, owner, acl), aclexplode(acl) WHERE grantee <> owner GROUP BY 1, 2 ORDER BY min(kind), 1, 2;'
\echo a superuser installs
SET search_path = planted;
CREATE EXTENSION pgrealtime;
RESET search_path;
:planted
:granted
SET ROLE install_app;
SELECT count(*) FROM pgrealtime.settings;
SELECT count(*) FROM pgrealtime.change_log_0;
SELECT entries FROM pgrealtime.log_status;
SELECT has_schema_privilege('pgrealtime', 'CREATE');
SELECT pgrealtime.enable('pg_class');
RESET ROLE;
SELECT entries, bytes > 0 AS has_bytes, sealing_delayed_by FROM pgrealtime.log_status;
SELECT * FROM pgrealtime.realtime_configuration;
DROP EXTENSION pgrealtime;
\echo the owner of the database installs
SET ROLE install_owner;
SET search_path = planted;
CREATE EXTENSION pgrealtime;
RESET search_path;
RESET ROLE;
:planted
:granted
SELECT entries FROM pgrealtime.log_status;
DROP EXTENSION pgrealtime;

ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM "install ""a b", install_app, install_owner, PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM "install ""a b", install_app;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM install_app;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TYPES FROM install_app;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SCHEMAS FROM "install ""a b", install_app;
DROP SCHEMA planted CASCADE;
DROP OWNED BY install_owner;
DROP ROLE "install ""a b", install_app, install_owner;
