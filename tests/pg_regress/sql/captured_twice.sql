-- Two capture triggers would report each change twice. A renamed trigger of enable() is replaced by the new one. A trigger
-- that was made by hand is left alone, and a NOTICE names it.
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE EXTENSION pgrealtime;
CREATE VIEW attached AS
SELECT tgrelid::regclass AS relation, tgname, regexp_replace(replace(encode(tgargs, 'escape'), '\000', ' '), 'numbers=.\d+', 'numbers=[N') AS arguments
FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname;
CREATE VIEW shown AS SELECT tablename, enabled_operations, status FROM pgrealtime.realtime_configuration ORDER BY 1;
SET client_min_messages = warning;

\echo -- Renamed: with the same settings, with others, by disable
CREATE TABLE goals (id int PRIMARY KEY, a int);
SELECT pgrealtime.enable('goals', operations => '{INSERT}');
ALTER TRIGGER "00_pgrealtime_insert" ON goals RENAME TO zz;
SELECT pgrealtime.enable('goals');
TABLE attached;
ALTER TRIGGER "00_pgrealtime_insert" ON goals RENAME TO zz;
SELECT pgrealtime.enable('goals', columns => '{a}', row_filter => 'a=gt.0');
TABLE attached;
ALTER TRIGGER "00_pgrealtime_insert" ON goals RENAME TO "00_aa";
SELECT pgrealtime.disable('goals');
TABLE attached;
SELECT pgrealtime.enable('goals', columns => '{}', operations => '{INSERT}');
SELECT pgrealtime.current_cursor() AS c \gset
INSERT INTO goals VALUES (1, 1);
SELECT change -> 'record' AS record FROM pgrealtime.changes_since(:'c', '{goals}') WHERE change IS NOT NULL;
-- A renamed one has the new name of a column, too.
SELECT pgrealtime.enable('goals', columns => '{a}');
ALTER TRIGGER "00_pgrealtime_insert" ON goals RENAME TO zz;
ALTER TABLE goals RENAME a TO b;
TABLE attached;
SELECT pgrealtime.enable('goals');
TABLE attached;

\echo -- On leaves
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
SELECT pgrealtime.enable('parts', operations => '{INSERT,TRUNCATE}');
ALTER TRIGGER "00_pgrealtime_insert" ON parts RENAME TO zz;
ALTER TRIGGER "00_pgrealtime_truncate" ON part RENAME TO zzz;
SELECT pgrealtime.enable('parts');
SELECT * FROM attached WHERE relation <> 'goals'::regclass;
SELECT pgrealtime.disable('parts');
SELECT * FROM attached WHERE relation <> 'goals'::regclass;

\echo -- By hand
CREATE TRIGGER mine AFTER INSERT OR DELETE ON goals FOR EACH ROW EXECUTE FUNCTION pgrealtime.capture_change();
ALTER TRIGGER mine ON goals DEPENDS ON EXTENSION pgrealtime;
SELECT pgrealtime.enable('goals');
TABLE attached;
TABLE shown;
SELECT status, detail FROM pgrealtime.diagnose('goals') WHERE check_name = 'captured';
-- Another operation, or switched off.
SELECT pgrealtime.enable('goals', operations => '{UPDATE}');
TABLE shown;
SELECT pgrealtime.enable('goals', operations => '{DELETE}');
ALTER TABLE goals DISABLE TRIGGER mine;
TABLE shown;
-- A trigger that only has a name like ours belongs to somebody else.
DROP TRIGGER mine ON goals;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER "00_pgrealtime_zz" AFTER INSERT ON goals FOR EACH ROW WHEN (new.b > 0) EXECUTE FUNCTION nothing();
SELECT pgrealtime.enable('goals', row_filter => '');
SELECT status FROM pgrealtime.diagnose('goals') WHERE check_name = 'row filter';
SELECT pgrealtime.disable('goals');
TABLE attached;
