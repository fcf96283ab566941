//! The running transactions, and the subtransactions that a standby may list as running.

use super::xact::{next_xid, widen, SnapshotIds};
use pgrx::pg_sys;
use std::collections::HashMap;

/// How many subtransactions of one transaction are kept from each end of their order. A standby forgets those that were
/// reported to it, 64 at a time and in order, except those in its initial snapshot (procarray.c).
const KEPT: usize = 128;

/// Places in the main array of lightweight locks (lwlocknames.txt).
const XID_GEN_LOCK: usize = 3;
const PROC_ARRAY_LOCK: usize = 4;

/// One reading of the process array.
struct Listed {
    xmax: u64,
    /// The index of the first running id.
    oldest: u64,
    ids: Vec<u64>,
    overflowed: bool,
}

/// The running ids, including subtransactions and this session's own ids. Unlike a snapshot it lists VACUUM, as a
/// standby does. Every listed id was running at some time during the call.
pub fn running() -> SnapshotIds {
    let first = listed();
    if !first.overflowed {
        return SnapshotIds {
            xmax: first.xmax,
            in_progress: first.ids,
        };
    }
    // A transaction that still runs when the array is read again was running while its subtransactions were looked up.
    let mut in_progress = subtransactions(&first);
    in_progress.extend(listed().ids);
    SnapshotIds {
        xmax: first.xmax,
        in_progress,
    }
}

fn listed() -> Listed {
    let next = next_xid();
    // SAFETY: called outside recovery. The function returns with both locks held (procarray.c); nothing raises before
    // they are given back. The array is this backend's own and stays as it is until the next call.
    unsafe {
        let data = &*pg_sys::GetRunningTransactionData();
        let release =
            |lock: usize| pg_sys::LWLockRelease(&raw mut (*pg_sys::MainLWLockArray.add(lock)).lock);
        release(PROC_ARRAY_LOCK);
        release(XID_GEN_LOCK);
        // The next id may have moved on since it was read, by less than half a circle.
        let next = next.max(next_xid());
        let wide = |xid: pg_sys::TransactionId| widen(xid.into_inner(), next);
        let count = (data.xcnt + data.subxcnt) as usize;
        let ids = std::slice::from_raw_parts(data.xids, count);
        Listed {
            xmax: wide(data.latestCompletedXid) + 1,
            oldest: wide(data.oldestRunningXid),
            ids: ids.iter().map(|xid| wide(*xid)).collect(),
            overflowed: data.subxid_status != pg_sys::subxids_array_status::SUBXIDS_IN_ARRAY,
        }
    }
}

/// The running subtransactions that do not fit in the process array. Every id since the oldest running one is looked
/// up, which takes about a second for ten million ids.
fn subtransactions(of: &Listed) -> Vec<u64> {
    let mut tops: HashMap<u32, Vec<u64>> =
        of.ids.iter().map(|xid| (*xid as u32, Vec::new())).collect();
    for xid in of.oldest..of.xmax {
        if xid % 4096 == 0 {
            pgrx::check_for_interrupts!();
        }
        if let Some(subtransactions) = unfinished_top(xid as u32).and_then(|top| tops.get_mut(&top))
        {
            subtransactions.push(xid);
        }
    }
    let mut found = Vec::new();
    for subtransactions in tops.values() {
        let count = subtransactions.len();
        let (head, tail) = (KEPT.min(count), count.saturating_sub(KEPT));
        found.extend_from_slice(&subtransactions[..head]);
        found.extend_from_slice(&subtransactions[tail.max(head)..]);
    }
    found
}

/// The transaction that an id belongs to, if the id has neither committed nor aborted.
fn unfinished_top(xid: u32) -> Option<u32> {
    if xid < pg_sys::FirstNormalTransactionId.into_inner() {
        return None;
    }
    let xid = pg_sys::TransactionId::from(xid);
    let mut lsn = 0;
    // SAFETY: the id is below the next one and not older than the oldest running one: both logs still have it.
    unsafe {
        let status = pg_sys::TransactionIdGetStatus(xid, &mut lsn) as u32;
        let finished = matches!(
            status,
            pg_sys::TRANSACTION_STATUS_COMMITTED | pg_sys::TRANSACTION_STATUS_ABORTED
        );
        (!finished).then(|| pg_sys::SubTransGetTopmostTransaction(xid).into_inner())
    }
}
