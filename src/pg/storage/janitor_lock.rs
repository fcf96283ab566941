//! The locks that the janitor takes against other janitors, writers and readers.

use super::segment::SegmentOids;
use super::segment_files::toast_of;
use crate::pg::backend::opened::Opened;
use pgrx::pg_sys;

/// Lock levels that the janitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JanitorLock {
    /// Allows others to write rows of the table.
    BesideWriters,
    /// One janitor at a time, and no other writer.
    Janitor,
    /// No writers.
    NoWriter,
    /// No writers and no readers.
    Exclusive,
}

/// Takes a lock until the transaction ends, if it is free now.
pub fn try_lock(relation: pg_sys::Oid, lock: JanitorLock) -> bool {
    // SAFETY: the lock manager takes any OID; a relation that has gone is noticed when it is opened.
    unsafe { pg_sys::ConditionalLockRelationOid(relation, mode(lock)) }
}

/// Waits for a transaction that is dropping a relation. Processes invalidations, so that committed changes are seen.
pub fn wait_for_ddl(relation: pg_sys::Oid) {
    // SAFETY: as above; what was taken to wait is given back at once.
    unsafe {
        pg_sys::LockRelationOid(relation, SHARE);
        pg_sys::UnlockRelationOid(relation, SHARE);
    }
}

/// Whether a janitor could take a lock now: no session, including this one, holds a conflicting lock. Takes no lock: a
/// reader must not take the strongest lock, which is also sent to standbys.
pub fn is_free(relation: pg_sys::Oid, lock: JanitorLock) -> bool {
    let mut others = 0;
    // SAFETY: the tag is complete; the answer is allocated in the current memory context.
    unsafe {
        let list = pg_sys::GetLockConflicts(&tag(relation), mode(lock), &mut others);
        pg_sys::pfree(list.cast());
    }
    others == 0 && !is_held_here(relation, lock)
}

/// Whether a lock of this session itself keeps a janitor from taking a lock.
pub fn is_held_here(relation: pg_sys::Oid, lock: JanitorLock) -> bool {
    let weakest = match lock {
        JanitorLock::BesideWriters => pg_sys::ShareLock,
        JanitorLock::Janitor | JanitorLock::NoWriter => pg_sys::RowExclusiveLock,
        JanitorLock::Exclusive => pg_sys::AccessShareLock,
    };
    // SAFETY: the tag is complete.
    unsafe { crate::pg::sys::compat::holds_lock(&tag(relation), weakest as pg_sys::LOCKMODE) }
}

/// Whether this transaction created the relation, so that no other session can see it.
pub fn is_made_here(relation: pg_sys::Oid) -> bool {
    // SAFETY: the relation is open while it is looked at. 0 is InvalidSubTransactionId.
    Opened::shared(relation)
        .is_some_and(|opened| unsafe { (*opened.relation()).rd_createSubid != 0 })
}

/// The lock tag of a relation (lock.h, SET_LOCKTAG_RELATION; all tables of the log belong to this database).
fn tag(relation: pg_sys::Oid) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        locktag_field1: crate::pg::database().to_u32(),
        locktag_field2: relation.to_u32(),
        locktag_field3: 0,
        locktag_field4: 0,
        locktag_type: pg_sys::LockTagType::LOCKTAG_RELATION as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}

fn mode(lock: JanitorLock) -> pg_sys::LOCKMODE {
    (match lock {
        JanitorLock::BesideWriters => pg_sys::RowExclusiveLock,
        JanitorLock::Janitor => pg_sys::ShareRowExclusiveLock,
        JanitorLock::NoWriter => pg_sys::ShareLock,
        JanitorLock::Exclusive => pg_sys::AccessExclusiveLock,
    }) as pg_sys::LOCKMODE
}

const SHARE: pg_sys::LOCKMODE = pg_sys::AccessShareLock as pg_sys::LOCKMODE;

/// Takes [`JanitorLock::Exclusive`] on a segment until the transaction ends, waiting this many milliseconds at most.
/// Sessions that come meanwhile queue behind it. Then locks its TOAST table without waiting, and returns false when an
/// autovacuum against wraparound holds that. Errors: 55P03 when the segment was not free in time. Only for the
/// janitor's process.
pub fn lock_exclusively(place: &SegmentOids, milliseconds: u32) -> bool {
    crate::pg::backend::worker::wait_for_locks(milliseconds);
    // SAFETY: called in a transaction.
    let toast = unsafe {
        pg_sys::LockRelationOid(place.table, mode(JanitorLock::Exclusive));
        toast_of(place.table)
    };
    toast == pg_sys::InvalidOid || try_lock(toast, JanitorLock::Exclusive)
}
