//! The code of users that an INSERT runs, and who created it.

use super::bound_insert::failed;
use crate::error::Result;
use crate::pg::backend::act_as::act_as_trusted;
use crate::pg::sys::compat;
use pgrx::{pg_sys, FromDatum, IntoDatum, Spi};
use std::ffi::CStr;

/// Finds the objects that run when a row is inserted into $1 and that are not Postgres's own: functions, operators,
/// types and operator classes. They come from triggers (with WHEN), defaults, constraints, indexes, rules and partition
/// keys of the table and its partitions, and from policies that are forced upon the owner. Returns whether one of them
/// belongs to a role that could not do all that the owner may do, or such a role may have made a trigger: pg_trigger does not say
/// who made one, and its WHEN and its arguments are code, too. Returns also whether there is any code (rules and policies
/// may call further code, and so may Postgres's own functions that take a query as text), and the functions. Objects
/// are followed to what they use: an operator to its function, a type to its parts and its constraints. A role that the
/// owner is a member of does not thereby have the owner's rights. $2 is [`compat::SET_ROLE`]: who has the owner's rights
/// and may not SET ROLE to him lacks what nobody inherits, such as SUPERUSER.
const CODE: &CStr = c"
WITH RECURSIVE tree (oid) AS (
    SELECT $1
    UNION
    SELECT i.inhrelid FROM pg_inherits AS i JOIN tree ON tree.oid = i.inhparent
), part (classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, oid FROM tree
    UNION
    SELECT d.classid, d.objid
    FROM pg_depend AS d JOIN tree ON tree.oid = d.refobjid JOIN pg_class AS c ON c.oid = tree.oid
    WHERE d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i', 'P', 'S')
      AND (d.classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass,
                         'pg_trigger'::regclass, 'pg_rewrite'::regclass)
           OR d.classid = 'pg_policy'::regclass AND c.relforcerowsecurity)
    UNION
    SELECT d.classid, d.objid
    FROM pg_constraint AS c JOIN tree ON tree.oid = c.conrelid
    JOIN pg_depend AS d ON d.refclassid = 'pg_constraint'::regclass AND d.refobjid = c.oid AND d.classid = 'pg_class'::regclass
), used (classid, objid) AS (
    SELECT d.refclassid, d.refobjid FROM part JOIN pg_depend AS d ON d.classid = part.classid AND d.objid = part.objid
    WHERE d.refobjid >= 16384
      AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
    UNION
    SELECT next.classid, next.objid FROM used CROSS JOIN LATERAL (
        SELECT 'pg_proc'::regclass::oid, o.oprcode::oid FROM pg_operator AS o
        WHERE used.classid = 'pg_operator'::regclass AND o.oid = used.objid
        UNION ALL
        SELECT 'pg_type'::regclass::oid, inner_type FROM pg_type AS t
        CROSS JOIN LATERAL unnest(ARRAY[t.typbasetype, t.typelem]) AS inner_type
        WHERE used.classid = 'pg_type'::regclass AND t.oid = used.objid
        UNION ALL
        SELECT 'pg_type'::regclass::oid, a.atttypid FROM pg_type AS t JOIN pg_attribute AS a ON a.attrelid = t.typrelid
        WHERE used.classid = 'pg_type'::regclass AND t.oid = used.objid
        UNION ALL
        SELECT d.refclassid, d.refobjid FROM pg_constraint AS c
        JOIN pg_depend AS d ON d.classid = 'pg_constraint'::regclass AND d.objid = c.oid
        WHERE used.classid = 'pg_type'::regclass AND c.contypid = used.objid
          AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
    ) AS next (classid, objid)
    WHERE next.objid >= 16384
), user_trigger AS (
    SELECT t.oid FROM pg_trigger AS t JOIN tree ON tree.oid = t.tgrelid WHERE NOT t.tgisinternal
), expression (text) AS (
    SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef AS d JOIN tree ON tree.oid = d.adrelid
    UNION ALL
    SELECT pg_get_expr(c.conbin, c.conrelid) FROM pg_constraint AS c JOIN tree ON tree.oid = c.conrelid
    UNION ALL
    SELECT pg_get_expr(i.indexprs, i.indrelid) FROM pg_index AS i JOIN tree ON tree.oid = i.indrelid
    UNION ALL
    SELECT pg_get_expr(i.indpred, i.indrelid) FROM pg_index AS i JOIN tree ON tree.oid = i.indrelid
    UNION ALL
    SELECT pg_get_expr(p.partexprs, p.partrelid) FROM pg_partitioned_table AS p JOIN tree ON tree.oid = p.partrelid
), called (name) AS (
    SELECT lower(found[1]) FROM expression CROSS JOIN LATERAL regexp_matches(text, '([[:alnum:]_.\"]+)[(]', 'g') AS found
), maker (oid) AS (
    SELECT c.relowner FROM tree JOIN pg_class AS c ON c.oid = tree.oid
    UNION
    SELECT COALESCE(p.proowner, o.oprowner, t.typowner, c.opcowner) FROM used
    LEFT JOIN pg_proc AS p ON used.classid = 'pg_proc'::regclass AND p.oid = used.objid
    LEFT JOIN pg_operator AS o ON used.classid = 'pg_operator'::regclass AND o.oid = used.objid
    LEFT JOIN pg_type AS t ON used.classid = 'pg_type'::regclass AND t.oid = used.objid
    LEFT JOIN pg_opclass AS c ON used.classid = 'pg_opclass'::regclass AND c.oid = used.objid
)
SELECT EXISTS (SELECT FROM maker, pg_class AS c
               WHERE c.oid = $1 AND NOT (pg_has_role(maker.oid, c.relowner, 'USAGE') AND pg_has_role(maker.oid, c.relowner, $2)))
       OR EXISTS (SELECT FROM user_trigger)
          AND EXISTS (SELECT FROM tree JOIN pg_class AS c ON c.oid = tree.oid JOIN pg_class AS root ON root.oid = $1
                      CROSS JOIN LATERAL aclexplode(c.relacl) AS granted
                      WHERE granted.privilege_type = 'TRIGGER'
                        AND (granted.grantee = 0 OR NOT (pg_has_role(granted.grantee, root.relowner, 'USAGE')
                                                          AND pg_has_role(granted.grantee, root.relowner, $2)))),
       EXISTS (SELECT FROM used)
       OR EXISTS (SELECT FROM user_trigger)
       OR EXISTS (SELECT FROM called WHERE name NOT IN ('now', 'timezone', 'clock_timestamp', 'statement_timestamp',
                  'transaction_timestamp', 'gen_random_uuid', 'nextval', 'coalesce', 'lower', 'upper', 'length'))
       OR EXISTS (SELECT FROM part WHERE classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass)),
       ARRAY (SELECT objid FROM used WHERE classid = 'pg_proc'::regclass)";

/// The role that initdb created. It may read every catalog.
const BOOTSTRAP_ROLE: pg_sys::Oid = pg_sys::Oid::from_u32(pg_sys::BOOTSTRAP_SUPERUSERID);

/// The code that an INSERT runs besides Postgres's own.
#[derive(Default)]
pub struct Code {
    /// Whether some of it is of a role that could not do all that the table's owner may do.
    pub is_planted: bool,
    /// Whether there is any.
    pub is_any: bool,
    pub functions: Vec<pg_sys::Oid>,
}

impl Code {
    /// The code as it is now, whatever the transaction's own snapshot sees, because this is what the INSERT runs.
    /// Errors: Postgres's own from the catalog query.
    pub fn of(relation: pg_sys::Oid) -> Result<Code> {
        act_as_trusted(BOOTSTRAP_ROLE, &[], || {
            Spi::connect(|_| {
                // SAFETY: SPI is connected; what an error leaves of the snapshot goes with its subtransaction.
                unsafe {
                    pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
                    let code = Code::read(relation);
                    pg_sys::PopActiveSnapshot();
                    code
                }
            })
        })
    }

    /// # Safety
    /// SPI is connected.
    unsafe fn read(relation: pg_sys::Oid) -> Result<Code> {
        let mut types = [pg_sys::OIDOID, pg_sys::TEXTOID];
        let mut values = [
            pg_sys::Datum::from(relation),
            compat::SET_ROLE
                .into_datum()
                .unwrap_or(pg_sys::Datum::null()),
        ];
        // SAFETY: types and values are those of the two parameters, neither of which is null. Read only, the statement uses the active snapshot. It
        // returns one row, whose columns are of the types that they are read as and live until SPI is left.
        unsafe {
            let (types, values) = (types.as_mut_ptr(), values.as_mut_ptr());
            let none = std::ptr::null();
            let status =
                pg_sys::SPI_execute_with_args(CODE.as_ptr(), 2, types, values, none, true, 0);
            if status != pg_sys::SPI_OK_SELECT as i32 || pg_sys::SPI_processed != 1 {
                return Err(failed(status));
            }
            let row = *(*pg_sys::SPI_tuptable).vals;
            let descriptor = (*pg_sys::SPI_tuptable).tupdesc;
            let column = |number| {
                let mut null = false;
                let datum = pg_sys::SPI_getbinval(row, descriptor, number, &mut null);
                (datum, null)
            };
            let yes = |(datum, null)| bool::from_datum(datum, null) != Some(false);
            let (functions, null) = column(3);
            Ok(Code {
                is_planted: yes(column(1)),
                is_any: yes(column(2)),
                functions: Vec::from_datum(functions, null).unwrap_or_default(),
            })
        }
    }
}
