-- Everything that belongs to the extension in this database, a line each. What differs between a new extension and one that
-- was upgraded shows here.
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;
CREATE TEMP VIEW members AS
  SELECT d.classid, d.objid FROM pg_depend AS d
  WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgrealtime');
SELECT 'member ' || pg_describe_object(classid, objid, 0) || ': ' || coalesce(obj_description(objid, (SELECT relname FROM pg_class WHERE oid = classid)), '')
FROM members ORDER BY 1;
SELECT 'function ' || objid::regprocedure || ' ' || pg_get_functiondef(objid) || ' ' || coalesce((SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(proacl) a), '')
FROM members JOIN pg_proc ON pg_proc.oid = objid WHERE classid = 'pg_proc'::regclass ORDER BY 1;
SELECT 'relation ' || concat_ws(' ', objid::regclass, relkind, relpersistence, relreplident, relrowsecurity, relforcerowsecurity, reloptions, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(relacl) a))
FROM members JOIN pg_class ON pg_class.oid = objid WHERE classid = 'pg_class'::regclass ORDER BY 1;
SELECT 'column ' || concat_ws(' ', attrelid::regclass, attnum - (SELECT count(*) FROM pg_attribute AS d WHERE d.attrelid = a.attrelid AND d.attnum > 0 AND d.attnum < a.attnum AND d.attisdropped), attname, format_type(atttypid, atttypmod), attnotnull, attstorage, attcompression, pg_get_expr(adbin, adrelid), attacl, col_description(attrelid, attnum))
FROM members JOIN pg_attribute AS a ON attrelid = objid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE classid = 'pg_class'::regclass ORDER BY 1;
SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
FROM members JOIN pg_constraint ON conrelid = objid WHERE classid = 'pg_class'::regclass ORDER BY 1;
SELECT 'index ' || pg_get_indexdef(indexrelid)
FROM members JOIN pg_index ON indrelid = objid WHERE classid = 'pg_class'::regclass ORDER BY 1;
SELECT 'view ' || objid::regclass || pg_get_viewdef(objid)
FROM members JOIN pg_class ON pg_class.oid = objid WHERE classid = 'pg_class'::regclass AND relkind = 'v' ORDER BY 1;
SELECT 'policy ' || polrelid::regclass || ' ' || polname FROM members JOIN pg_policy ON polrelid = objid WHERE classid = 'pg_class'::regclass ORDER BY 1;
SELECT 'event trigger ' || concat_ws(' ', evtname, evtevent, evtfoid::regproc, evtenabled, evttags) FROM pg_event_trigger ORDER BY 1;
SELECT 'schema ' || concat_ws(' ', nspname, (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(nspacl) a)) FROM pg_namespace WHERE nspname = 'pgrealtime';
SELECT 'dumped ' || c.oid::regclass || ' ' || coalesce(condition, '')
FROM pg_extension, unnest(extconfig, extcondition) AS x (oid, condition), LATERAL (SELECT x.oid) AS c WHERE extname = 'pgrealtime' ORDER BY 1;
