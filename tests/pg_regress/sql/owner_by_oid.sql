-- Settings belong to a role, not to its name: after a role was renamed or dropped, a new role of the old name does not get
-- the settings that it left behind.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE ROLE regress_first;
CREATE ROLE regress_second;
CREATE SCHEMA shared;
GRANT ALL ON SCHEMA shared TO regress_first, regress_second;
GRANT EXECUTE ON FUNCTION pgrealtime.enable, pgrealtime.disable, pgrealtime.capture_change TO PUBLIC;
CREATE PUBLICATION supabase_realtime FOR ALL TABLES;
CREATE VIEW shown AS SELECT tablename, realtime_priority, row_filter, status FROM pgrealtime.realtime_configuration ORDER BY 1, 2;
CREATE VIEW remembered AS SELECT relation_name, priority, row_filter, owner FROM pgrealtime.settings ORDER BY 1;
CREATE VIEW attached AS SELECT tgname, regexp_replace(replace(encode(tgargs, 'escape'), '\000', ' '), 'numbers=.\d+', 'numbers=[N') AS arguments FROM pg_trigger
WHERE tgrelid = to_regclass('shared.t') AND NOT tgisinternal ORDER BY 1;

\echo -- Another name: the table of the role that has the old one
SET ROLE regress_first;
CREATE TABLE shared.t (id int PRIMARY KEY, secret text);
SELECT pgrealtime.enable('shared.t', priority => 'high', row_filter => 'secret=eq.xyzzy', operations => '{INSERT}');
DROP TABLE shared.t;
RESET ROLE;
ALTER ROLE regress_first RENAME TO regress_former;
ALTER ROLE regress_second RENAME TO regress_first;
SET ROLE regress_first;
CREATE TABLE shared.t (id int PRIMARY KEY, secret text);
-- A trigger made by hand is noted beside the settings that the other role left behind.
CREATE TRIGGER mine AFTER INSERT ON shared.t FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
DROP TRIGGER mine ON shared.t;
SELECT pgrealtime.disable('shared.t');
RESET ROLE;
TABLE shown;
SET ROLE regress_first;
DROP TABLE shared.t;

\echo -- The role itself, under its new name, gets its settings back
SET ROLE regress_former;
CREATE TABLE shared.t (id int PRIMARY KEY, secret text);
SELECT pgrealtime.enable('shared.t');
RESET ROLE;
TABLE attached;
TABLE remembered;
SET ROLE regress_former;
DROP TABLE shared.t;

\echo -- The other role enables a table of that name: it starts from the standard values, which are then its own
SET ROLE regress_first;
CREATE TABLE shared.t (id int PRIMARY KEY, secret text);
SELECT pgrealtime.enable('shared.t', operations => '{DELETE}');
RESET ROLE;
TABLE attached;
TABLE remembered;
SET ROLE regress_first;
DROP TABLE shared.t;
SET ROLE regress_former;
CREATE TABLE shared.t (id int PRIMARY KEY, secret text);
RESET ROLE;
TABLE shown;
DROP TABLE shared.t;

\echo -- A role that has gone, and another of its name
DROP OWNED BY regress_first;
DROP ROLE regress_first;
CREATE ROLE regress_first;
GRANT ALL ON SCHEMA shared TO regress_first;
SET ROLE regress_first;
CREATE TABLE shared.t (id int PRIMARY KEY, secret text);
RESET ROLE;
TABLE shown;

\echo -- Where the role is unknown, as after a restore, its name decides
DROP PUBLICATION supabase_realtime;
DELETE FROM pgrealtime.relation_cache;
CREATE PUBLICATION supabase_realtime FOR ALL TABLES;
TABLE shown;
SET ROLE regress_first;
SELECT pgrealtime.enable('shared.t', priority => 'low');
SELECT pgrealtime.disable('shared.t');
DROP TABLE shared.t;
RESET ROLE;
SELECT count(*) FROM pgrealtime.relation_cache;

\echo -- The settings go with the table to a new owner
SET ROLE regress_first;
CREATE TABLE shared.t (id int PRIMARY KEY);
SELECT pgrealtime.enable('shared.t', priority => 'high');
RESET ROLE;
ALTER TABLE shared.t OWNER TO regress_former;
DROP TABLE shared.t;
SET ROLE regress_first;
CREATE TABLE shared.t (id int PRIMARY KEY);
DROP TABLE shared.t;
SET ROLE regress_former;
CREATE TABLE shared.t (id int PRIMARY KEY);
RESET ROLE;
TABLE shown;

DROP EXTENSION pgrealtime CASCADE;
DROP PUBLICATION supabase_realtime;
DROP OWNED BY regress_first, regress_former CASCADE;
DROP ROLE regress_first, regress_former;
