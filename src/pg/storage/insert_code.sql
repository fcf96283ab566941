-- What an INSERT into $1 could run, followed from object to object. A place is 't' for the table and its partitions, 'u' for
-- the tables above ($1 is checked against their partition keys and has copies of their triggers), 'o' for all else.
-- Not followed: schemas, languages and extensions, which tie no code to a table, and what Postgres itself brought.
WITH RECURSIVE reached (classid, objid, place) AS (
    SELECT 'pg_class'::regclass::oid, $1, 't'::"char"
    UNION
    -- The INSERT assigns text, and a boolean.
    SELECT 'pg_proc'::regclass::oid, c.castfunc, 'o'::"char"
    FROM pg_attribute AS a JOIN pg_cast AS c ON c.casttarget = a.atttypid
    WHERE a.attrelid = $1 AND a.attnum > 0 AND c.castfunc >= 16384
      AND c.castsource IN ('text'::regtype, 'jsonb'::regtype, 'bool'::regtype)
    UNION
    SELECT next.classid, next.objid, next.place FROM reached AS r CROSS JOIN LATERAL (
        -- What an object uses; a table above is no such thing.
        SELECT d.refclassid, d.refobjid, 'o'::"char" FROM pg_depend AS d
        WHERE d.classid = r.classid AND d.objid = r.objid AND d.deptype = 'n'
          AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass,
                               'pg_opclass'::regclass, 'pg_opfamily'::regclass, 'pg_foreign_server'::regclass,
                               'pg_foreign_data_wrapper'::regclass)
          AND NOT EXISTS (SELECT FROM pg_inherits AS i
                          WHERE r.classid = 'pg_class'::regclass AND i.inhrelid = r.objid
                            AND d.refclassid = 'pg_class'::regclass AND i.inhparent = d.refobjid)
        UNION ALL
        SELECT r.classid, i.inhparent, 'u' FROM pg_inherits AS i
        WHERE r.classid = 'pg_class'::regclass AND i.inhrelid = r.objid
        UNION ALL
        SELECT r.classid, i.inhrelid, r.place FROM pg_inherits AS i
        WHERE r.classid = 'pg_class'::regclass AND i.inhparent = r.objid AND r.place <> 'u'
        UNION ALL
        -- What belongs to a relation.
        SELECT 'pg_trigger'::regclass, t.oid, 'o' FROM pg_trigger AS t
        WHERE r.classid = 'pg_class'::regclass AND t.tgrelid = r.objid AND NOT t.tgisinternal
        UNION ALL
        SELECT 'pg_policy'::regclass, p.oid, 'o' FROM pg_policy AS p JOIN pg_class AS c ON c.oid = p.polrelid
        WHERE r.classid = 'pg_class'::regclass AND p.polrelid = r.objid
          AND (r.place = 't' AND c.relforcerowsecurity OR r.place = 'o' AND c.relrowsecurity)
        UNION ALL
        SELECT part.classid, part.objid, 'o' FROM (
            SELECT 'pg_attrdef'::regclass::oid, d.oid FROM pg_attrdef AS d WHERE d.adrelid = r.objid
            UNION ALL
            SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint AS c WHERE c.conrelid = r.objid
            UNION ALL
            SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite AS w WHERE w.ev_class = r.objid
            UNION ALL
            SELECT r.classid, i.indexrelid FROM pg_index AS i WHERE i.indrelid = r.objid
        ) AS part (classid, objid) WHERE r.classid = 'pg_class'::regclass AND r.place <> 'u'
        UNION ALL
        -- What a type uses without a dependency that is recorded.
        SELECT used.classid, used.objid, 'o' FROM (
            SELECT r.classid, inner_type FROM pg_type AS t
            CROSS JOIN LATERAL unnest(ARRAY[t.typbasetype, t.typelem]) AS inner_type WHERE t.oid = r.objid
            UNION ALL
            SELECT r.classid, a.atttypid FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid
            WHERE t.oid = r.objid
            UNION ALL
            SELECT r.classid, x.rngtypid FROM pg_range AS x WHERE x.rngmultitypid = r.objid
            UNION ALL
            SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint AS c WHERE c.contypid = r.objid
            UNION ALL
            SELECT 'pg_proc'::regclass, c.castfunc FROM pg_cast AS c WHERE r.objid IN (c.castsource, c.casttarget)
            UNION ALL
            SELECT 'pg_opclass'::regclass, o.oid FROM pg_opclass AS o WHERE o.opcintype = r.objid
        ) AS used (classid, objid) WHERE r.classid = 'pg_type'::regclass
        UNION ALL
        SELECT 'pg_opfamily'::regclass, o.opcfamily, 'o' FROM pg_opclass AS o
        WHERE r.classid = 'pg_opclass'::regclass AND o.oid = r.objid
        UNION ALL
        SELECT 'pg_proc'::regclass, p.amproc, 'o' FROM pg_amproc AS p
        WHERE r.classid = 'pg_opfamily'::regclass AND p.amprocfamily = r.objid
        UNION ALL
        SELECT 'pg_operator'::regclass, o.amopopr, 'o' FROM pg_amop AS o
        WHERE r.classid = 'pg_opfamily'::regclass AND o.amopfamily = r.objid
    ) AS next (classid, objid, place)
    WHERE next.objid >= 16384
), owned (classid, objid, owner) AS (
    SELECT DISTINCT r.classid, r.objid,
           COALESCE(c.relowner, p.proowner, o.oprowner, t.typowner, k.opcowner, f.opfowner, s.srvowner, w.fdwowner)
    FROM reached AS r
    LEFT JOIN pg_class AS c ON r.classid = 'pg_class'::regclass AND c.oid = r.objid
    LEFT JOIN pg_proc AS p ON r.classid = 'pg_proc'::regclass AND p.oid = r.objid
    LEFT JOIN pg_operator AS o ON r.classid = 'pg_operator'::regclass AND o.oid = r.objid
    LEFT JOIN pg_type AS t ON r.classid = 'pg_type'::regclass AND t.oid = r.objid
    LEFT JOIN pg_opclass AS k ON r.classid = 'pg_opclass'::regclass AND k.oid = r.objid
    LEFT JOIN pg_opfamily AS f ON r.classid = 'pg_opfamily'::regclass AND f.oid = r.objid
    LEFT JOIN pg_foreign_server AS s ON r.classid = 'pg_foreign_server'::regclass AND s.oid = r.objid
    LEFT JOIN pg_foreign_data_wrapper AS w ON r.classid = 'pg_foreign_data_wrapper'::regclass AND w.oid = r.objid
), user_trigger (oid, relation, condition, has_arguments) AS (
    -- What Postgres's own functions and the capture do with arguments is known, and none of it runs them.
    SELECT t.oid, t.tgrelid, substring(pg_get_triggerdef(t.oid) FROM '^(.*) EXECUTE FUNCTION '),
           t.tgnargs > 0 AND t.tgfoid >= 16384
           AND t.tgfoid IS DISTINCT FROM to_regprocedure('pgrealtime.capture_change()')::oid
    FROM reached AS r JOIN pg_trigger AS t ON t.oid = r.objid WHERE r.classid = 'pg_trigger'::regclass
), grant_of_trigger (relation, grantee) AS (
    SELECT t.relation, granted.grantee FROM user_trigger AS t JOIN pg_class AS c ON c.oid = t.relation
    CROSS JOIN LATERAL aclexplode(c.relacl) AS granted WHERE granted.privilege_type = 'TRIGGER'
), stranger (oid) AS (
    SELECT known.oid FROM pg_class AS c
    CROSS JOIN (SELECT owner FROM owned UNION SELECT grantee FROM grant_of_trigger) AS known (oid)
    WHERE c.oid = $1 AND known.oid IS NOT NULL
      AND NOT (known.oid <> 0 AND pg_has_role(known.oid, c.relowner, 'USAGE') AND pg_has_role(known.oid, c.relowner, $2))
), called_by_trigger (oid, name) AS (
    -- Names that are keywords, too, are quoted.
    SELECT t.oid, regexp_replace(lower(found[1]), '^"([^".]*)"$', '\1') FROM user_trigger AS t
    CROSS JOIN LATERAL regexp_matches(t.condition, '([[:alnum:]_."]+)[(]', 'g') AS found
), expression (text) AS (
    SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d JOIN reached ON objid = d.adrelid WHERE place = 't'
    UNION ALL
    SELECT pg_get_expr(c.conbin, c.conrelid) FROM pg_constraint AS c JOIN reached ON objid = c.conrelid WHERE place = 't'
    UNION ALL
    SELECT pg_get_expr(i.indexprs, i.indrelid) FROM pg_index AS i JOIN reached ON objid = i.indrelid WHERE place = 't'
    UNION ALL
    SELECT pg_get_expr(i.indpred, i.indrelid) FROM pg_index AS i JOIN reached ON objid = i.indrelid WHERE place = 't'
    UNION ALL
    SELECT pg_get_expr(p.partexprs, p.partrelid) FROM pg_partitioned_table AS p JOIN reached ON objid = p.partrelid
    WHERE place IN ('t', 'u')
), called (name) AS (
    SELECT lower(found[1]) FROM expression CROSS JOIN LATERAL regexp_matches(text, '([[:alnum:]_."]+)[(]', 'g') AS found
), simple (name) AS (
    SELECT unnest(ARRAY['now', 'timezone', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp',
                        'gen_random_uuid', 'nextval', 'coalesce', 'lower', 'upper', 'length'])
)
-- An object of a stranger; a table with triggers on which one has TRIGGER; a trigger whose condition might run a query
-- given as text, as some functions of Postgres do; a trigger whose function might do that with its arguments; whether there
-- is any code, such functions included; the functions; the relations.
SELECT (SELECT min(COALESCE(pg_describe_object(o.classid, o.objid, 0), 'an object')) FROM owned AS o JOIN stranger AS s ON s.oid = o.owner),
       (SELECT min(COALESCE(pg_describe_object('pg_class'::regclass, relation, 0), 'an object')) FROM grant_of_trigger
        WHERE grantee IN (SELECT oid FROM stranger)),
       (SELECT min(COALESCE(pg_describe_object('pg_trigger'::regclass, c.oid, 0), 'an object')) FROM called_by_trigger AS c
        WHERE c.name NOT IN (SELECT name FROM simple)
          AND (SELECT every(p.provolatile = 'i') FROM pg_proc AS p
               WHERE p.proname = c.name AND p.pronamespace = 'pg_catalog'::regnamespace) IS NOT TRUE),
       (SELECT min(COALESCE(pg_describe_object('pg_trigger'::regclass, t.oid, 0), 'an object')) FROM user_trigger AS t
        WHERE t.has_arguments),
       EXISTS (SELECT FROM reached WHERE classid NOT IN ('pg_class'::regclass, 'pg_attrdef'::regclass,
                                                         'pg_constraint'::regclass))
       OR EXISTS (SELECT FROM called WHERE name NOT IN (SELECT name FROM simple)),
       ARRAY (SELECT DISTINCT objid FROM reached WHERE classid = 'pg_proc'::regclass),
       ARRAY (SELECT o.objid FROM owned AS o JOIN pg_class AS c ON c.oid = o.objid
              WHERE o.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))
