-- Rights: those of every member of the extension, and how a trusted install passes them on.
\pset format unaligned
\pset footer off
SET client_min_messages = warning;
CREATE ROLE regress_installer;
GRANT CREATE ON DATABASE :DBNAME TO regress_installer;
GRANT CREATE ON SCHEMA public TO regress_installer;
CREATE ROLE regress_app;
GRANT CREATE ON SCHEMA public TO regress_app;
RESET client_min_messages;

-- A trusted extension: whoever may create in the database installs it; its schema and members are the superuser's.
SET ROLE regress_installer;
CREATE EXTENSION pgrealtime;
RESET ROLE;
SELECT extowner::regrole, extrelocatable FROM pg_extension WHERE extname = 'pgrealtime';
SELECT replace(proacl::text, current_user, 'superuser') AS acl, prosecdef, proconfig, provolatile, proparallel,
       replace(proowner::regrole::text, current_user, 'superuser') AS owner, oid::regprocedure AS function
FROM pg_proc WHERE pronamespace = 'pgrealtime'::regnamespace ORDER BY oid::regprocedure::text COLLATE "C";
SELECT relname, relkind, replace(replace(relacl::text, current_user, 'superuser'), 'Dxtm', 'Dxt') AS acl, relrowsecurity, relforcerowsecurity, relreplident
FROM pg_class WHERE relnamespace = 'pgrealtime'::regnamespace AND relkind NOT IN ('i', 't') ORDER BY 1;
SELECT replace(nspacl::text, current_user, 'superuser') AS acl FROM pg_namespace WHERE nspname = 'pgrealtime';
SELECT count(*) AS policies FROM pg_policies WHERE schemaname = 'pgrealtime';
SELECT evtname, evtevent, evtenabled, evttags FROM pg_event_trigger ORDER BY 1;
-- Members live in the extension's schema only.
SELECT count(*) AS elsewhere FROM pg_depend AS d JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgrealtime')
  AND p.pronamespace <> 'pgrealtime'::regnamespace;

-- The role that installed the extension uses it, and grants its rights to others.
SET ROLE regress_app;
CREATE TABLE goals (id int PRIMARY KEY);
SELECT pgrealtime.enable('goals');
SELECT pgrealtime.disable('goals');
CREATE TRIGGER t AFTER INSERT ON goals FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
SET ROLE regress_installer;
CREATE TABLE plans (id int PRIMARY KEY);
SELECT pgrealtime.enable('plans');
GRANT EXECUTE ON FUNCTION pgrealtime.enable, pgrealtime.disable, pgrealtime.capture_change TO regress_app;
ALTER PUBLICATION supabase_realtime OWNER TO regress_installer;
RESET ROLE;
ALTER PUBLICATION supabase_realtime ADD TABLE goals;
SET ROLE regress_app;
SELECT pgrealtime.enable('goals');
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
INSERT INTO goals VALUES (1);
-- Only enable() and disable() write settings.
INSERT INTO pgrealtime.settings SELECT * FROM pgrealtime.settings;
SET ROLE regress_installer;
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
SELECT count(*) FROM pgrealtime.settings;
UPDATE pgrealtime.settings SET priority = 'low';
CREATE TABLE pgrealtime.planted (a int);
RESET ROLE;
SELECT count(*) FROM pgrealtime.settings;
DROP EXTENSION pgrealtime;
DROP OWNED BY regress_app, regress_installer;
DROP ROLE regress_app, regress_installer;
