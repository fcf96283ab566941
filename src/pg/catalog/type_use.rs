//! Which relations hold values of a type, at any depth of their columns.

use super::catalog_scan::{scan_pair, ByOid};
use super::inheritance;
use super::relation::{last_column, of_type, row_type};
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

/// A relation, and those that get columns, and their names, from it: its descendants, the tables of its type, and so on.
pub fn sharing_columns(relation: Oid) -> Vec<Oid> {
    let mut all = vec![relation];
    let mut next = 0;
    while let Some(one) = all.get(next).copied() {
        next += 1;
        let mut further = inheritance::descendants(one);
        further.extend(typed_tables(one));
        further.retain(|oid| !all.contains(oid));
        all.extend(further);
    }
    all
}

/// The tables that were created OF the row type of a relation.
fn typed_tables(relation: Oid) -> Vec<Oid> {
    let mut found = Vec::new();
    let Some(of) = row_type(relation) else {
        return found;
    };
    scan_pair(DEPENDENT, pg_sys::TypeRelationId, (REFERENCED, of), |row| {
        // SAFETY: the first two columns of pg_depend are OIDs, the third is an integer.
        let by = unsafe { (row.column::<Oid>(1), row.column::<i32>(3)) };
        if by == (Some(pg_sys::RelationRelationId), Some(0)) {
            // SAFETY: as above.
            found.extend(unsafe { row.column::<Oid>(2) });
        }
    });
    found.retain(|oid| of_type(*oid) == Some(of));
    found
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
