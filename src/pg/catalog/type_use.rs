//! Which relations hold values of a type, at any depth of their columns.

use super::relation::last_column;
use pgrx::pg_sys;
use pgrx::pg_sys::Oid;

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
