//! One segment of the change log: appending entries to it.

use super::entry::NewEntry;
use crate::error::{report, Error, Result};
use crate::pg::backend::invalidation::Fresh;
use crate::pg::sys::raw;
use pgrx::pg_sys;
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use std::cell::Cell;

/// The purpose of an index of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// btree on (position)
    ByPosition,
    /// btree on (xid, position) of the first entries of transactions
    ByXid,
    /// btree on (position) of the entries that `log_status` counts by cause
    Remarkable,
}

/// OIDs of a segment and its indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentOids {
    pub table: pg_sys::Oid,
    pub by_position: pg_sys::Oid,
    pub by_xid: pg_sys::Oid,
    pub remarkable: pg_sys::Oid,
    /// Indexes that are written but not read: those that REINDEX CONCURRENTLY builds, and those that it replaces.
    others: Box<[(pg_sys::Oid, Purpose)]>,
}

impl SegmentOids {
    /// Looks up a segment's indexes. The result is valid while `fresh` holds. Errors: 42P01 when the extension has just
    /// been dropped; 55000 when its tables do not match the library.
    pub fn find(table: pg_sys::Oid, fresh: &Fresh) -> Result<SegmentOids> {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let mut found = [pg_sys::InvalidOid; 3];
        let mut others = Vec::new();
        fresh.also(table);
        // SAFETY: the table and its indexes are open while they are looked at.
        unsafe {
            let opened = pg_sys::try_relation_open(table, lock);
            if opened.is_null() {
                return Err(dropped());
            }
            if (*(*opened).rd_att).natts as usize != super::entry::COLUMNS {
                return Err(of_another_version());
            }
            let list = pg_sys::RelationGetIndexList(opened);
            for index in pgrx::PgList::<pg_sys::Oid>::from_pg(list).iter_oid() {
                // A ready index says so itself; its table need not list it (index.c, index_concurrently_build).
                fresh.also(index);
                let opened = pg_sys::index_open(index, lock);
                let form = &*(*opened).rd_index;
                let partial = !pg_sys::RelationGetIndexPredicate(opened).is_null();
                let purpose = match (partial, form.indkey.values.as_slice(1)[0]) {
                    (true, _) => Purpose::Remarkable,
                    (false, 1) => Purpose::ByPosition,
                    (false, _) => Purpose::ByXid,
                };
                let (valid, ready) = (form.indisvalid, form.indisready);
                pg_sys::index_close(opened, lock);
                if valid {
                    found[purpose as usize] = index;
                } else if ready {
                    others.push((index, purpose));
                }
            }
            pg_sys::relation_close(opened, lock);
        }
        if found.contains(&pg_sys::InvalidOid) {
            return Err(incomplete());
        }
        let [by_position, by_xid, remarkable] = found;
        Ok(SegmentOids {
            table,
            by_position,
            by_xid,
            remarkable,
            others: others.into(),
        })
    }
}

impl SegmentOids {
    /// All indexes of the segment.
    pub fn indexes(&self) -> impl Iterator<Item = pg_sys::Oid> + '_ {
        let read = [self.by_position, self.by_xid, self.remarkable];
        let others = self.others.iter().map(|(index, _)| *index);
        read.into_iter().chain(others)
    }
}

/// Locks a segment against being sealed until the transaction or subtransaction ends. Errors: 42P01 when the extension
/// has just been dropped.
pub fn lock(place: &SegmentOids) -> Result<()> {
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

/// Appends an entry and its index entries, hidden from logical decoding, to a locked segment. The indexes need no locks
/// of their own: a command that drops one, or gives it another file, waits for sessions that hold the table. Errors:
/// 42P01 when the segment was dropped.
pub fn append(place: &SegmentOids, entry: &NewEntry) -> Result<()> {
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
            let (position, by_xid) = (position.as_mut_ptr(), by_xid.as_mut_ptr());
            let add = |to, purpose| match purpose {
                Purpose::ByPosition => index(to, position, nulls, tid, table, info),
                Purpose::Remarkable if entry.remarkable => {
                    index(to, position, nulls, tid, table, info)
                }
                Purpose::ByXid if entry.first => index(to, by_xid, nulls, tid, table, info),
                Purpose::Remarkable | Purpose::ByXid => true,
            };
            let mut done = add(place.by_position, Purpose::ByPosition)
                & add(place.by_xid, Purpose::ByXid)
                & add(place.remarkable, Purpose::Remarkable);
            for (other, purpose) in &place.others {
                done &= add(*other, *purpose);
            }
            raw::pfree(tuple.cast());
            raw::RelationClose(table);
            done
        })
    };
    if done {
        Ok(())
    } else {
        Err(dropped())
    }
}

/// Returns false when the index was dropped.
///
/// # Safety
/// Called within a guard; `keys` and `nulls` are the index's columns of the row at `tid` of `table`, which is locked.
unsafe fn index(
    index: pg_sys::Oid,
    keys: *mut pg_sys::Datum,
    nulls: *mut bool,
    tid: pg_sys::ItemPointer,
    table: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
) -> bool {
    // SAFETY: as promised. A btree does not use the IndexInfo (nbtree.c, btinsert).
    unsafe {
        let opened = raw::RelationIdGetRelation(index);
        if opened.is_null() {
            return false;
        }
        let no_check = pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO;
        raw::index_insert(opened, keys, nulls, tid, table, no_check, false, info);
        raw::RelationClose(opened);
    }
    true
}

/// An IndexInfo for a plain btree. Made once, since making it costs as much as using it.
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
    Error::object_not_in_prerequisite_state(
        report("the change log was made by another version of pgrealtime")
            .hint("Run ALTER EXTENSION pgrealtime UPDATE."),
    )
}

fn incomplete() -> Error {
    Error::object_not_in_prerequisite_state(
        report("the change log lacks an index")
            .hint("REINDEX the tables in schema pgrealtime, or create the extension again."),
    )
}

fn dropped() -> Error {
    Error::undefined_table(
        report("the change log does not exist")
            .detail("The extension pgrealtime has just been dropped."),
    )
}
