//! One segment of the change log: appending entries to it.

use super::image::Image;
use crate::error::{report, Error, Result};
use pgrx::{pg_sys, IntoDatum};
use std::cell::Cell;

/// Columns of a segment in the order of `sql/log.sql`.
const COLUMNS: usize = 9;

/// Where a segment and its two indexes are.
#[derive(Debug, Clone, Copy)]
pub struct SegmentOids {
    pub table: pg_sys::Oid,
    /// btree on (position)
    pub by_position: pg_sys::Oid,
    /// btree on (xid, position) of the first entries of transactions
    pub by_xid: pg_sys::Oid,
    /// btree on (position) of the gap entries
    pub gaps: pg_sys::Oid,
}

impl SegmentOids {
    /// Looks up a segment's indexes. Errors: 42P01 when the extension has just been dropped.
    pub fn find(table: pg_sys::Oid) -> Result<SegmentOids> {
        let mut oids = SegmentOids {
            table,
            by_position: pg_sys::InvalidOid,
            by_xid: pg_sys::InvalidOid,
            gaps: pg_sys::InvalidOid,
        };
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        // SAFETY: the table and its indexes are open while they are looked at.
        unsafe {
            let opened = pg_sys::try_relation_open(table, lock);
            if opened.is_null() {
                return Err(dropped());
            }
            let list = pg_sys::RelationGetIndexList(opened);
            for index in pgrx::PgList::<pg_sys::Oid>::from_pg(list).iter_oid() {
                let opened = pg_sys::index_open(index, lock);
                let form = (*opened).rd_index;
                let partial = !pg_sys::RelationGetIndexPredicate(opened).is_null();
                match (partial, (*form).indkey.values.as_slice(1)[0]) {
                    (true, _) => oids.gaps = index,
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
    /// Whether it goes into the index of gaps.
    pub gap: bool,
}

/// A segment that this transaction holds against being sealed.
pub struct Writer {
    table: pg_sys::Relation,
    oids: SegmentOids,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened once; the lock stays until the transaction ends.
            unsafe { pg_sys::relation_close(self.table, pg_sys::NoLock as pg_sys::LOCKMODE) }
        }
    }
}

impl Writer {
    /// Locks a segment for writing until the transaction ends. Errors: 42P01 when the extension has just been dropped.
    pub fn open(oids: SegmentOids) -> Result<Writer> {
        // SAFETY: the function returns null for a relation that has gone.
        let table = unsafe {
            pg_sys::try_relation_open(oids.table, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE)
        };
        if table.is_null() {
            return Err(dropped());
        }
        Ok(Writer { table, oids })
    }

    /// Appends an entry and its index entries, hidden from logical decoding.
    pub fn append(&self, entry: &NewEntry) {
        let null = pg_sys::Datum::null();
        let mut values = [
            pg_sys::Datum::from(entry.position as i64),
            pg_sys::Datum::from(entry.xid as i64),
            pg_sys::Datum::from(entry.changed_at),
            pg_sys::Datum::from(entry.layout),
            pg_sys::Datum::from(entry.relation),
            pg_sys::Datum::from(entry.operation as i8),
            entry.image.map_or(null, |image| image.0),
            entry.old.map_or(null, |image| image.0),
            entry
                .marks
                .and_then(|marks| marks.into_datum())
                .unwrap_or(null),
        ];
        let mut nulls = [false; COLUMNS];
        nulls[6] = entry.image.is_none();
        nulls[7] = entry.old.is_none();
        nulls[8] = entry.marks.is_none();
        // SAFETY: the segment is open for writing; the arrays fit its nine columns: a composite datum is a varlena like
        // a bytea, and nothing ever takes it for text.
        unsafe {
            debug_assert_eq!((*(*self.table).rd_att).natts as usize, COLUMNS);
            let tuple = pg_sys::heap_form_tuple(
                (*self.table).rd_att,
                values.as_mut_ptr(),
                nulls.as_mut_ptr(),
            );
            pg_sys::heap_insert(
                self.table,
                tuple,
                pg_sys::GetCurrentCommandId(true),
                pg_sys::HEAP_INSERT_NO_LOGICAL as i32,
                std::ptr::null_mut(),
            );
            let tid = &mut (*tuple).t_self;
            self.index(self.oids.by_position, &mut values[0..1], tid);
            if entry.gap {
                self.index(self.oids.gaps, &mut values[0..1], tid);
            }
            if entry.first {
                values[0] = pg_sys::Datum::from(entry.xid as i64);
                values[1] = pg_sys::Datum::from(entry.position as i64);
                self.index(self.oids.by_xid, &mut values[0..2], tid);
            }
            pg_sys::heap_freetuple(tuple);
        }
    }

    /// # Safety
    /// `keys` are the index's columns of the row at `tid`, none of them NULL.
    unsafe fn index(
        &self,
        index: pg_sys::Oid,
        keys: &mut [pg_sys::Datum],
        tid: &mut pg_sys::ItemPointerData,
    ) {
        let mut nulls = [false; 2];
        // SAFETY: as promised; a btree looks at nothing in the IndexInfo (nbtree.c, btinsert).
        unsafe {
            let opened = pg_sys::index_open(index, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
            pg_sys::index_insert(
                opened,
                keys.as_mut_ptr(),
                nulls.as_mut_ptr(),
                tid,
                self.table,
                pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO,
                false,
                index_info(),
            );
            pg_sys::index_close(opened, pg_sys::NoLock as pg_sys::LOCKMODE);
        }
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

fn dropped() -> Error {
    Error::UndefinedTable(
        report("the change log does not exist")
            .detail("The extension pgrealtime has just been dropped."),
    )
}
