//! Versions of rows: their places, the commands that created or ended them, and whether they have been superseded.

use crate::pg::backend::opened::Opened;
use crate::pg::call::trigger::Call;
use crate::pg::call::trigger::Fired;
use crate::pg::call::trigger::StoredRow;
use pgrx::pg_sys;
use std::num::NonZeroU16;

/// The place of a row version. It identifies the version during the transaction that saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// OID of the relation; of the partition if the row is in one.
    pub relation: u32,
    pub block: u32,
    pub offset: NonZeroU16,
}

/// The effect of a change on the versions of its row.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The command that made the change, as its number within the transaction.
    pub command: u32,
    pub old: Option<Version>,
    pub new: Option<Version>,
    /// Whether this transaction has replaced or deleted the new version by now. Other transactions cannot see it.
    pub superseded: bool,
}

/// The current state of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is the latest one.
    Stays,
    /// This transaction has replaced it by another version in the same relation.
    Replaced(Version),
    /// This transaction has deleted it or moved it to another partition, or it cannot be found.
    Gone,
}

/// The current state of a version that this transaction created in a relation that it has locked.
pub fn fate(of: Version) -> Fate {
    let Some(opened) = Opened::shared(of.relation.into()) else {
        return Fate::Gone;
    };
    // SAFETY: the relation is open, and the buffer that has the version pinned, while its header is read. Nobody else
    // changes a version that is not committed.
    unsafe {
        let mut tuple = pg_sys::HeapTupleData::default();
        tuple.t_self.ip_blkid.bi_hi = (of.block >> 16) as u16;
        tuple.t_self.ip_blkid.bi_lo = of.block as u16;
        tuple.t_self.ip_posid = of.offset.get();
        let mut buffer = pg_sys::InvalidBuffer as pg_sys::Buffer;
        let any = &raw mut pg_sys::SnapshotAnyData;
        if !pg_sys::heap_fetch(opened.relation(), any, &mut tuple, &mut buffer, false) {
            Fate::Gone
        } else {
            let fate = if is_superseded(StoredRow::of(&mut tuple)) {
                let next = (*tuple.t_data).t_ctid;
                match version_at(of.relation, next) {
                    Some(next) if next != of && next.block != MOVED => Fate::Replaced(next),
                    _ => Fate::Gone,
                }
            } else {
                Fate::Stays
            };
            pg_sys::ReleaseBuffer(buffer);
            fate
        }
    }
}

/// MovedPartitionsBlockNumber (itemptr.h): no block.
const MOVED: u32 = u32::MAX;

fn version_at(relation: u32, place: pg_sys::ItemPointerData) -> Option<Version> {
    Some(Version {
        relation,
        block: (u32::from(place.ip_blkid.bi_hi) << 16) | u32::from(place.ip_blkid.bi_lo),
        offset: NonZeroU16::new(place.ip_posid)?,
    })
}

impl Call<'_> {
    /// The step of a row trigger's change; `None` for TRUNCATE, and for rows that are not stored as heap tuples.
    #[inline(always)]
    pub fn step(&self) -> Option<Step> {
        // SAFETY: a trigger call carries its open relation.
        let relation = unsafe { &*self.raw_relation() };
        // SAFETY: an open relation has its pg_class row.
        if unsafe { (*relation.rd_rel).relam } != pg_sys::HEAP_TABLE_AM_OID {
            return None;
        }
        let version = |row: StoredRow| {
            // SAFETY: the row is a tuple that was fetched from the relation, with the place that it was fetched from.
            version_at(relation.rd_id.to_u32(), unsafe { (*row.tuple).t_self })
        };
        let fired = self.fired();
        let (command, superseded) = match fired {
            Fired::Delete { old } => (ended_by(old), false),
            Fired::Insert { new } | Fired::Update { new, .. } => (made_by(new), is_superseded(new)),
            Fired::Truncate => return None,
        };
        Some(Step {
            command,
            old: fired.old_row().and_then(version),
            new: fired.new_row().and_then(version),
            superseded,
        })
    }
}

/// The command that created a row, which this transaction has created.
fn made_by(row: StoredRow) -> u32 {
    // SAFETY: the row is a whole tuple. Where two commands of this transaction share the field, Postgres keeps both.
    unsafe {
        let header = (*row.tuple).t_data;
        if (*header).t_infomask & pg_sys::HEAP_COMBOCID as u16 == 0 {
            (*header).t_choice.t_heap.t_field3.t_cid
        } else {
            pg_sys::HeapTupleHeaderGetCmin(header)
        }
    }
}

/// The command that ended a row, which this transaction has ended.
fn ended_by(row: StoredRow) -> u32 {
    // SAFETY: as above.
    unsafe {
        let header = (*row.tuple).t_data;
        if (*header).t_infomask & pg_sys::HEAP_COMBOCID as u16 == 0 {
            (*header).t_choice.t_heap.t_field3.t_cid
        } else {
            pg_sys::HeapTupleHeaderGetCmax(header)
        }
    }
}

/// Whether a later command has replaced or deleted a row that this transaction created. False if that was rolled back,
/// or the row was only locked.
#[inline(always)]
fn is_superseded(row: StoredRow) -> bool {
    // SAFETY: the row is a whole tuple, fetched after whatever has been done to it by now.
    unsafe {
        let header = (*row.tuple).t_data;
        let mask = u32::from((*header).t_infomask);
        if mask & (pg_sys::HEAP_XMAX_INVALID | pg_sys::HEAP_XMAX_LOCK_ONLY) != 0 {
            return false;
        }
        let by = if mask & pg_sys::HEAP_XMAX_IS_MULTI != 0 {
            pg_sys::HeapTupleGetUpdateXid(header)
        } else {
            (*header).t_choice.t_heap.t_xmax
        };
        pg_sys::TransactionIdIsCurrentTransactionId(by)
    }
}
