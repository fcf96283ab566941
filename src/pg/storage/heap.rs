//! The extension's own tables, read and written below SQL: without privilege checks, plans or logical decoding.
//!
//! A subscriber of a FOR ALL TABLES publication that lacks the extension would stop at the first decoded change of a
//! table that it does not have. So inserts are made with `HEAP_INSERT_NO_LOGICAL`. Deletes decode to nothing because
//! all our tables have REPLICA IDENTITY NOTHING (pgoutput.c skips a DELETE without an old tuple). heapam.c cannot hide
//! an update, so an update is made as a delete and an insert.

use super::column_value::Value;
use super::index_entries::insert_index_entries;
use crate::error::{report, Error, Result};
use crate::pg::row::readable::{refuse, Readable};
use crate::pg::sys::attributes;
use crate::pg::SCHEMA;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// Lock levels that the extension takes on its own tables, named as in the LOCK command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    AccessShare,
    RowExclusive,
    ShareRowExclusive,
}

impl Lock {
    pub(in crate::pg) fn mode(self) -> pg_sys::LOCKMODE {
        (match self {
            Lock::AccessShare => pg_sys::AccessShareLock,
            Lock::RowExclusive => pg_sys::RowExclusiveLock,
            Lock::ShareRowExclusive => pg_sys::ShareRowExclusiveLock,
        }) as pg_sys::LOCKMODE
    }
}

/// The rows that a scan sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Rows visible to the statement's snapshot, for functions that answer a query.
    Active,
    /// Rows committed by now, for decisions under a lock. Not in parallel workers.
    Latest,
}

impl View {
    /// The snapshot, registered. The caller unregisters it.
    ///
    /// # Safety
    /// Called in a statement.
    pub(super) unsafe fn register(self) -> pg_sys::Snapshot {
        // SAFETY: as promised, there is an active snapshot.
        unsafe {
            pg_sys::RegisterSnapshot(match self {
                View::Active => pg_sys::GetActiveSnapshot(),
                View::Latest => pg_sys::GetLatestSnapshot(),
            })
        }
    }
}

/// The place of a row, valid while the lock is held under which it was found.
#[derive(Clone, Copy, Debug)]
pub struct RowId(pg_sys::ItemPointerData);

impl RowId {
    /// The number of its page.
    pub(super) fn block(self) -> pg_sys::BlockNumber {
        (u32::from(self.0.ip_blkid.bi_hi) << 16) | u32::from(self.0.ip_blkid.bi_lo)
    }
}

/// OID of a relation of the extension; `None` when the extension does not exist in this database.
pub fn member_oid(name: &str) -> Option<pg_sys::Oid> {
    let name = CString::new(name).ok()?;
    // SAFETY: both names are NUL-terminated; the functions look into the syscache and return InvalidOid for no hit.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(c"pgrealtime".as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), schema)
    };
    (oid != pg_sys::InvalidOid).then_some(oid)
}

/// Raises an error where Postgres's own commands would refuse to write: on a standby, in a read-only transaction
/// (25006).
pub fn refuse_read_only(what: &CStr) {
    // SAFETY: the string ends with a NUL; the functions raise or return.
    unsafe {
        pg_sys::PreventCommandDuringRecovery(what.as_ptr());
        if pg_sys::XactReadOnly {
            pg_sys::PreventCommandIfReadOnly(what.as_ptr());
        }
    }
}

/// A table of the extension, open under a lock that lasts until the transaction ends.
pub struct Table {
    relation: pg_sys::Relation,
}

impl Drop for Table {
    fn drop(&mut self) {
        // An abort closes relations by itself, and a second error while unwinding would end the server.
        if !std::thread::panicking() {
            // SAFETY: `relation` was opened by `open` and is closed once; NoLock keeps the lock.
            unsafe { pg_sys::table_close(self.relation, pg_sys::NoLock as pg_sys::LOCKMODE) }
        }
    }
}

impl Table {
    /// Opens a table in the extension's schema. Errors: 42P01 when the extension does not exist in this database.
    pub fn open_member(name: &str, lock: Lock) -> Result<Table> {
        let missing = || {
            Error::undefined_table(
                report(format!("relation \"{SCHEMA}.{name}\" does not exist"))
                    .hint("Run CREATE EXTENSION pgrealtime in this database."),
            )
        };
        let oid = member_oid(name).ok_or_else(missing)?;
        // SAFETY: the function locks, and returns null when the relation has gone in between.
        let relation = unsafe { pg_sys::try_relation_open(oid, lock.mode()) };
        if relation.is_null() {
            return Err(missing());
        }
        Ok(Table { relation })
    }

    pub(super) fn relation(&self) -> pg_sys::Relation {
        self.relation
    }

    /// OID of the table.
    pub fn oid(&self) -> pg_sys::Oid {
        // SAFETY: the relation is open.
        unsafe { (*self.relation).rd_id }
    }

    /// Raises 55000: the table is not of the library's version.
    fn refuse(&self) -> ! {
        // SAFETY: the relation is open.
        let name = crate::pg::name(unsafe { &(*(*self.relation).rd_rel).relname });
        refuse(&format!("table \"{SCHEMA}.{name}\""))
    }

    /// The type of a column, counted from 0; `None` where there is none. A dropped one has InvalidOid.
    fn type_of(&self, column: usize) -> Option<pg_sys::Oid> {
        // SAFETY: the relation is open, and its descriptor has as many attributes as it says.
        unsafe {
            let descriptor = (*self.relation).rd_att;
            (column < (*descriptor).natts as usize)
                .then(|| attributes::attribute(descriptor, column).atttypid)
        }
    }

    /// Whether there is such a column, counted from 0. Those that a later version has added are not there before ALTER
    /// EXTENSION UPDATE: capture and readers work on meanwhile.
    pub fn has(&self, column: usize) -> bool {
        self.type_of(column).is_some()
    }

    /// Inserts one row, one value per column, and its index entries; visible to the next command. A duplicate key is
    /// Postgres's own 23505; 55000 where the columns are others.
    pub fn insert(&self, values: &[Option<Value>]) {
        let fits = |(column, value): (usize, &Option<Value>)| {
            let type_oid = self.type_of(column);
            type_oid.is_some_and(|own| value.as_ref().is_none_or(|value| value.type_oid() == own))
        };
        if self.type_of(values.len()).is_some() || !values.iter().enumerate().all(fits) {
            self.refuse();
        }
        let mut datums: Vec<pg_sys::Datum> = Vec::with_capacity(values.len());
        let mut nulls: Vec<bool> = Vec::with_capacity(values.len());
        for value in values {
            nulls.push(value.is_none());
            datums.push(value.as_ref().map_or(pg_sys::Datum::null(), Value::datum));
        }
        // SAFETY: the relation is open under a lock that allows writing; the arrays hold one entry per column, of its
        // type; heap_form_tuple and heap_insert copy what they keep.
        unsafe {
            let descriptor = (*self.relation).rd_att;
            let tuple =
                pg_sys::heap_form_tuple(descriptor, datums.as_mut_ptr(), nulls.as_mut_ptr());
            pg_sys::heap_insert(
                self.relation,
                tuple,
                pg_sys::GetCurrentCommandId(true),
                pg_sys::HEAP_INSERT_NO_LOGICAL as i32,
                std::ptr::null_mut(),
            );
            insert_index_entries(self.relation, tuple, &datums, &nulls);
            pg_sys::heap_freetuple(tuple);
            pg_sys::CommandCounterIncrement();
        }
    }

    /// Deletes a row. The caller holds a lock that keeps others from deleting it.
    pub fn delete(&self, row: RowId) {
        let mut tid = row.0;
        // SAFETY: the relation is open under a lock that allows writing.
        unsafe {
            pg_sys::simple_heap_delete(self.relation, &mut tid);
            pg_sys::CommandCounterIncrement();
        }
    }

    /// All rows, in no order.
    pub fn rows(&self, view: View) -> Vec<Row<'_>> {
        self.rows_where(view, |_| true)
    }

    /// The rows that match, in no order; `matches` keeps nothing of a row. The scan returns every version, and a snapshot then
    /// decides which are visible. So the scan takes no predicate lock, and no serializable transaction fails because of our
    /// tables (predicate.c skips special snapshots).
    pub fn rows_where(&self, view: View, matches: impl Fn(&Row) -> bool) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        // SAFETY: the relation is open; the snapshot is registered for the length of the scan; a tuple is looked at where it
        // is stored while the slot holds its page, and copied into the current memory context before the scan moves on.
        unsafe {
            let snapshot = view.register();
            let any = &raw mut pg_sys::SnapshotAnyData;
            let scan = pg_sys::table_beginscan(self.relation, any, 0, std::ptr::null_mut());
            let slot = pg_sys::table_slot_create(self.relation, std::ptr::null_mut());
            let forward = pg_sys::ScanDirection::ForwardScanDirection;
            while pg_sys::table_scan_getnextslot(scan, forward, slot) {
                if !pg_sys::table_tuple_satisfies_snapshot(self.relation, slot, snapshot) {
                    continue;
                }
                let stored = pg_sys::ExecFetchSlotHeapTuple(slot, false, std::ptr::null_mut());
                if matches(&Row::of(self, stored)) {
                    rows.push(Row::of(self, pg_sys::ExecCopySlotHeapTuple(slot)));
                }
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
            pg_sys::UnregisterSnapshot(snapshot);
        }
        rows
    }
}

/// A copy of a row.
pub struct Row<'a> {
    table: &'a Table,
    tuple: pg_sys::HeapTuple,
}

impl<'a> Row<'a> {
    /// `tuple` is a copy of a row of the table.
    pub(super) fn of(table: &'a Table, tuple: pg_sys::HeapTuple) -> Row<'a> {
        Row { table, tuple }
    }

    /// The place of the row, for [`Table::delete`].
    pub fn id(&self) -> RowId {
        // SAFETY: the copied tuple keeps its t_self.
        RowId(unsafe { (*self.tuple).t_self })
    }

    /// Whether this transaction wrote the row. Otherwise its writer has committed.
    pub fn is_own(&self) -> bool {
        // SAFETY: the tuple is a copy of a stored row, whose header holds its writer's id or says that it is frozen.
        unsafe {
            let header = (*self.tuple).t_data;
            (*header).t_infomask & pg_sys::HEAP_XMIN_FROZEN as u16
                != pg_sys::HEAP_XMIN_FROZEN as u16
                && pg_sys::TransactionIdIsCurrentTransactionId((*header).t_choice.t_heap.t_xmin)
        }
    }

    /// The value of a column, counted from 0; `None` for NULL. Raises 55000 where there is no such column, or `T` does not
    /// read its type.
    pub fn get<'r, T: Readable<'r>>(&'r self, column: usize) -> Option<T> {
        if !self.table.type_of(column).is_some_and(T::reads) {
            self.table.refuse();
        }
        let mut null = false;
        // SAFETY: the tuple is a copy of a row of `table`; `column` is one of its columns, and `T` reads its type.
        unsafe {
            let descriptor = (*self.table.relation).rd_att;
            let datum = pg_sys::heap_getattr(self.tuple, column as i32 + 1, descriptor, &mut null);
            T::from_datum(datum, null)
        }
    }

    /// As [`Row::get`], of a column that a later version of the extension has added; `None` where this database has not been
    /// upgraded yet.
    pub fn get_added<'r, T: Readable<'r>>(&'r self, column: usize) -> Option<T> {
        self.table.has(column).then(|| self.get(column)).flatten()
    }
}
