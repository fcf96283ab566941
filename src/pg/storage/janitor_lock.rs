//! The locks that the janitor takes against other janitors, writers and readers, and the turn of whoever starts it.

use super::segment::SegmentOids;
use super::segment_files::toast_of;
use crate::pg::backend::opened::Opened;
use pgrx::pg_sys;
use std::cell::Cell;

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

thread_local! {
    /// The turn that this session has taken last.
    static TURN: Cell<Option<pg_sys::LOCKTAG>> = const { Cell::new(None) };
}

/// Takes the turn to start a janitor in this second, if no session of the database has it; does not wait. The lock
/// belongs to the session, not to its transaction: most transactions end before a janitor has started, and one that is
/// prepared must not keep it. Each second has a lock of its own, so that a session that sits idle with an old one is in
/// nobody's way.
pub fn take_turn(log: pg_sys::Oid, second: i64) -> bool {
    let turn = pg_sys::LOCKTAG {
        // The last 32 bits tell seconds apart.
        locktag_field3: second as u32,
        // SQL can only take advisory locks with 1 and 2.
        locktag_field4: 3,
        locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
        // Of a session's locks only these are given back when it ends (postinit.c, ShutdownPostgres).
        locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
        ..tag(log)
    };
    end_turn();
    // SAFETY: the tag is complete.
    let taken = unsafe { crate::pg::sys::compat::try_session_lock(&turn, TURN_MODE) };
    TURN.set(taken.then_some(turn));
    taken
}

/// Gives the turn back, if this session has one. DISCARD ALL may have done so before.
pub fn end_turn() {
    if let Some(turn) = TURN.take() {
        // SAFETY: the tag is complete; only this session's own lock is given back.
        unsafe {
            if crate::pg::sys::compat::holds_lock(&turn, TURN_MODE) {
                pg_sys::LockRelease(&turn, TURN_MODE, true);
            }
        }
    }
}

const TURN_MODE: pg_sys::LOCKMODE = pg_sys::ExclusiveLock as pg_sys::LOCKMODE;

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
