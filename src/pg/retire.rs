//! What only the janitor does to a segment: measuring it, waiting out its writers, emptying it.

use super::segment::SegmentOids;
use pgrx::pg_sys;

/// Locks that the janitor asks for, never waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Of the janitors, one at a time.
    Janitor,
    /// No writer.
    NoWriter,
    /// No writer and no reader.
    Alone,
}

/// Takes a lock until the transaction ends, if it is free now.
pub fn try_hold(relation: pg_sys::Oid, hold: Hold) -> bool {
    // SAFETY: the lock manager takes any OID; a relation that has gone is noticed when it is opened.
    unsafe { pg_sys::ConditionalLockRelationOid(relation, mode(hold)) }
}

/// Waits for a lock and keeps it until the transaction ends.
pub fn hold(relation: pg_sys::Oid, hold: Hold) {
    // SAFETY: as above.
    unsafe { pg_sys::LockRelationOid(relation, mode(hold)) }
}

/// Whether some session holds a lock that conflicts.
pub fn is_held(relation: pg_sys::Oid, hold: Hold) -> bool {
    // SAFETY: as above; what was taken to look is given back at once.
    unsafe {
        let free = pg_sys::ConditionalLockRelationOid(relation, mode(hold));
        if free {
            pg_sys::UnlockRelationOid(relation, mode(hold));
        }
        !free
    }
}

fn mode(hold: Hold) -> pg_sys::LOCKMODE {
    (match hold {
        Hold::Janitor => pg_sys::ShareUpdateExclusiveLock,
        Hold::NoWriter => pg_sys::ShareLock,
        Hold::Alone => pg_sys::AccessExclusiveLock,
    }) as pg_sys::LOCKMODE
}

/// Bytes on disk of a segment with its TOAST table and indexes; 0 when it has gone.
pub fn bytes(place: SegmentOids) -> u64 {
    // SAFETY: each relation is open while it is measured.
    unsafe {
        let toast = {
            let opened = pg_sys::try_relation_open(place.table, SHARE);
            if opened.is_null() {
                return 0;
            }
            let toast = (*(*opened).rd_rel).reltoastrelid;
            pg_sys::relation_close(opened, SHARE);
            toast
        };
        [place.table, place.by_position, place.by_xid, toast]
            .into_iter()
            .filter(|oid| *oid != pg_sys::InvalidOid)
            .map(|oid| blocks(oid) * u64::from(pg_sys::BLCKSZ))
            .sum()
    }
}

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// # Safety
/// Called in a transaction.
unsafe fn blocks(relation: pg_sys::Oid) -> u64 {
    // SAFETY: the relation is open while it is measured.
    unsafe {
        let opened = pg_sys::try_relation_open(relation, SHARE);
        if opened.is_null() {
            return 0;
        }
        let blocks =
            pg_sys::RelationGetNumberOfBlocksInFork(opened, pg_sys::ForkNumber::MAIN_FORKNUM);
        pg_sys::relation_close(opened, SHARE);
        u64::from(blocks)
    }
}

/// Gives a segment, its TOAST table and its indexes new files, as TRUNCATE does (tablecmds.c, ExecuteTruncateGuts) but
/// without its WAL record for logical decoding: a subscriber that lacks the table must not hear of it. The caller holds
/// [`Hold::Alone`].
pub fn empty(place: SegmentOids) {
    // SAFETY: the relations are open under the strongest lock; the functions are those that TRUNCATE calls.
    unsafe {
        let lock = pg_sys::NoLock as pg_sys::LOCKMODE;
        let table = pg_sys::table_open(place.table, lock);
        pg_sys::CheckTableNotInUse(table, c"prune".as_ptr());
        super::compat::set_new_file(table);
        let toast = (*(*table).rd_rel).reltoastrelid;
        if toast != pg_sys::InvalidOid {
            let opened =
                pg_sys::relation_open(toast, pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE);
            super::compat::set_new_file(opened);
            pg_sys::relation_close(opened, lock);
        }
        super::compat::reindex(place.table);
        pg_sys::table_close(table, lock);
        pg_sys::CommandCounterIncrement();
    }
}
