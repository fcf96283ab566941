//! Transactions: ids, snapshots and times, as plain numbers.

use crate::pg::sys::raw;
use crate::timestamp::Timestamp;
use pgrx::pg_sys;

/// A snapshot as plain numbers: the ids below `xmax` that had not finished, and `xmax`, all 64 bits wide.
#[derive(Debug, Clone)]
pub struct SnapshotIds {
    pub xmax: u64,
    pub in_progress: Vec<u64>,
}

/// The snapshot to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The statement's own.
    Active,
    /// A fresh one, whatever the isolation level.
    Latest,
}

/// The ids of a snapshot.
pub fn snapshot(moment: Moment) -> SnapshotIds {
    // SAFETY: called in a transaction; both snapshots stay valid while their arrays are read, since nothing else runs.
    unsafe {
        let snapshot = match moment {
            Moment::Active => pg_sys::GetActiveSnapshot(),
            Moment::Latest => pg_sys::GetLatestSnapshot(),
        };
        let next = next_xid();
        let widen = |xid: pg_sys::TransactionId| widen(xid.into_inner(), next);
        // Taken during recovery, a snapshot lists every running id, top-level or not, in `subxip` and none in `xip`
        // (procarray.c, GetSnapshotData); entries carry top-level ids, which an overflow never removes from the list.
        let (list, count) = if (*snapshot).takenDuringRecovery {
            ((*snapshot).subxip, (*snapshot).subxcnt as usize)
        } else {
            ((*snapshot).xip, (*snapshot).xcnt as usize)
        };
        let running = if count == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(list, count)
        };
        SnapshotIds {
            xmax: widen((*snapshot).xmax),
            in_progress: running.iter().map(|xid| widen(*xid)).collect(),
        }
    }
}

/// The id that the next transaction will get.
pub fn next_xid() -> u64 {
    // SAFETY: reads shared state.
    unsafe { pg_sys::ReadNextFullTransactionId().value }
}

/// Whether a transaction committed, or began so long ago that this is not known any more. Its id was given out.
pub fn may_have_committed(xid: u64) -> bool {
    pgrx::check_for_interrupts!();
    // SAFETY: the function takes an xid8, and raises for one that was not given out; NULL stands for one that is too old.
    let status = unsafe {
        let xid = Some(pg_sys::Datum::from(xid));
        pgrx::direct_function_call::<String>(pg_sys::pg_xact_status, &[xid])
    };
    status.is_none_or(|status| status == "committed")
}

/// The 64-bit form of a 32-bit id that is at or below `next`, by less than half a circle.
pub(in crate::pg) fn widen(xid: u32, next: u64) -> u64 {
    let wide = (next & !0xffff_ffff) | u64::from(xid);
    if wide > next {
        wide.wrapping_sub(1 << 32)
    } else {
        wide
    }
}

/// The number of the running statement's command, as far as its snapshot shows it: the statements that run within it have
/// greater numbers once it has written. 0 if there is no snapshot.
pub fn statement_command() -> u32 {
    // SAFETY: reads backend state; an active snapshot is there until it is popped.
    unsafe {
        match pg_sys::ActiveSnapshotSet() {
            true => (*pg_sys::GetActiveSnapshot()).curcid,
            false => 0,
        }
    }
}

/// This transaction's top-level id, if it has one.
pub fn own_top_xid() -> Option<u64> {
    // SAFETY: reads backend state.
    let xid = unsafe { pg_sys::GetTopFullTransactionIdIfAny().value };
    (xid != 0).then_some(xid)
}

/// This transaction's top-level id; assigns one if there was none.
#[inline(always)]
pub fn top_xid() -> u64 {
    // SAFETY: called in a transaction that may write.
    unsafe {
        match raw::GetTopFullTransactionIdIfAny().value {
            0 => pg_sys::GetTopFullTransactionId().value,
            xid => xid,
        }
    }
}

/// The number of the current subtransaction within the transaction.
pub fn subtransaction() -> u32 {
    // SAFETY: reads backend state.
    unsafe { raw::GetCurrentSubTransactionId() }
}

/// The transaction and subtransaction in which something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    /// The top-level id.
    pub xid: u64,
    /// The number of the subtransaction within the transaction.
    pub subtransaction: u32,
}

impl Within {
    /// Those of now. Assigns an id if there was none.
    #[inline(always)]
    pub fn now() -> Within {
        Within {
            xid: top_xid(),
            subtransaction: subtransaction(),
        }
    }
}

/// When the transaction began.
pub fn transaction_start() -> Timestamp {
    // SAFETY: reads backend state.
    Timestamp::from_micros(unsafe { raw::GetCurrentTransactionStartTimestamp() })
}

/// Now.
pub fn now() -> Timestamp {
    // SAFETY: reads the clock.
    Timestamp::from_micros(unsafe { pg_sys::GetCurrentTimestamp() })
}

#[cfg(test)]
mod tests {
    use super::widen;

    #[test]
    fn ids_are_widened_below_the_next() {
        assert_eq!(widen(5, 10), 5);
        assert_eq!(widen(10, 10), 10);
        assert_eq!(widen(0xffff_fff0, (1 << 32) + 5), 0xffff_fff0);
        assert_eq!(widen(3, (7 << 32) + 5), (7 << 32) + 3);
    }
}
