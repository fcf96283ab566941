//! Finds the rows of a table of the extension by one of its indexes.

use super::column_value::Value;
use super::heap::{member_oid, Row, Table, View};
use crate::pg::catalog::keys::table_of_index;
use pgrx::pg_sys;

/// Of more keys than these, a pass over the whole table is as cheap.
pub const MOST_LOOK_UPS: usize = 16;

/// A column, counted from 0, and the value that it must have: an OID or a text.
pub type Key<'a> = (usize, Value<'a>);

impl Table {
    /// The rows with these values in the first columns of the index, in its order. Like [`Table::rows`] it takes no predicate
    /// lock. Without the index it reads the whole table.
    pub fn rows_by(&self, index: &str, keys: &[Key], view: View) -> Vec<Row<'_>> {
        let mut conditions: Vec<pg_sys::ScanKeyData> = keys.iter().map(equals).collect();
        let index = member_oid(index).filter(|oid| self.has_index(*oid));
        let mut rows = Vec::new();
        // SAFETY: the relation is open; the keys are initialised and outlive the scan; the snapshot is registered for the length
        // of the scan; the scan's slot holds the tuple that it has returned, which is copied before it moves on.
        unsafe {
            let snapshot = view.register();
            let scan = pg_sys::systable_beginscan(
                self.relation(),
                index.unwrap_or(pg_sys::InvalidOid),
                index.is_some(),
                &raw mut pg_sys::SnapshotAnyData,
                conditions.len() as i32,
                conditions.as_mut_ptr(),
            );
            while !pg_sys::systable_getnext(scan).is_null() {
                let slot = (*scan).slot;
                if pg_sys::table_tuple_satisfies_snapshot(self.relation(), slot, snapshot) {
                    rows.push(Row::of(self, pg_sys::ExecCopySlotHeapTuple(slot)));
                }
            }
            pg_sys::systable_endscan(scan);
            pg_sys::UnregisterSnapshot(snapshot);
        }
        rows
    }
}

impl Table {
    /// Whether it is an index of this table that has all rows. A superuser can give its name to something else.
    fn has_index(&self, index: pg_sys::Oid) -> bool {
        // SAFETY: syscache look-ups; the second is of an index that exists.
        table_of_index(index) == Some(self.oid()) && unsafe { pg_sys::get_index_isvalid(index) }
    }
}

fn equals((column, value): &Key) -> pg_sys::ScanKeyData {
    let mut key = pg_sys::ScanKeyData::default();
    let function = match value {
        Value::Text(_) => pg_sys::F_TEXTEQ,
        _ => pg_sys::F_OIDEQ,
    };
    // SAFETY: initialises the key; the function compares values of the type, texts by collation "C", as our columns have it.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut key,
            *column as pg_sys::AttrNumber + 1,
            pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
            function.into(),
            value.datum(),
        );
    }
    key
}
