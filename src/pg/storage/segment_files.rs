//! The files of a segment: measuring and emptying them.

use super::segment::SegmentOids;
use crate::pg::backend::opened::Opened;
use pgrx::pg_sys;

/// Whether nothing was appended to a segment since it was emptied, not even by a transaction that was rolled back.
pub fn is_empty(place: &SegmentOids) -> bool {
    // SAFETY: called in a transaction.
    unsafe { blocks(place.table) == 0 }
}

/// Size on disk in bytes of a segment with its indexes, its TOAST table and that table's index; 0 when it was dropped.
pub fn bytes(place: &SegmentOids) -> u64 {
    // SAFETY: each relation is open while it is measured.
    unsafe {
        let mut parts = vec![place.table];
        parts.extend(place.indexes());
        let toast = toast_of(place.table);
        if toast != pg_sys::InvalidOid {
            parts.push(toast);
            parts.extend(indexes_of(toast));
        }
        parts
            .into_iter()
            .map(|oid| blocks(oid) * u64::from(pg_sys::BLCKSZ))
            .sum()
    }
}

/// # Safety
/// Called in a transaction.
pub(in crate::pg) unsafe fn toast_of(table: pg_sys::Oid) -> pg_sys::Oid {
    Opened::shared(table).map_or(pg_sys::InvalidOid, |opened| opened.class().reltoastrelid)
}

/// # Safety
/// Called in a transaction.
unsafe fn indexes_of(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    let Some(opened) = Opened::shared(table) else {
        return Vec::new();
    };
    // SAFETY: the relation is open; the function returns a list of the caller's own.
    unsafe {
        let list = pg_sys::RelationGetIndexList(opened.relation());
        let indexes = pgrx::PgList::<pg_sys::Oid>::from_pg(list)
            .iter_oid()
            .collect();
        pg_sys::list_free(list);
        indexes
    }
}

/// # Safety
/// Called in a transaction.
unsafe fn blocks(relation: pg_sys::Oid) -> u64 {
    let main = pg_sys::ForkNumber::MAIN_FORKNUM;
    Opened::shared(relation).map_or(0, |opened| {
        // SAFETY: the relation is open while it is measured.
        u64::from(unsafe { pg_sys::RelationGetNumberOfBlocksInFork(opened.relation(), main) })
    })
}

/// Gives a segment, its TOAST table and its indexes new files, as TRUNCATE does (tablecmds.c, ExecuteTruncateGuts) but
/// without its WAL record for logical decoding, which must not reach a subscriber that lacks the table. The caller
/// holds the segment by [`super::janitor_lock::lock_exclusively`].
pub fn empty(place: &SegmentOids) {
    // SAFETY: the relations are open under the strongest lock; the functions are those that TRUNCATE calls.
    unsafe {
        let lock = pg_sys::NoLock as pg_sys::LOCKMODE;
        let table = pg_sys::table_open(place.table, lock);
        crate::pg::sys::compat::set_new_file(table);
        let toast = (*(*table).rd_rel).reltoastrelid;
        if toast != pg_sys::InvalidOid {
            let opened = pg_sys::relation_open(toast, lock);
            crate::pg::sys::compat::set_new_file(opened);
            pg_sys::relation_close(opened, lock);
        }
        crate::pg::sys::compat::reindex(place.table);
        pg_sys::table_close(table, lock);
        pg_sys::CommandCounterIncrement();
    }
}
