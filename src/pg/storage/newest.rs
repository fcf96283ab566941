//! A table of the extension whose rows are replaced at every use: finds a row among many dead ones, and reuses their space.

use super::heap::{Row, RowId, Table, View};
use pgrx::pg_sys;

/// Free bytes of a page from which on other sessions are told of it.
const WORTH_TELLING: usize = pg_sys::BLCKSZ as usize / 2;

impl Table {
    /// The row that matches, for a table in which one does at most. Looks from the end of the table on, where rows are put
    /// as long as dead ones cannot be removed yet; so this does not take longer while an old snapshot keeps them. Like
    /// [`Table::rows`] it takes no predicate lock.
    pub fn find_newest(&self, view: View, matches: impl Fn(&Row) -> bool) -> Option<Row<'_>> {
        let relation = self.relation();
        // SAFETY: the relation is open; the snapshot is registered for the length of the scan; a tuple is looked at where
        // it is stored while the slot holds its page, and copied to be returned.
        unsafe {
            let snapshot = view.register();
            let any = &raw mut pg_sys::SnapshotAnyData;
            let scan = pg_sys::table_beginscan(relation, any, 0, std::ptr::null_mut());
            let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
            let backward = pg_sys::ScanDirection::BackwardScanDirection;
            let mut found = None;
            while found.is_none() && pg_sys::table_scan_getnextslot(scan, backward, slot) {
                if pg_sys::table_tuple_satisfies_snapshot(relation, slot, snapshot) {
                    let stored = pg_sys::ExecFetchSlotHeapTuple(slot, false, std::ptr::null_mut());
                    if matches(&Row::of(self, stored)) {
                        found = Some(Row::of(self, pg_sys::ExecCopySlotHeapTuple(slot)));
                    }
                }
                pgrx::check_for_interrupts!();
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
            pg_sys::UnregisterSnapshot(snapshot);
            found
        }
    }

    /// Removes dead rows from the page of a row that is about to be replaced, if the page is nearly full. An INSERT does
    /// not do that, and only VACUUM would tell other sessions of the free space. The row stays where it is.
    pub fn make_room(&self, beside: RowId) {
        let relation = self.relation();
        // SAFETY: the relation is open under a lock that allows writing; the page exists, since a row is on it; it is
        // pinned while it is looked at, and read under a lock.
        unsafe {
            let block = beside.block();
            let buffer = pg_sys::ReadBuffer(relation, block);
            pg_sys::heap_page_prune_opt(relation, buffer);
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
            let free = pg_sys::PageGetHeapFreeSpace(pg_sys::BufferGetPage(buffer));
            pg_sys::UnlockReleaseBuffer(buffer);
            if free >= WORTH_TELLING {
                pg_sys::RecordPageWithFreeSpace(relation, block, free);
            }
        }
    }
}
