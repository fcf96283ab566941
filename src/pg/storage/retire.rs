//! What only the janitor does to a segment: measuring it, waiting out its writers, emptying it.

use super::segment::SegmentOids;
use pgrx::pg_sys;

/// Locks that the janitor asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Beside those of others who write rows of the table.
    Row,
    /// Of the janitors, one at a time, and nobody else who writes.
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

/// Waits for whoever is dropping a relation. Looks at what has been committed meanwhile, too.
pub fn wait_for_ddl(relation: pg_sys::Oid) {
    // SAFETY: as above; what was taken to wait is given back at once.
    unsafe {
        pg_sys::LockRelationOid(relation, SHARE);
        pg_sys::UnlockRelationOid(relation, SHARE);
    }
}

/// Whether a janitor could take a lock now: neither another session nor this one holds what conflicts with it. Takes
/// nothing: a reader has no business with the strongest lock, which a standby is told of.
pub fn is_free(relation: pg_sys::Oid, hold: Hold) -> bool {
    let mut others = 0;
    // SAFETY: the tag is complete; the answer is allocated in the current memory context.
    unsafe {
        let list = pg_sys::GetLockConflicts(&tag(relation), mode(hold), &mut others);
        pg_sys::pfree(list.cast());
    }
    others == 0 && !is_held_here(relation, hold)
}

/// Whether this session itself keeps a janitor from taking a lock.
pub fn is_held_here(relation: pg_sys::Oid, hold: Hold) -> bool {
    let weakest = match hold {
        Hold::Row => pg_sys::ShareLock,
        Hold::Janitor | Hold::NoWriter => pg_sys::RowExclusiveLock,
        Hold::Alone => pg_sys::AccessShareLock,
    };
    // SAFETY: the tag is complete.
    unsafe { crate::pg::sys::compat::holds_lock(&tag(relation), weakest as pg_sys::LOCKMODE) }
}

/// Whether this transaction has made the relation: nobody else knows of it.
pub fn is_made_here(relation: pg_sys::Oid) -> bool {
    // SAFETY: the relation is open while it is looked at.
    unsafe {
        let opened = pg_sys::try_relation_open(relation, SHARE);
        if opened.is_null() {
            return false;
        }
        // InvalidSubTransactionId
        let made = (*opened).rd_createSubid != 0;
        pg_sys::relation_close(opened, SHARE);
        made
    }
}

/// The lock of a relation (lock.h, SET_LOCKTAG_RELATION; all tables of the log belong to this database).
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

fn mode(hold: Hold) -> pg_sys::LOCKMODE {
    (match hold {
        Hold::Row => pg_sys::RowExclusiveLock,
        Hold::Janitor => pg_sys::ShareRowExclusiveLock,
        Hold::NoWriter => pg_sys::ShareLock,
        Hold::Alone => pg_sys::AccessExclusiveLock,
    }) as pg_sys::LOCKMODE
}

/// Whether nothing has been appended to a segment since it was emptied, be it rolled back.
pub fn is_empty(place: &SegmentOids) -> bool {
    // SAFETY: called in a transaction.
    unsafe { blocks(place.table) == 0 }
}

/// Bytes on disk of a segment with its indexes, its TOAST table and the index of that; 0 when it has gone.
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
unsafe fn toast_of(table: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: the relation is open while it is looked at.
    unsafe {
        let opened = pg_sys::try_relation_open(table, SHARE);
        if opened.is_null() {
            return pg_sys::InvalidOid;
        }
        let toast = (*(*opened).rd_rel).reltoastrelid;
        pg_sys::relation_close(opened, SHARE);
        toast
    }
}

/// # Safety
/// Called in a transaction.
unsafe fn indexes_of(table: pg_sys::Oid) -> Vec<pg_sys::Oid> {
    // SAFETY: the relation is open while it is looked at.
    unsafe {
        let opened = pg_sys::try_relation_open(table, SHARE);
        if opened.is_null() {
            return Vec::new();
        }
        let list = pg_sys::RelationGetIndexList(opened);
        let indexes = pgrx::PgList::<pg_sys::Oid>::from_pg(list)
            .iter_oid()
            .collect();
        pg_sys::list_free(list);
        pg_sys::relation_close(opened, SHARE);
        indexes
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

/// Takes [`Hold::Alone`] of a segment until the transaction ends, waiting so many milliseconds at most; whoever comes
/// meanwhile waits behind. Then of its TOAST table, which is not waited for: false when an autovacuum against the
/// wraparound of ids holds that. Raises 55P03 when the segment was not free in time. For the janitor's process.
pub fn hold_alone(place: &SegmentOids, milliseconds: u32) -> bool {
    crate::pg::backend::worker::wait_for_locks(milliseconds);
    // SAFETY: called in a transaction.
    let toast = unsafe {
        pg_sys::LockRelationOid(place.table, mode(Hold::Alone));
        toast_of(place.table)
    };
    toast == pg_sys::InvalidOid || try_hold(toast, Hold::Alone)
}

/// Gives a segment, its TOAST table and its indexes new files, as TRUNCATE does (tablecmds.c, ExecuteTruncateGuts) but
/// without its WAL record for logical decoding: a subscriber that lacks the table must not hear of it. The caller holds
/// the segment by [`hold_alone`].
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
