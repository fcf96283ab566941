//! Reads segments of the change log by index scans, without planned SQL and without predicate locks.

use super::segment::SegmentOids;
use crate::pg::backend::memory::Arena;
use crate::pg::image::format::Image;
use crate::timestamp::Timestamp;
use pgrx::{pg_sys, FromDatum};
use std::marker::PhantomData;

/// A segment that is locked against being emptied until this is dropped. A reader that stays in its transaction then
/// holds no lock, so a standby can replay the emptying.
pub struct Segment {
    table: pg_sys::Relation,
    oids: SegmentOids,
}

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

impl Drop for Segment {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened once; every stream on it has ended, since they borrow it.
            unsafe { pg_sys::relation_close(self.table, SHARE) }
        }
    }
}

impl Segment {
    /// Locks a segment for reading; `None` when the extension has just been dropped.
    pub fn open(oids: &SegmentOids) -> Option<Segment> {
        // SAFETY: the function returns null for a relation that has gone.
        let table = unsafe { pg_sys::try_relation_open(oids.table, SHARE) };
        // Built only if the segment exists, since dropping it closes the segment.
        (!table.is_null()).then(|| Segment {
            table,
            oids: oids.clone(),
        })
    }

    /// Whether the segment is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes_of_heap() == 0
    }

    /// Size of its heap in bytes, without TOAST and indexes.
    pub fn bytes_of_heap(&self) -> u64 {
        self.pages() * u64::from(pg_sys::BLCKSZ)
    }

    /// Number of pages of its heap.
    pub fn pages(&self) -> u64 {
        // SAFETY: the relation is open.
        let blocks = unsafe {
            pg_sys::RelationGetNumberOfBlocksInFork(self.table, pg_sys::ForkNumber::MAIN_FORKNUM)
        };
        u64::from(blocks)
    }

    /// The entries with `from <= position < to`, in the order of their positions.
    pub fn by_position(&self, from: u64, to: u64) -> Stream<'_> {
        let mut keys = [key(1, Compare::AtLeast, from), key(1, Compare::Below, to)];
        Stream::begin(self, self.oids.by_position, &mut keys)
    }

    /// The entries among them that `log_status` counts by cause. Gaps are among these.
    pub fn remarkable(&self, from: u64, to: u64) -> Stream<'_> {
        let mut keys = [key(1, Compare::AtLeast, from), key(1, Compare::Below, to)];
        Stream::begin(self, self.oids.remarkable, &mut keys)
    }

    /// All entries, for [`Stream::back`].
    pub fn backwards(&self) -> Stream<'_> {
        Stream::begin(self, self.oids.by_position, &mut [])
    }

    /// The first entries of a transaction.
    pub fn first_of(&self, xid: u64) -> Option<u64> {
        let stream = self.by_transactions(xid, xid + 1);
        stream.next().then(|| stream.position())
    }

    /// The first entries of the transactions with `from <= xid < to`, and of their subtransactions.
    pub fn by_transactions(&self, from: u64, to: u64) -> Stream<'_> {
        let mut keys = [key(1, Compare::AtLeast, from), key(1, Compare::Below, to)];
        Stream::begin(self, self.oids.by_xid, &mut keys)
    }
}

enum Compare {
    AtLeast,
    Below,
}

fn key(column: i16, compare: Compare, value: u64) -> pg_sys::ScanKeyData {
    let (strategy, function) = match compare {
        Compare::AtLeast => (pg_sys::BTGreaterEqualStrategyNumber, pg_sys::F_INT8GE),
        Compare::Below => (pg_sys::BTLessStrategyNumber, pg_sys::F_INT8LT),
    };
    let mut key = pg_sys::ScanKeyData::default();
    // SAFETY: fills the key for a bigint column with a built-in function.
    unsafe {
        pg_sys::ScanKeyInit(
            &mut key,
            column,
            strategy as u16,
            pg_sys::Oid::from(function),
            pg_sys::Datum::from(value.min(i64::MAX as u64) as i64),
        );
    }
    key
}

/// Entries of a segment in the order of an index. The scan returns every version, so that it takes no predicate lock
/// (predicate.c skips special snapshots). The reader must check whether a transaction is finished and visible.
pub struct Stream<'a> {
    scan: pg_sys::IndexScanDesc,
    index: pg_sys::Relation,
    slot: *mut pg_sys::TupleTableSlot,
    table: pg_sys::Relation,
    segment: PhantomData<&'a Segment>,
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: each was begun or opened once.
            unsafe {
                pg_sys::index_endscan(self.scan);
                pg_sys::ExecDropSingleTupleTableSlot(self.slot);
                pg_sys::index_close(self.index, SHARE);
            }
        }
    }
}

impl<'a> Stream<'a> {
    fn begin(segment: &'a Segment, index: pg_sys::Oid, keys: &mut [pg_sys::ScanKeyData]) -> Self {
        // SAFETY: the segment is open; the keys fit the index and are copied by index_rescan.
        unsafe {
            let index = pg_sys::index_open(index, SHARE);
            let scan = crate::pg::sys::compat::index_beginscan(
                segment.table,
                index,
                &raw mut pg_sys::SnapshotAnyData,
                keys.len() as i32,
            );
            let keys_at = if keys.is_empty() {
                std::ptr::null_mut()
            } else {
                keys.as_mut_ptr()
            };
            pg_sys::index_rescan(scan, keys_at, keys.len() as i32, std::ptr::null_mut(), 0);
            Stream {
                scan,
                index,
                slot: pg_sys::table_slot_create(segment.table, std::ptr::null_mut()),
                table: segment.table,
                segment: PhantomData,
            }
        }
    }

    /// Moves to the next entry; false at the end.
    pub fn next(&self) -> bool {
        pgrx::check_for_interrupts!();
        let forward = pg_sys::ScanDirection::ForwardScanDirection;
        // SAFETY: the scan and the slot are open.
        unsafe { pg_sys::index_getnext_slot(self.scan, forward, self.slot) }
    }

    /// Moves to the previous entry; at the start of a scan, to the last one. False at the beginning.
    pub fn back(&self) -> bool {
        let backward = pg_sys::ScanDirection::BackwardScanDirection;
        // SAFETY: the scan and the slot are open.
        unsafe { pg_sys::index_getnext_slot(self.scan, backward, self.slot) }
    }

    fn column(&self, number: i32) -> (pg_sys::Datum, bool) {
        // SAFETY: the slot holds a row of the segment, which has this column.
        unsafe {
            if i32::from((*self.slot).tts_nvalid) < number {
                pg_sys::slot_getsomeattrs_int(self.slot, number);
            }
            let place = number as usize - 1;
            (
                *(*self.slot).tts_values.add(place),
                *(*self.slot).tts_isnull.add(place),
            )
        }
    }

    /// Number of the page that the current entry is on.
    pub fn page(&self) -> u32 {
        // SAFETY: the slot holds a stored row.
        unsafe { pgrx::itemptr::item_pointer_get_block_number(&(*self.slot).tts_tid) }
    }

    /// Position of the current entry.
    pub fn position(&self) -> u64 {
        self.column(1).0.value() as u64
    }

    /// Top-level transaction of the current entry.
    pub fn xid(&self) -> u64 {
        self.column(2).0.value() as u64
    }

    /// Start of its transaction.
    pub fn changed_at(&self) -> Timestamp {
        Timestamp::from_micros(self.column(3).0.value() as i64)
    }

    /// Layout of its images.
    pub fn layout(&self) -> i64 {
        self.column(4).0.value() as i64
    }

    /// Its relation.
    pub fn relation(&self) -> pg_sys::Oid {
        pg_sys::Oid::from(self.column(5).0.value() as u32)
    }

    /// Its operation letter.
    pub fn operation(&self) -> u8 {
        self.column(6).0.value() as u8
    }

    /// Whether the statement sees it: its transaction, and subtransaction if any, has committed.
    pub fn is_visible(&self) -> bool {
        // SAFETY: the slot holds a row of the table; the statement has an active snapshot.
        unsafe {
            pg_sys::table_tuple_satisfies_snapshot(
                self.table,
                self.slot,
                pg_sys::GetActiveSnapshot(),
            )
        }
    }

    /// A copy of its image; `None` when it is damaged.
    pub fn image<'m>(&self, arena: Arena<'m>) -> Option<Option<Image<'m>>> {
        self.image_in(7, arena)
    }

    /// A copy of its old image; `None` when it is damaged.
    pub fn old_image<'m>(&self, arena: Arena<'m>) -> Option<Option<Image<'m>>> {
        self.image_in(8, arena)
    }

    /// `None` when it is damaged, of NULL an empty `Some`.
    fn image_in<'m>(&self, column: i32, arena: Arena<'m>) -> Option<Option<Image<'m>>> {
        let (datum, null) = self.column(column);
        if null {
            return Some(None);
        }
        // SAFETY: the column is a bytea, which is detoasted if need be; its bytes are read before anything is freed.
        let stored = arena.within(|| unsafe {
            let bytes = pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr());
            let size = pgrx::varsize_any_exhdr(bytes);
            std::slice::from_raw_parts(pgrx::vardata_any(bytes).cast::<u8>(), size)
        });
        Image::restore(stored, arena).map(Some)
    }

    /// A copy of its marks.
    pub fn marks(&self) -> Option<Vec<u8>> {
        let (marks, null) = self.column(9);
        // SAFETY: the column is a bytea.
        unsafe { Vec::<u8>::from_datum(marks, null) }
    }
}
