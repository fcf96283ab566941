-- ATTACH PARTITION fails when both the table and its new parent are enabled. The error says so.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE TABLE root (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE one (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k));
CREATE TABLE deep (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k)) PARTITION BY LIST (id);
CREATE TABLE "Deep 1" PARTITION OF deep FOR VALUES IN (1);
CREATE TABLE middle PARTITION OF root FOR VALUES IN (10, 11) PARTITION BY LIST (id);
SELECT pgrealtime.enable('one');
-- Nothing above it is enabled: ATTACH works as usual.
ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1);
ALTER TABLE root DETACH PARTITION one;
SELECT pgrealtime.enable('root');
SELECT pgrealtime.enable('deep');
ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1);
ALTER TABLE IF EXISTS public.root ATTACH PARTITION one DEFAULT;
-- The root of a tree; a leaf of one; below a partition of the enabled root.
ALTER TABLE root ATTACH PARTITION deep FOR VALUES IN (2);
SELECT pgrealtime.disable('deep');
SELECT pgrealtime.enable('"Deep 1"');
ALTER TABLE root ATTACH PARTITION deep FOR VALUES IN (2);
ALTER TABLE middle ATTACH PARTITION one FOR VALUES IN (1);
-- A role that may not attach the table does not learn what is enabled.
CREATE ROLE regress_attacher;
GRANT CREATE ON SCHEMA public TO regress_attacher;
SET ROLE regress_attacher;
ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1);
RESET ROLE;
-- A PL/pgSQL block catches it.
DO $$ BEGIN ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1); EXCEPTION WHEN object_not_in_prerequisite_state THEN RAISE INFO '%', SQLERRM; END $$;
-- The way out.
SELECT pgrealtime.disable('one');
SELECT pgrealtime.disable('"Deep 1"');
ALTER TABLE root ATTACH PARTITION one FOR VALUES IN (1);
ALTER TABLE root ATTACH PARTITION deep FOR VALUES IN (2);
SELECT tablename, captured, status FROM pgrealtime.realtime_configuration;
-- A table that is only published has no triggers that clash; a new partition never has any.
CREATE TABLE published (id int NOT NULL, k int NOT NULL, PRIMARY KEY (id, k));
SELECT pgrealtime.enable('published', sinks => '{}');
ALTER TABLE root ATTACH PARTITION published FOR VALUES IN (3);
CREATE TABLE new PARTITION OF root FOR VALUES IN (4);
ALTER TABLE missing ATTACH PARTITION one FOR VALUES IN (1);
ALTER TABLE root ATTACH PARTITION missing FOR VALUES IN (5);
DROP OWNED BY regress_attacher;
DROP ROLE regress_attacher;
