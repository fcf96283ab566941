-- Every member of the extension has a comment: what \df+, \d+ and \dy+ show to whoever looks around.
SET client_min_messages = warning;
CREATE EXTENSION pgrealtime;
CREATE VIEW member AS
SELECT pg_describe_object(d.classid, d.objid, 0) AS name, obj_description(d.objid, catalog.relname) AS comment
FROM pg_depend AS d
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
JOIN pg_class AS catalog ON catalog.oid = d.classid
WHERE d.deptype = 'e' AND e.extname = 'pgrealtime'
-- Since version 18 the types of tables are members, too: they stand and fall with their tables.
AND NOT EXISTS (SELECT FROM pg_depend AS i WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype = 'i');
SELECT name FROM member WHERE comment IS NULL ORDER BY name COLLATE "C";
SELECT DISTINCT split_part(name, ' ', 1) AS kind FROM member WHERE comment <> '' ORDER BY kind;
-- So does every column of its views.
SELECT a.attrelid::regclass AS view, a.attname
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'pgrealtime'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND col_description(a.attrelid, a.attnum) IS NULL
ORDER BY 1, a.attnum;
DROP EXTENSION pgrealtime CASCADE;
