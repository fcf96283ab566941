-- Settings belong to the owner who made them: another owner's table of the same name does not get them.
\pset format unaligned
\pset footer off
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
-- What enable() and disable() do is looked at here, not what comes of the publication.
SET pgrealtime.follow_publication = off;
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
GRANT CREATE ON SCHEMA public TO regress_alice, regress_bob;
GRANT EXECUTE ON FUNCTION pgrealtime.enable, pgrealtime.disable, pgrealtime.capture_change TO regress_alice, regress_bob;
CREATE PUBLICATION supabase_realtime;
ALTER PUBLICATION supabase_realtime OWNER TO regress_alice;
GRANT CREATE ON DATABASE regression TO regress_alice, regress_bob;
CREATE VIEW remembered AS SELECT relation_name, priority, row_filter, sinks, owner FROM pgrealtime.settings ORDER BY 1;
CREATE VIEW shown AS SELECT tablename, realtime_priority, row_filter, captured, status FROM pgrealtime.realtime_configuration ORDER BY 1, 2;
GRANT SELECT ON shown TO regress_alice, regress_bob;
ALTER VIEW shown SET (security_invoker = true);

SET ROLE regress_alice;
CREATE TABLE goals (id int PRIMARY KEY, secret text);
SELECT pgrealtime.enable('goals', priority => 'high', row_filter => 'secret=eq.xyzzy');
TABLE shown;
RESET ROLE;
TABLE remembered;

RESET client_min_messages;

-- The same owner creates the table again: it gets its settings back.
SET ROLE regress_alice;
DROP TABLE goals;
CREATE TABLE goals (id int PRIMARY KEY, secret text);
TABLE shown;
SELECT pgrealtime.enable('goals');
RESET ROLE;
TABLE remembered;

-- Another owner sees none of them, and starts from the standard values.
SET ROLE regress_alice;
DROP TABLE goals;
SET ROLE regress_bob;
CREATE TABLE goals (id int PRIMARY KEY, secret text);
TABLE shown;
SELECT pgrealtime.disable('goals');
RESET ROLE;
TABLE shown;
ALTER PUBLICATION supabase_realtime OWNER TO regress_bob;
ALTER PUBLICATION supabase_realtime ADD TABLE goals;
SET ROLE regress_bob;
TABLE shown;
-- DDL on it does not move them.
ALTER TABLE goals RENAME TO targets;
ALTER TABLE targets RENAME TO goals;
ALTER TABLE goals RENAME secret TO mystery;
RESET ROLE;
TABLE remembered;
SET ROLE regress_bob;
SELECT pgrealtime.enable('goals');
TABLE shown;
RESET ROLE;
TABLE remembered;

-- A partition does not become a leaf of a table that only another owner's settings name.
SET ROLE regress_alice;
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
RESET ROLE;
ALTER PUBLICATION supabase_realtime OWNER TO regress_alice;
SET ROLE regress_alice;
SELECT pgrealtime.enable('parts');
DROP TABLE parts;
SET ROLE regress_bob;
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'parts_1'::regclass;
RESET ROLE;
ALTER PUBLICATION supabase_realtime OWNER TO regress_bob;
SET ROLE regress_bob;
SELECT pgrealtime.enable('parts_1'); -- not refused: nothing above it is enabled
SELECT pgrealtime.disable('parts_1');
DROP TABLE parts;
RESET ROLE;

-- A superuser's table does not get settings that somebody else left behind, either.
SET ROLE regress_alice;
CREATE TABLE bait (id int PRIMARY KEY);
RESET ROLE;
ALTER PUBLICATION supabase_realtime OWNER TO regress_alice;
SET ROLE regress_alice;
SELECT pgrealtime.enable('bait', sinks => '{log,wal}');
DROP TABLE bait;
RESET ROLE;
CREATE TABLE bait (id int PRIMARY KEY);
SELECT pgrealtime.enable('bait');
SELECT sinks, owner = current_user AS mine FROM pgrealtime.settings WHERE relation_name = 'bait';
SELECT pgrealtime.disable('bait');

-- They go with the table to a new owner.
ALTER TABLE goals OWNER TO regress_alice;
TABLE remembered;
SET ROLE regress_alice;
SELECT pgrealtime.enable('goals', priority => 'low');
RESET ROLE;
TABLE remembered;
-- No event trigger sees REASSIGN OWNED, nor a role's new name: the table keeps them all the same, and the name follows.
REASSIGN OWNED BY regress_alice TO regress_bob;
TABLE shown;
ALTER ROLE regress_bob RENAME TO regress_robert;
TABLE shown;
ALTER TABLE goals RENAME TO targets;
TABLE remembered;
TABLE shown;

DROP TABLE targets;
DROP PUBLICATION supabase_realtime;
DROP OWNED BY regress_alice, regress_robert;
DROP ROLE regress_alice, regress_robert;
