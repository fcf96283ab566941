//! One segment of the change log: appending entries to it.

use super::image::Image;
use super::raw;
use crate::error::{report, Error, Result};
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::cell::Cell;

/// Where a segment and its two indexes are.
#[derive(Debug, Clone, Copy)]
pub struct SegmentOids {
    pub table: pg_sys::Oid,
    /// btree on (position)
    pub by_position: pg_sys::Oid,
    /// btree on (xid, position) of the first entries of transactions
    pub by_xid: pg_sys::Oid,
    /// btree on (position) of the entries that `log_status` counts by cause
    pub remarkable: pg_sys::Oid,
}

impl SegmentOids {
    /// Looks up a segment's indexes. Errors: 42P01 when the extension has just been dropped; 55000 when
    /// its tables are not those that the library knows.
    pub fn find(table: pg_sys::Oid) -> Result<SegmentOids> {
        let mut oids = SegmentOids {
            table,
            by_position: pg_sys::InvalidOid,
            by_xid: pg_sys::InvalidOid,
            remarkable: pg_sys::InvalidOid,
        };
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        // SAFETY: the table and its indexes are open while they are looked at.
        unsafe {
            let opened = pg_sys::try_relation_open(table, lock);
            if opened.is_null() {
                return Err(dropped());
            }
            let columns = (*(*opened).rd_att).natts as usize;
            if columns != super::entry::COLUMNS {
                return Err(of_another_version());
            }
            let list = pg_sys::RelationGetIndexList(opened);
            for index in pgrx::PgList::<pg_sys::Oid>::from_pg(list).iter_oid() {
                let opened = pg_sys::index_open(index, lock);
                let form = (*opened).rd_index;
                let partial = !pg_sys::RelationGetIndexPredicate(opened).is_null();
                match (partial, (*form).indkey.values.as_slice(1)[0]) {
                    (true, _) => oids.remarkable = index,
                    (false, 1) => oids.by_position = index,
                    (false, _) => oids.by_xid = index,
                }
                pg_sys::index_close(opened, lock);
            }
            pg_sys::relation_close(opened, lock);
        }
        Ok(oids)
    }
}

/// What is appended.
pub struct NewEntry<'a> {
    pub position: u64,
    pub xid: u64,
    /// Microseconds since 2000-01-01 UTC.
    pub changed_at: i64,
    pub layout: i64,
    pub relation: pg_sys::Oid,
    pub operation: u8,
    pub image: Option<Image>,
    pub old: Option<Image>,
    pub marks: Option<&'a [u8]>,
    /// Whether it goes into the index of first entries.
    pub first: bool,
    /// Whether it goes into the index of what `log_status` counts.
    pub remarkable: bool,
}

/// Locks a segment against being sealed until the transaction, or the subtransaction, ends. Errors: 42P01 when the
/// extension has just been dropped.
pub fn lock(place: SegmentOids) -> Result<()> {
    let lock = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;
    // SAFETY: the function returns null for a relation that has gone; closed once, the lock stays.
    unsafe {
        let table = pg_sys::try_relation_open(place.table, lock);
        if table.is_null() {
            return Err(dropped());
        }
        pg_sys::relation_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
    Ok(())
}

/// Appends an entry and its index entries, hidden from logical decoding, to a segment that is locked. The indexes need
/// no locks of their own: whatever takes one away, or gives it another file, waits for those who hold the table.
/// Errors: 42P01 when the segment has gone.
pub fn append(place: SegmentOids, entry: &NewEntry) -> Result<()> {
    let info = index_info();
    let mut nulls = [false; 2];
    let mut position = [pg_sys::Datum::from(entry.position as i64)];
    let mut by_xid = [
        pg_sys::Datum::from(entry.xid as i64),
        pg_sys::Datum::from(entry.position as i64),
    ];
    // SAFETY: one guard for all: nothing in it has a destructor or panics. The caller holds the segment's lock; the tuple
    // fits the table's columns (entry.rs) and is copied by heap_insert; the keys are those of the indexes, none NULL.
    let done = unsafe {
        pg_guard_ffi_boundary(|| {
            let table = raw::RelationIdGetRelation(place.table);
            if table.is_null() {
                return false;
            }
            let tuple = super::entry::form(entry);
            raw::heap_insert(
                table,
                tuple,
                raw::GetCurrentCommandId(true),
                pg_sys::HEAP_INSERT_NO_LOGICAL as i32,
                std::ptr::null_mut(),
            );
            let tid = &raw mut (*tuple).t_self;
            let nulls = nulls.as_mut_ptr();
            index(
                place.by_position,
                position.as_mut_ptr(),
                nulls,
                tid,
                table,
                info,
            );
            if entry.remarkable {
                index(
                    place.remarkable,
                    position.as_mut_ptr(),
                    nulls,
                    tid,
                    table,
                    info,
                );
            }
            if entry.first {
                index(place.by_xid, by_xid.as_mut_ptr(), nulls, tid, table, info);
            }
            raw::pfree(tuple.cast());
            raw::RelationClose(table);
            true
        })
    };
    if done {
        Ok(())
    } else {
        Err(dropped())
    }
}

/// # Safety
/// Called within a guard; `keys` and `nulls` are the index's columns of the row at `tid` of `table`, which is locked.
unsafe fn index(
    index: pg_sys::Oid,
    keys: *mut pg_sys::Datum,
    nulls: *mut bool,
    tid: pg_sys::ItemPointer,
    table: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
) {
    // SAFETY: as promised; the index of a locked table is there. A btree looks at nothing in the IndexInfo (nbtree.c,
    // btinsert).
    unsafe {
        let opened = raw::RelationIdGetRelation(index);
        let no_check = pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO;
        raw::index_insert(opened, keys, nulls, tid, table, no_check, false, info);
        raw::RelationClose(opened);
    }
}

/// An IndexInfo for a plain btree; made once, since making it costs as much as using it.
fn index_info() -> *mut pg_sys::IndexInfo {
    thread_local! {
        static INFO: Cell<*mut pg_sys::IndexInfo> = const { Cell::new(std::ptr::null_mut()) };
    }
    if INFO.get().is_null() {
        // SAFETY: made in a context that is never reset.
        unsafe {
            let size = std::mem::size_of::<pg_sys::IndexInfo>();
            let info = pg_sys::MemoryContextAllocZero(pg_sys::TopMemoryContext, size)
                .cast::<pg_sys::IndexInfo>();
            (*info).type_ = pg_sys::NodeTag::T_IndexInfo;
            INFO.set(info);
        }
    }
    INFO.get()
}

fn of_another_version() -> Error {
    Error::ObjectNotInPrerequisiteState(
        report("the change log was made by another version of pgrealtime")
            .hint("Run ALTER EXTENSION pgrealtime UPDATE."),
    )
}

fn dropped() -> Error {
    Error::UndefinedTable(
        report("the change log does not exist")
            .detail("The extension pgrealtime has just been dropped."),
    )
}
