//! Which relations hold values of a type, at any depth of their columns.

use super::catalog_scan::{scan_pair, ByOid};
use super::relation::last_column;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

// pg_depend with its pg_depend_reference_index (catalog/pg_depend.h): not bound by pgrx, the same since 15. The columns are
// classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype.
const DEPENDENT: ByOid = ByOid {
    catalog: Oid::from_u32(2608),
    index: Oid::from_u32(2674),
    column: 4,
};
const REFERENCED: u32 = 5;

/// Whether anything is made of this type or of its arrays: a column, a domain, a range, a typed table, say. Postgres records each
/// as a dependency (dependency.c), so that this is one look-up where few relations have to be looked at.
pub fn is_used(this: Oid) -> bool {
    // SAFETY: a syscache look-up; InvalidOid where there is no such type.
    let array = unsafe { pg_sys::get_array_type(this) };
    let is_used = |one: Oid| {
        let mut found = false;
        scan_pair(
            DEPENDENT,
            pg_sys::TypeRelationId,
            (REFERENCED, one),
            |row| {
                // SAFETY: the first two columns of pg_depend are OIDs.
                let by = unsafe { (row.column::<Oid>(1), row.column::<Oid>(2)) };
                found |= by != (Some(pg_sys::TypeRelationId), Some(array));
            },
        );
        found
    };
    is_used(this) || (array != Oid::INVALID && is_used(array))
}

/// Whether a column of the relation holds values of this type: directly, or inside arrays, ranges, rows or domains.
pub fn holds(relation: Oid, wanted: Oid) -> bool {
    columns_hold(relation, wanted, &mut Vec::new())
}

/// Whether values of a type hold values of another one: directly, or inside arrays, ranges, rows or domains.
pub fn is_made_of(this: Oid, wanted: Oid) -> bool {
    type_holds(this, wanted, &mut Vec::new())
}

fn columns_hold(relation: Oid, wanted: Oid, seen: &mut Vec<Oid>) -> bool {
    let last = last_column(relation).unwrap_or(0);
    (1..=last).any(|number| {
        // SAFETY: a syscache look-up; InvalidOid for a dropped column.
        let column = unsafe { pg_sys::get_atttype(relation, number) };
        type_holds(column, wanted, seen)
    })
}

fn type_holds(this: Oid, wanted: Oid, seen: &mut Vec<Oid>) -> bool {
    if this == wanted {
        return true;
    }
    // Types can contain each other: a table's row type may contain an array of itself.
    if this == Oid::INVALID || seen.contains(&this) {
        return false;
    }
    seen.push(this);
    // SAFETY: syscache look-ups; what a type is made of exists as long as the type does.
    let part = unsafe {
        match pg_sys::get_typtype(this) as u8 {
            pg_sys::TYPTYPE_DOMAIN => pg_sys::getBaseType(this),
            pg_sys::TYPTYPE_RANGE => pg_sys::get_range_subtype(this),
            pg_sys::TYPTYPE_MULTIRANGE => pg_sys::get_multirange_range(this),
            pg_sys::TYPTYPE_COMPOSITE => {
                let relation = pg_sys::get_typ_typrelid(this);
                return columns_hold(relation, wanted, seen);
            }
            _ => pg_sys::get_element_type(this),
        }
    };
    type_holds(part, wanted, seen)
}
